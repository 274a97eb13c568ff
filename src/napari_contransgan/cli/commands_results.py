"""Commands that give figures: demo, evaluate."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from napari_contransgan.cli.runner import command, naming, run
from napari_contransgan.cli.window import open_in_napari
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels, read_image
from napari_contransgan.optics import check_pixel_size, check_wavelength
from napari_contransgan.resampling import block_mean

PIXEL_SIZES_AGREE = 0.01


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
    from napari_contransgan.evaluation import evaluate as score
    from napari_contransgan.evaluation import measure_bead_heights
    from napari_contransgan.evaluation import register as bring_onto

    whole = phase_map = _read_map(phase)
    label_map = _read_map(label)
    for path, image in ((phase, phase_map), (label, label_map)):
        _refuse_counts(path, image)
    phase_map, label_map, notes = _same_grid(phase_map, label_map, phase, label)
    yx_phase_rad, yx_label_rad = phase_map.data, label_map.data
    figures: dict[str, Any] = {"phase": phase, "label": label, "pixel_size_um": label_map.pixel_size_um}
    if register:
        found = bring_onto(yx_phase_rad, yx_label_rad)
        rows, columns = _largest_whole(found.yx_valid)
        yx_phase_rad, yx_label_rad = found.yx_aligned_rad[rows, columns], yx_label_rad[rows, columns]
        figures["registration"] = {
            "shift_yx_px": found.shift_yx_px,
            "scale": found.scale,
            "rotation_rad": found.rotation_rad,
        }
    elif yx_phase_rad.shape != yx_label_rad.shape:
        shapes = f"{'x'.join(map(str, yx_phase_rad.shape))} and {'x'.join(map(str, yx_label_rad.shape))} pixels"
        raise InputError(f"{phase} and {label}: have {shapes} on one grid: crop one, or give --register")
    figures["shape"] = yx_label_rad.shape
    with naming(phase, phase_map):
        figures |= asdict(score(yx_phase_rad, yx_label_rad, data_range_rad=data_range))
    if beads and index_contrast is not None:
        stated = (wavelength, whole.wavelength_um, label_map.wavelength_um)
        used_um = next((value for value in stated if value is not None), None)
        if used_um is None:
            raise InputError(f"{phase}: states no wavelength: give --wavelength in um")
        pixel_um = check_pixel_size(whole.pixel_size_um, str(phase))
        measured = measure_bead_heights(whole.data, pixel_um, check_wavelength(used_um), index_contrast)
        heights_um = [bead.height_um for bead in measured]
        figures |= {
            "bead_count": len(measured),
            "bead_height_mean_um": float(np.mean(heights_um)) if heights_um else None,
            "bead_height_std_um": float(np.std(heights_um)) if heights_um else None,
            "beads": [asdict(bead) for bead in measured],
        }
    return {**figures, "notes": notes}


def _read_map(path: Path) -> Image:
    image = read_image(path)
    with naming(path, image):
        check_pixels(image)
    if image.axes != "YX":
        raise InputError(f"{path}: has the axes {image.axes}: give a single phase map (YX)")
    return image


def _refuse_counts(path: Path, image: Image) -> None:
    """Refuse what a camera counted; maps of other programs, which state no quantity, hold real numbers."""
    if image.quantity not in ("phase", "intensity"):
        raise InputError(f"{path}: holds {image.quantity}, no phase: give phase maps")
    if image.quantity != "phase" and image.data.dtype.kind != "f":
        raise InputError(
            f"{path}: is a camera frame of {image.data.dtype} counts, no phase in radians: give phase maps"
        )


def _same_grid(phase: Image, label: Image, phase_path: Path, label_path: Path) -> tuple[Image, Image, list[str]]:
    """Average the finer of two maps down to the pixels of the coarser, where both state their size."""
    sizes_um = phase.pixel_size_um, label.pixel_size_um
    if sizes_um[0] is None or sizes_um[1] is None:
        return phase, label, []
    ratio = max(sizes_um[0], sizes_um[1]) / min(sizes_um[0], sizes_um[1])
    step = round(ratio)
    if abs(ratio / step - 1) > PIXEL_SIZES_AGREE:
        text = f"pixels of {sizes_um[0]:g} and {sizes_um[1]:g} um"
        raise InputError(f"{phase_path} and {label_path}: have {text}, no whole ratio: resample one of them")
    if step == 1:
        return phase, label, []
    finer, path = (phase, phase_path) if sizes_um[0] < sizes_um[1] else (label, label_path)
    if min(finer.data.shape) < step:
        raise InputError(f"{path}: is smaller than one pixel of the other map: choose another")
    coarse = replace(finer, data=block_mean(finer.data, step), pixel_size_um=max(sizes_um[0], sizes_um[1]))
    notes = [f"{path}: averaged over {step} x {step} pixels to {coarse.pixel_size_um:g} um"]
    return (coarse, label, notes) if finer is phase else (phase, coarse, notes)


def _largest_whole(yx_valid: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Find a rectangle without a hole by taking away, side after side, the worst row or column of the border."""
    top, left, bottom, right = 0, 0, *yx_valid.shape
    while top < bottom and left < right and not yx_valid[top:bottom, left:right].all():
        inside = ~yx_valid[top:bottom, left:right]
        worst = int(np.argmax([inside[0].mean(), inside[-1].mean(), inside[:, 0].mean(), inside[:, -1].mean()]))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    return slice(top, bottom), slice(left, right)
