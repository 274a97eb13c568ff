"""Commands that give figures: demo, evaluate."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from napari_contransgan.cli.runner import command, run
from napari_contransgan.cli.window import open_in_napari
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image


def add_demo(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "demo", "demo --out demo-output")(demo)


def add_evaluate(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "evaluate", "evaluate predicted.ome.tif hela/phase/0000.ome.tif")(evaluate)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for images, pictures and figures.", show_default=False)],
    gui: Annotated[bool, typer.Option("--gui", help="Then open the results in napari.")] = False,
) -> Mapping[str, Any]:
    """Do the main job on sample images.

    TIE, crop, predict, evaluate, and pictures of it all.
    """
    from napari_contransgan.demo import RESULTS, run_demo

    figures = run(run_demo(out))
    if gui:
        open_in_napari([out / name for name in RESULTS])
    return figures


def evaluate(
    phase: Annotated[Path, typer.Argument(help="Phase map to judge.", show_default=False)],
    label: Annotated[Path, typer.Argument(help="Phase map to judge it by.", show_default=False)],
    register: Annotated[bool, typer.Option("--register", help="Bring the phase onto the label first.")] = False,
    data_range: Annotated[
        float | None, typer.Option(help="Range in rad for SSIM and PSNR; else the label's own.", show_default=False)
    ] = None,
    beads: Annotated[bool, typer.Option("--beads", help="Measure the heights of beads in the phase.")] = False,
    index_contrast: Annotated[
        float | None, typer.Option(help="Of the beads: their index minus the medium's.", show_default=False)
    ] = None,
    wavelength: Annotated[
        float | None, typer.Option(help="For heights, in um; else the file's.", show_default=False)
    ] = None,
) -> Mapping[str, Any]:
    """Score a phase map against a label.

    Both are levelled by the median of their background, never fitted to each other. A map of finer pixels is
    averaged down to the other's where the ratio is a whole number.
    """
    if beads and index_contrast is None:
        raise InputError("--beads needs --index-contrast: give the beads' index minus the medium's, such as 0.03")
    from napari_contransgan.evaluation import compare

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
    return {**figures, "notes": list(found.notes)}


def _named_map(path: Path) -> Image:
    return replace(read_image(path), name=str(path))
