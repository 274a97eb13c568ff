"""Retrieve the phase of one file into another, and what is computed from it, one frame at a time."""

import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import Hint, errors_named
from napari_contransgan.io import Image, read_image, write_frames
from napari_contransgan.io.atomic import replaced_together, scratch_folder
from napari_contransgan.io.inputs import size_and_time
from napari_contransgan.io.names import next_to
from napari_contransgan.measuring import measure_frame
from napari_contransgan.notes import join_notes
from napari_contransgan.progress import Progress
from napari_contransgan.quantities import Conversions
from napari_contransgan.tie.heights import file_says_falling
from napari_contransgan.tie.retrieval import TieFrame, over_time, retrieve_frames

UNCERTAINTY = "uncertainty"


@dataclass(frozen=True)
class StackTask:
    """One focus stack whose phase is retrieved.

    Parameters
    ----------
    path : Path
        The stack.
    phase : Path
        File of its phase; those of the further results lie next to it.
    settings : TieSettings
        How the phase is retrieved.
    conversions : Conversions
        What is computed from the phase.
    uncertainty : bool
        Whether the uncertainty of the phase is written too.
    position : int or None
        Stage position in the file.
    takes_order : bool
        Whether planes that the file says are in order of falling z are flipped; otherwise a note advises it.
    usual_wavelength_um : float or None
        Wavelength if neither the settings nor the file state one.
    """

    path: Path
    phase: Path
    settings: TieSettings
    conversions: Conversions = field(default_factory=Conversions)
    uncertainty: bool = False
    position: int | None = None
    takes_order: bool = False
    usual_wavelength_um: float | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def further(self) -> Mapping[str, Path]:
        """Return the files of the further results, by what they hold."""
        kinds = [*self.conversions.functions, *([UNCERTAINTY] if self.uncertainty else [])]
        return {kind: next_to(self.phase, kind) for kind in kinds}

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Return the files that are written."""
        return (self.phase, *self.further.values())

    def depends_on(self) -> tuple[Any, ...]:
        """Return what the result depends on besides the stack: the settings, and pictures that they name."""
        settings = self.settings
        pictures = [size_and_time(one) for one in (settings.flat_field, settings.dark) if isinstance(one, Path)]
        others = self.position, self.takes_order, self.usual_wavelength_um, dataclasses.asdict(self.conversions)
        return settings.model_dump_json(), pictures, self.uncertainty, *others


@dataclass(frozen=True)
class _Retrieved:
    """All frames of a file, in temporary files.

    Parameters
    ----------
    phase, uncertainty : Image
        Of one frame or over time.
    tyx_std_rad : (T, Y, X) ndarray
        The uncertainty.
    figures : mapping
        Statistics of the phase.
    notes : tuple of str
        Of all frames.
    hints : tuple of Hint
        Settings that solve a problem.
    """

    phase: Image
    uncertainty: Image
    tyx_std_rad: NDArray[np.float32]
    figures: Mapping[str, float]
    notes: tuple[str, ...]
    hints: tuple[Hint, ...]


def retrieve_file(task: StackTask) -> Generator[Progress, None, dict[str, Any]]:
    """Retrieve the phase of a file; its results are written completely or not at all.

    Yields
    ------
    Progress
        Before the first frame and after each one.

    Returns
    -------
    dict
        Paths of the results, axes, shape, pixel size and range of the phase, dry masses if wanted, ``settings`` as
        used, the ``report`` of the first frame, ``notes`` for the user, and ``hints``, which name settings that solve a
        problem.

    Raises
    ------
    InputError
        If the file cannot be read, has no phase or a result cannot be written; the message names it.
    """
    image = _opened(task)
    settings = task.settings
    if task.takes_order and file_says_falling(image):
        settings = settings.model_copy(update={"flip_z": True})
    with (
        errors_named(task.path, image.name),
        replaced_together(task.phase.parent) as together,
        scratch_folder() as scratch,
    ):
        task.conversions.check(image.name)
        found = yield from _retrieved(image, settings, scratch)
        _write(together / task.phase.name, found.phase)
        if task.uncertainty:
            _write(together / task.further[UNCERTAINTY].name, found.uncertainty)
        for kind, convert in task.conversions.functions.items():
            _write_converted(found.phase, together / task.further[kind].name, convert)
        increment = task.conversions.refractive_increment_um3_per_pg
        masses = {} if increment is None else _masses(found, increment)
    return {
        "input": task.path,
        "phase": task.phase,
        **{kind.replace("-", "_"): path for kind, path in task.further.items()},
        "axes": found.phase.axes,
        "shape": found.phase.data.shape,
        "pixel_size_um": found.phase.pixel_size_um,
        **found.figures,
        **masses,
        "settings": found.phase.settings["tie"],
        "report": found.phase.settings["tie_report"],
        "notes": list(found.notes),
        "hints": list(found.hints),
    }


def _opened(task: StackTask) -> Image:
    image = read_image(task.path, lazy=True, position=task.position)
    return image if image.wavelength_um is not None else replace(image, wavelength_um=task.usual_wavelength_um)


def _retrieved(image: Image, settings: TieSettings, scratch: Path) -> Generator[Progress, None, _Retrieved]:
    """Retrieve one frame after the other, and keep them in files, since all together may not fit into memory."""
    statistics, first = _Statistics(), None
    notes: list[Sequence[str]] = []
    left_out: list[bool] = []
    hints: dict[Hint, None] = {}
    with closing(retrieve_frames(image, settings)) as events:
        for event in events:
            if isinstance(event, TieFrame):
                if first is None:
                    first, shape = event, (event.total, *event.phase.data.shape)
                    tyx_phase_rad, tyx_std_rad = (
                        np.memmap(scratch / name, np.float32, "w+", shape=shape) for name in ("phase", "std")
                    )
                tyx_phase_rad[event.step - 1] = event.phase.data
                tyx_std_rad[event.step - 1] = event.uncertainty.data
                statistics.add(event.phase.data[np.isfinite(event.uncertainty.data)])
                notes.append(event.notes)
                left_out.append(event.is_left_out)
                hints |= dict.fromkeys(event.hints)
            yield Progress(event.step, event.total, event.message)
    if first is None:
        raise AssertionError("a stack without a frame is refused")
    phase, uncertainty = (
        over_time(one, values, image)
        if first.phase.settings["tie_report"]["axes"] == "TYX"
        else replace(one, data=values[0])
        for one, values in ((first.phase, tyx_phase_rad), (first.uncertainty, tyx_std_rad))
    )
    joined = join_notes(notes, left_out)
    return _Retrieved(phase, uncertainty, tyx_std_rad, statistics.figures(), joined, tuple(hints))


class _Statistics:
    """Minimum, maximum and spread of the phase over all frames."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, 0.0, 0.0
        self._low, self._high = np.inf, -np.inf

    def add(self, values: NDArray[np.floating]) -> None:
        if values.size == 0:
            return
        self._count += values.size
        self._sum += float(values.sum(dtype=np.float64))
        self._squares += float(np.square(values, dtype=np.float64).sum())
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))

    def figures(self) -> dict[str, float]:
        mean = self._sum / self._count
        variance = max(self._squares / self._count - mean**2, 0.0)
        return {"min_rad": self._low, "max_rad": self._high, "std_rad": float(np.sqrt(variance))}


