"""The command tie."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape

from napari_contransgan.cli.outputs import keep_inputs, output_paths
from napari_contransgan.cli.runner import HINTS, Position, command, note, number_or_path, progress_bar
from napari_contransgan.cli.stack_options import (
    CondenserAperture,
    DarkLevel,
    Drift,
    FocusPlane,
    ObjectiveNA,
    PixelSize,
    PlaneDistance,
    PlaneHeights,
    Wavelength,
    heights_um,
)
from napari_contransgan.config import TieSettings
from napari_contransgan.errors import Hint, InputError, errors_named
from napari_contransgan.io import Image, read_image, write_frames
from napari_contransgan.io.atomic import replaced_together
from napari_contransgan.io.names import next_to
from napari_contransgan.notes import join_notes
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.tie import TieFrame

QUANTITIES = ("path", "height", "dry-mass", "uncertainty")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "tie", "tie hela/stack/0000.ome.tif --out phase.ome.tif")(tie)


def tie(
    stack: Annotated[Path, typer.Argument(help="Through-focus stack in one TIFF (ZYX or TZYX).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Output: a .tif file, or a folder.", show_default=False)],
    method: Annotated[
        str, typer.Option(help="Solver: anchored, teague, dct, fft, us-tie or wotf; see docs/tie.md.")
    ] = "anchored",
    wavelength: Wavelength = None,
    dz: PlaneDistance = None,
    z: PlaneHeights = None,
    focus: FocusPlane = None,
    pixel_size: PixelSize = None,
    flip_z: Annotated[bool, typer.Option("--flip-z", help="Planes are in order of falling z.")] = False,
    regularisation: Annotated[
        str, typer.Option(help="Damping of large structures: 'auto', or a number of 0 (off) or more.")
    ] = "auto",
    na: ObjectiveNA = None,
    coherence: CondenserAperture = None,
    dark: DarkLevel = None,
    flat_field: Annotated[str | None, typer.Option(help="Image of an empty field to divide by, or 'estimate'.")] = None,
    specimen: Annotated[
        str, typer.Option(help="Sign of the specimen's phase, for anchored: auto, positive, negative or both.")
    ] = "auto",
    drift: Drift = True,
    dead_pixels: Annotated[bool, typer.Option(help="Replace dead and hot pixels.")] = True,
    saturation: Annotated[bool, typer.Option(help="Estimate the intensity in saturated spots.")] = True,
    equal_sums: Annotated[bool, typer.Option(help="Scale all planes to the same sum.")] = True,
    light_correction: Annotated[bool, typer.Option(help="Remove slow changes of the lighting between planes.")] = True,
    magnification: Annotated[bool, typer.Option(help="Correct a change of magnification between planes.")] = False,
    also: Annotated[
        str, typer.Option(help="Further results to write, separated by commas: path, height, dry-mass, uncertainty.")
    ] = "",
    index_contrast: Annotated[
        float | None, typer.Option(help="Refractive index of the specimen minus that of the medium, for the height.")
    ] = None,
    refractive_increment: Annotated[
        float, typer.Option(help="Refractive increment in um^3/pg (ml/g), for the dry mass of cells.")
    ] = 0.19,
    position: Position = None,
) -> Mapping[str, Any]:
    """Retrieve phase from a through-focus stack.

    Solves the transport of intensity equation. z grows along the path of the light: at +z, a specimen with a higher
    index than its medium is brighter in the middle. Time series are processed one time point at a time.
    """
    from napari_contransgan.quantities import Conversions
    from napari_contransgan.tie import retrieve_frames

    wanted = _wanted(also, index_contrast)
    (output,) = output_paths(out, [stack], "phase")
    image = read_image(stack, lazy=True, position=position)
    values: dict[str, Any] = {
        "method": method,
        "wavelength_um": wavelength,
        "dz_um": dz,
        "z_um": heights_um(z),
        "pixel_size_um": pixel_size,
        "focus_index": focus,
        "flip_z": flip_z,
        "regularisation": "auto" if regularisation == "auto" else _number(regularisation, "--regularisation"),
        "numerical_aperture": na,
        "coherence": coherence,
        "dark": number_or_path(dark),
        "flat_field": flat_field,
        "specimen_sign": specimen,
        "drift": drift,
        "dead_pixels": dead_pixels,
        "saturation": saturation,
        "equal_sums": equal_sums,
        "light_correction": light_correction,
        "magnification": magnification,
    }
    settings = TieSettings.checked(values, source="tie")
    conversions = Conversions("path" in wanted, index_contrast, refractive_increment if "dry-mass" in wanted else None)
    keep_inputs([output, *(next_to(output, kind) for kind in wanted)], [stack, settings.flat_field, settings.dark])
    with (
        errors_named(stack, image.name),
        replaced_together(output.parent) as together,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
    ):
        conversions.check(image.name)
        frames = retrieve_frames(image, settings)
        written = together / output.name
        first, figures, notes, tyx_std_rad = _written(frames, image, written, wanted, Path(scratch))
        for kind, convert in conversions.functions.items():
            _write_quantity(written, next_to(written, kind), convert)
        if "dry-mass" in wanted:
            figures |= _masses(written, tyx_std_rad, refractive_increment)
    for text in notes:
        note(f"{stack}: {text}")
    return {
        "phase": output,
        **{kind.replace("-", "_"): next_to(output, kind) for kind in wanted},
        **figures,
        "settings": first.phase.settings["tie"],
        "report": first.phase.settings["tie_report"],
        "notes": list(notes),
    }


def _wanted(also: str, index_contrast: float | None) -> list[str]:
    wanted = [part.strip() for part in also.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in QUANTITIES]
    if unknown:
        raise InputError(f"--also {unknown[0]}: use one or more of {', '.join(QUANTITIES)}")
    if index_contrast is not None and "height" not in wanted:
        wanted.append("height")
    if "height" in wanted and index_contrast is None:
        raise InputError("--also height: the height needs the index contrast: add --index-contrast, for example 0.03")
    return list(dict.fromkeys(wanted))


def _written(
    events: Generator[Progress, None, None],
    image: Image,
    output: Path,
    wanted: Sequence[str],
    scratch: Path,
) -> tuple["TieFrame", dict[str, Any], tuple[str, ...], NDArray[np.float32]]:
    """Write each frame when it is ready; return the first one, and statistics, notes and uncertainties of all.

    The uncertainties are kept in the folder `scratch`, because each frame is produced only once.
    """
    from napari_contransgan.tie import TieFrame
    from napari_contransgan.tie.retrieval import over_time

    with progress_bar() as bar, contextlib.closing(events):
        task = bar.add_task("", total=None)

        def frames() -> Iterator[TieFrame]:
            for event in events:
                bar.update(task, completed=event.step, total=event.total, description=escape(event.message))
                if isinstance(event, TieFrame):
                    yield event

        coming = frames()
        first = next(coming)
        is_series = first.phase.settings["tie_report"]["axes"] == "TYX"
        shape = (first.total, *first.phase.data.shape) if is_series else first.phase.data.shape
        phase = over_time(first.phase, first.phase.data, image) if is_series else first.phase
        statistics = _Statistics()
        notes: list[tuple[str, ...]] = []
        left_out: list[bool] = []
        hints: dict[Hint, str] = {}
        tyx_std_rad = np.memmap(scratch / "std", np.float32, "w+", shape=(first.total, *shape[-2:]))

        def phases() -> Iterator[NDArray[Any]]:
            frame: TieFrame | None = first
            while frame is not None:
                tyx_std_rad[frame.step - 1] = frame.uncertainty.data
                statistics.add(frame.phase.data[np.isfinite(frame.uncertainty.data)])
                notes.append(frame.notes)
                left_out.append(frame.is_left_out)
                hints.update((hint, HINTS[hint]) for hint in frame.hints)
                yield frame.phase.data
                frame = next(coming, None)

        write_frames(output, phase, phases(), shape)
        if "uncertainty" in wanted:
            path = next_to(output, "uncertainty")
            write_frames(path, replace(phase, **_as_uncertainty(first)), iter(tyx_std_rad), shape)
    figures = {"axes": phase.axes, "shape": shape, "pixel_size_um": phase.pixel_size_um, **statistics.figures()}
    return first, figures, (*join_notes(notes, left_out), *hints.values()), tyx_std_rad


def _as_uncertainty(first: "TieFrame") -> dict[str, Any]:
    return {"quantity": first.uncertainty.quantity, "name": first.uncertainty.name}


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


def _write_quantity(phase_path: Path, path: Path, convert: Callable[[Image], Image]) -> None:
    """Convert a saved phase to another quantity, one frame at a time."""
    phase = read_image(phase_path, lazy=True)
    first = convert(next(_single_frames(phase)))
    whole = replace(first, axes=phase.axes, time_step_s=phase.time_step_s)
    write_frames(path, whole, (convert(frame).data for frame in _single_frames(phase)), phase.data.shape)


def _single_frames(phase: Image) -> Iterator[Image]:
    frames = [phase.data] if phase.axes == "YX" else phase.data
    for yx_phase_rad in frames:
        yield replace(phase, data=np.asarray(yx_phase_rad), axes="YX")


def _masses(phase_path: Path, tyx_std_rad: NDArray[np.float32], refractive_increment: float) -> dict[str, Any]:
    """Return the dry mass of each object of the first frame with a phase, and the total of every frame."""
    from napari_contransgan.measuring import measure_frame

    totals, objects = [], None
    for frame, yx_std_rad in zip(_single_frames(read_image(phase_path, lazy=True)), tyx_std_rad, strict=True):
        found = measure_frame(frame, refractive_increment, yx_std_rad=np.asarray(yx_std_rad)).objects
        objects = found if objects is None and np.any(frame.data) else objects
        totals.append(sum(one.dry_mass_pg for one in found))
    return {"total_dry_mass_pg": totals, "objects": [dataclasses.asdict(one) for one in objects or []]}


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option} {text}: give 'auto' or a single number") from None
