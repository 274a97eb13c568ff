"""Open each file, retrieve its phase, and print the result: ``python -m benchmarks.files``."""

import tempfile
from pathlib import Path

from benchmarks.files.cases import GROUPS, Make

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import retrieve_phase

OPTIONS = {"a dark level of 100 counts, given": {"dark": 100}}
LONGEST = 150


def outcome(make: Make, options: dict[str, object], lazy: bool) -> str:
    """Return the largest phase and the notes, or why the file was rejected."""
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder))
        try:
            image = read_image(path, lazy=lazy)
            result = result_of(retrieve_phase(image, TieSettings.checked(options)), lambda _: None)
        except InputError as error:
            return _short(f"refused: {error.reason}")
        except Exception as error:
            return f"FAULT {type(error).__name__}: {error}"
        phase = result.phase.data
        frames = phase if phase.ndim == 3 else phase[None]
        peaks = ", ".join(f"{frame.max():.2f}" for frame in frames)
        notes = " | ".join(dict.fromkeys((*getattr(image, "notes", ()), *result.notes)))
        return f"{peaks} rad" + (f"; {_short(notes)}" if notes else "")


def _short(text: str) -> str:
    text = text.replace("\n", " ").replace("|", "/")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def main() -> None:
    """Print one table for each group of files; every file contains a cell of 1 rad."""
    for title, cases in GROUPS.items():
        print(f"\n{title}\n\n| file | result |\n| --- | --- |")
        for name, make in cases.items():
            options: dict[str, object] = {**OPTIONS.get(name, {})}
            try:
                eager, lazy = (outcome(make, options, lazy) for lazy in (False, True))
            except InputError as error:
                eager = lazy = f"refused: {error}"
            both = eager if eager == lazy else f"{eager} BUT LAZY {lazy}"
            print(f"| {name} | {both} |")


if __name__ == "__main__":
    main()
