"""The runs that were trained on this computer, so that widgets and commands can offer their networks."""

import json
import logging
from pathlib import Path

from platformdirs import user_data_path

from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.plain_files import plain_json, read_text
from napari_contransgan.training.run_folder import BEST

MAX_KNOWN = 20
MAX_REMEMBERED = 100
"""More runs are remembered than offered, since some are on drives not always connected, and some are deleted."""

_log = logging.getLogger(__name__)


def remember_run(folder: Path) -> None:
    """Remember a run as the latest one; if that cannot be written, only log it."""
    path = Path(folder).absolute()
    others = [other for other in _remembered() if other != path]
    names = [str(one) for one in [path, *others][:MAX_REMEMBERED]]
    try:
        write_atomically(_list_file(), json.dumps({"runs": names}, indent=1).encode())
    except OSError as error:
        _log.warning("%s: cannot be written, so the run %s will not be offered: %s", _list_file(), path, error)


def known_runs() -> list[Path]:
    """Return the folders of up to 20 runs that still contain a network, the latest first."""
    return [folder for folder in _remembered() if _holds_network(folder)][:MAX_KNOWN]


def run_titles(folders: list[Path]) -> dict[str, Path]:
    """Name runs by their folder, with the parent folder if two names are equal; keep the given order."""
    names = [folder.name for folder in folders]
    return {
        f"run: {folder.name}" if names.count(folder.name) == 1 else f"run: {folder.name} ({folder.parent})": folder
        for folder in folders
    }


def _list_file() -> Path:
    return user_data_path("napari-contransgan", appauthor=False) / "runs.json"


def _remembered() -> list[Path]:
    try:
        names = plain_json(read_text(_list_file()))["runs"]
        return [Path(name) for name in names]
    except (ValueError, KeyError, TypeError):
        return []


def _holds_network(folder: Path) -> bool:
    try:
        return (folder / BEST).is_file()
    except OSError:
        return False
