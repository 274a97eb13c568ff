"""The command tie."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_contransgan.cli.outputs import keep_inputs, many_figures, names_an_image, output_paths
from napari_contransgan.cli.runner import HINTS, Position, command, note, number_or_path, run
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
from napari_contransgan.errors import InputError
from napari_contransgan.io.inputs import find_inputs, stands_for_many
from napari_contransgan.io.names import without_results

if TYPE_CHECKING:
    from napari_contransgan.stacks.files import StackTask

QUANTITIES = ("path", "height", "dry-mass", "uncertainty")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "tie", "tie hela/stack/0000.ome.tif --out phase.ome.tif")(tie)


def tie(
    stack: Annotated[
        list[Path],
        typer.Argument(
            help="Through-focus stacks, each in one TIFF (ZYX or TZYX); folders of them, or patterns in quotes such as "
            "'day?/*.tif'.",
            show_default=False,
        ),
    ],
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
    workers: Annotated[int, typer.Option(min=1, help="Processes that work on many files, each on one stack.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a dask scheduler, whose workers compute; they must reach the same files."),
    ] = None,
    position: Position = None,
) -> Mapping[str, Any]:
    """Retrieve phase from through-focus stacks.

    Solves the transport of intensity equation. z grows along the path of the light: at +z, a specimen with a higher
    index than its medium is brighter in the middle. Time series are processed one time point at a time. Of several
    stacks, those that cannot be used are skipped and named; what was done and skipped is in retrieved.jsonl in the
    output folder, and the same command goes on where it stopped.
    """
    from napari_contransgan.quantities import Conversions
    from napari_contransgan.stacks.files import StackTask

    wanted = _wanted(also, index_contrast)
    stacks = stack
    many = len(stacks) > 1 or workers > 1 or scheduler is not None or any(map(stands_for_many, stacks))
    if many:
        if names_an_image(out):
            raise InputError("one file cannot hold the results of many stacks: give a folder", source=out)
        stacks = without_results(find_inputs(stacks), out, ("phase", *(f"phase_{kind}" for kind in QUANTITIES)))
    outputs = output_paths(out, stacks, "phase")
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
    tasks = [
        StackTask(path, output, settings, conversions, "uncertainty" in wanted, position)
        for path, output in zip(stacks, outputs, strict=True)
    ]
    keep_inputs([output for task in tasks for output in task.outputs], [*stacks, settings.flat_field, settings.dark])
    return _retrieve_many(tasks, out, workers, scheduler) if many else _retrieve(tasks[0])


def _retrieve(task: "StackTask") -> dict[str, Any]:
    from napari_contransgan.stacks.files import retrieve_file

    return _told(run(retrieve_file(task)))


def _retrieve_many(tasks: "list[StackTask]", out: Path, workers: int, scheduler: str | None) -> Mapping[str, Any]:
    from napari_contransgan.stacks.folders import retrieve_files

    result = run(retrieve_files(tasks, out, workers, scheduler))
    images = [_told(one) for one in result.results]
    return many_figures("retrieved", images, result, out)


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    """Print the notes of a result, and the options for its hints."""
    notes = [*result["notes"], *(HINTS[hint] for hint in result["hints"])]
    for text in notes:
        note(f"{result['input']}: {text}")
    return {name: value for name, value in result.items() if name != "hints"} | {"notes": notes}


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


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option} {text}: give 'auto' or a single number") from None
