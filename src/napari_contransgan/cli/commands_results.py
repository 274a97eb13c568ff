"""The commands demo and evaluate."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from napari_contransgan.cli.outputs import keep_inputs
from napari_contransgan.cli.runner import command, run
from napari_contransgan.cli.window import open_in_napari
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image


def add_demo(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "demo", "demo --out demo-output")(demo)


def add_evaluate(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "evaluate", "evaluate predicted.ome.tif hela/phase/0000.ome.tif")(evaluate)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for images, pictures and scores.", show_default=False)],
    gui: Annotated[bool, typer.Option("--gui", help="Open the results in napari afterwards.")] = False,
) -> Mapping[str, Any]:
    """Run the whole workflow on sample images.

    Runs TIE, tiling, prediction and scoring, and draws a summary picture.
    """
    from napari_contransgan.demo import RESULTS, run_demo

    figures = run(run_demo(out))
    if gui:
        open_in_napari([out / name for name in RESULTS])
    return figures


def evaluate(
    phase: Annotated[Path, typer.Argument(help="Phase map to score.", show_default=False)],
    label: Annotated[Path, typer.Argument(help="Reference phase map.", show_default=False)],
    register: Annotated[
        bool, typer.Option("--register", help="First register the phase map onto the reference.")
    ] = False,
    data_range: Annotated[
        float | None,
        typer.Option(help="Range in rad for SSIM and PSNR. [default: the reference's own]", show_default=False),
    ] = None,
    beads: Annotated[bool, typer.Option("--beads", help="Measure the heights of beads in the phase map.")] = False,
    index_contrast: Annotated[
        float | None, typer.Option(help="Refractive index of the beads minus that of the medium.", show_default=False)
    ] = None,
    wavelength: Annotated[
        float | None, typer.Option(help="Wavelength in um, for heights. [default: the file's]", show_default=False)
    ] = None,
    difference: Annotated[
        Path | None,
        typer.Option(help="Also write the difference of the maps, a .tif file.", show_default=False),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also plot one map against the other, a .png or .svg file.", show_default=False),
    ] = None,
) -> Mapping[str, Any]:
    """Score a phase map against a reference.

    Both are levelled by the median of their background and never fitted to each other. The map with the smaller pixels
    is averaged to the pixels of the other.
    """
    if beads and index_contrast is None:
        raise InputError("--beads needs --index-contrast: give the beads' index minus the medium's, such as 0.03")
    from napari_contransgan.drawing import check_plot_name, save_figure
    from napari_contransgan.evaluation import compare

    keep_inputs([path for path in (difference, plot) if path is not None], [phase, label])
    if plot is not None:
        check_plot_name(plot)
    found = compare(
        _named_map(phase),
        _named_map(label),
        register_first=register,
        data_range_rad=data_range,
        index_contrast=index_contrast if beads else None,
        wavelength_um=wavelength,
    )
    figures: dict[str, Any] = {"phase": phase, "label": label, "pixel_size_um": found.pixel_size_um}
    if found.registration is not None:
        figures["registration"] = {
            "shift_yx_px": found.registration.shift_yx_px,
            "scale": found.registration.scale,
            "rotation_rad": found.registration.rotation_rad,
        }
    figures |= {"shape": found.shape_yx, **asdict(found.scores)}
    if found.beads is not None:
        heights_um = [bead.height_um for bead in found.beads]
        figures |= {
            "bead_count": len(heights_um),
            "bead_height_mean_um": float(np.mean(heights_um)) if heights_um else None,
            "bead_height_std_um": float(np.std(heights_um)) if heights_um else None,
            "beads": [asdict(bead) for bead in found.beads],
        }
    if difference is not None:
        write_image(difference, found.difference)
        figures["difference"] = difference
    if plot is not None:
        from napari_contransgan.measuring.plots import draw_comparison

        save_figure(plot, draw_comparison(found, (phase.name, label.name)))
        figures["plot"] = plot
    return {**figures, "notes": list(found.notes)}


def _named_map(path: Path) -> Image:
    return replace(read_image(path), name=str(path))
