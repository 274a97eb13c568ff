"""The command measure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from napari_contransgan.cli.measured_files import MeasuredFiles
from napari_contransgan.cli.outputs import keep_inputs
from napari_contransgan.cli.runner import command, note, run
from napari_contransgan.config import MeasureSettings
from napari_contransgan.errors import InputError, errors_named
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.io.names import next_to

if TYPE_CHECKING:
    from napari_contransgan.evaluation import BeadHeight
    from napari_contransgan.measuring import Measurement


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "measure", "measure phase.ome.tif --out cells.csv")(measure)


def measure(
    phase: Annotated[list[Path], typer.Argument(help="Phase maps (YX or TYX).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Table to write, a .csv file.", show_default=False)],
    labels: Annotated[
        Path | None, typer.Option(help="Label image of the objects, for example from Cellpose.", show_default=False)
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Phase above the background from which on a pixel belongs to an object, in rad.", show_default=False
        ),
    ] = None,
    smallest_area: Annotated[float, typer.Option(help="Area in um^2 below which objects are left out.")] = 20.0,
    rim: Annotated[
        float, typer.Option(help="How far the thin rim of an object may reach beyond the threshold, in um.")
    ] = 6.0,
    refractive_increment: Annotated[float, typer.Option(help="Refractive increment in um^3/pg (ml/g).")] = 0.19,
    uncertainty: Annotated[
        Path | None,
        typer.Option(help="Uncertainty map. [default: PHASE_uncertainty, if it exists]", show_default=False),
    ] = None,
    wavelength: Annotated[
        float | None, typer.Option(help="Vacuum wavelength in um. [default: the file's]", show_default=False)
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Pixel size in um. [default: the file's]", show_default=False)
    ] = None,
    largest_step: Annotated[
        float | None,
        typer.Option(
            help="Largest movement between frames in um. [default: the diameter of the objects]", show_default=False
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Also write the phase along a line, 'y0,x0,y1,x1' in um.", show_default=False)
    ] = None,
    index_contrast: Annotated[
        float | None,
        typer.Option(
            help="Also measure the heights of beads; their refractive index minus that of the medium.",
            show_default=False,
        ),
    ] = None,
    plots: Annotated[
        Literal["png", "svg"] | None,
        typer.Option(help="Also save plots of profiles, growth and bead heights.", show_default=False),
    ] = None,
    save_labels: Annotated[
        Path | None, typer.Option(help="Also write the objects as a label image.", show_default=False)
    ] = None,
) -> Mapping[str, Any]:
    """Measure the cells or other objects of phase maps.

    Gives the area, mean and largest phase, optical volume, dry mass with its standard error, eccentricity and position
    of each object, and links objects over the frames of a time series. On request also the phase along a line and the
    heights of beads.
    """
    from napari_contransgan.evaluation import bead_heights
    from napari_contransgan.measuring import growth_of, measure_objects
    from napari_contransgan.measuring.tables import check_table_name

    check_table_name(out)
    if len(phase) > 1 and (labels is not None or uncertainty is not None or save_labels is not None):
        raise InputError("--labels, --uncertainty and --save-labels belong to one phase map: measure one at a time")
    if labels is not None and threshold is not None:
        raise InputError("--labels and --threshold: both say where the objects are: give only one of them")
    values = {
        "threshold_rad": threshold,
        "smallest_area_um2": smallest_area,
        "rim_um": rim,
        "refractive_increment_um3_per_pg": refractive_increment,
        "largest_step_um": largest_step,
    }
    settings = MeasureSettings.checked(values, source="measure")
    line = None if profile is None else _line(profile)
    keep_inputs([out, *([] if save_labels is None else [save_labels])], [*phase, labels, uncertainty])
    figures: list[dict[str, Any]] = []
    results = MeasuredFiles(out, plots)
    notes: list[str] = []
    for path in phase:
        image = replace(read_image(path, lazy=True), name=str(path))
        image = replace(
            image,
            wavelength_um=image.wavelength_um if wavelength is None else wavelength,
            pixel_size_um=image.pixel_size_um if pixel_size is None else pixel_size,
        )
        std = _uncertainty(path, uncertainty)
        given = None if labels is None else np.asarray(read_image(labels).data)
        figures.append({})
        with errors_named(path, image.name):
            found = run(measure_objects(image, settings, labels=given, uncertainty=std))
            if line is not None:
                results.profiles += list(_profiles(image, *line))
            if index_contrast is not None:
                beads = bead_heights(replace(image, data=np.asarray(image.data)), index_contrast)
                results.beads[str(path)] = beads
                figures[-1] = _bead_figures(beads)
        results.objects[str(path)] = found.objects
        if image.axes == "TYX":
            results.growth[str(path)] = growth_of(found.objects, image.time_step_s)
        notes += [f"{path}: {text}" for text in found.notes]
        figures[-1] = _figures(path, found) | figures[-1]
        if save_labels is not None:
            write_image(save_labels, replace(image, data=found.labels, quantity="intensity", settings={}))
    written: dict[str, Any] = dict(results.write())
    if save_labels is not None:
        written["labels"] = save_labels
    for text in notes:
        note(text)
    return {**written, "images": figures, "notes": notes}


def _bead_figures(beads: "Sequence[BeadHeight]") -> dict[str, Any]:
    heights_um = [bead.height_um for bead in beads]
    return {
        "bead_count": len(beads),
        "bead_height_mean_um": float(np.mean(heights_um)) if heights_um else None,
        "bead_height_std_um": float(np.std(heights_um)) if heights_um else None,
        "beads": [asdict(bead) for bead in beads],
    }


def _figures(path: Path, found: "Measurement") -> dict[str, Any]:
    masses_pg = [one.dry_mass_pg for one in found.objects]
    return {
        "phase": path,
        "count": len(found.objects),
        "total_dry_mass_pg": sum(masses_pg, start=0.0),
        "median_dry_mass_pg": float(np.median(masses_pg)) if masses_pg else None,
        "threshold_rad": list(found.thresholds_rad),
        "objects": [asdict(one) for one in found.objects],
    }


def _uncertainty(path: Path, stated: Path | None) -> Image | None:
    """Read the given uncertainty map, or the one next to the phase."""
    if stated is None:
        stated = next_to(path, "uncertainty")
        if not stated.is_file():
            return None
    return read_image(stated, lazy=True)


def _profiles(image: Image, start_yx_um: tuple[float, float], end_yx_um: tuple[float, float]) -> Iterator[Any]:
    from napari_contransgan.measuring import profile_along

    frames = [image.data] if image.axes == "YX" else image.data
    for index, yx_phase_rad in enumerate(frames):
        name = image.name if image.axes == "YX" else f"{image.name} frame {index}"
        yield profile_along(replace(image, data=np.asarray(yx_phase_rad), axes="YX", name=name), start_yx_um, end_yx_um)


def _line(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    try:
        y0, x0, y1, x1 = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--profile {text}: give four numbers in um, 'y0,x0,y1,x1'") from None
    return (y0, x0), (y1, x1)