def _write(path: Path, image: Image) -> None:
    frames = image.data[np.newaxis] if image.axes == "YX" else image.data
    write_frames(path, image, iter(frames), image.data.shape)


def _write_converted(phase: Image, path: Path, convert: Callable[[Image], Image]) -> None:
    """Convert a phase to another quantity, one frame at a time."""
    first = convert(next(_single_frames(phase)))
    whole = replace(first, axes=phase.axes, time_step_s=phase.time_step_s)
    write_frames(path, whole, (convert(frame).data for frame in _single_frames(phase)), phase.data.shape)


def _single_frames(phase: Image) -> Iterator[Image]:
    frames = phase.data[np.newaxis] if phase.axes == "YX" else phase.data
    for yx_phase_rad in frames:
        yield replace(phase, data=np.asarray(yx_phase_rad), axes="YX")


def _masses(found: _Retrieved, refractive_increment: float) -> dict[str, Any]:
    """Return the dry mass of each object of the first frame with a phase, and the total of every frame."""
    totals, objects = [], None
    for frame, yx_std_rad in zip(_single_frames(found.phase), found.tyx_std_rad, strict=True):
        of_frame = measure_frame(frame, refractive_increment, yx_std_rad=np.asarray(yx_std_rad)).objects
        objects = of_frame if objects is None and np.any(frame.data) else objects
        totals.append(sum(one.dry_mass_pg for one in of_frame))
    return {"total_dry_mass_pg": totals, "objects": [dataclasses.asdict(one) for one in objects or []]}
