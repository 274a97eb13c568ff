"""The main job, end to end, on the sample images: TIE, crop, predict, evaluate, pictures."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings, TieSettings, TileSettings
from napari_contransgan.evaluation import Scores, evaluate, line_profile
from napari_contransgan.events import Progress
from napari_contransgan.files import write_atomically
from napari_contransgan.held_out import DATA_RANGE_RAD as HELD_OUT_RANGE_RAD
from napari_contransgan.inference import predict
from napari_contransgan.io import Image, write_image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.samples import sample_frame_and_truth, sample_stack_and_truth
from napari_contransgan.surface import SurfaceMesh, surface_from_map
from napari_contransgan.tie import retrieve_phase
from napari_contransgan.tiles import crop_tiles

DATA_RANGE_RAD = HELD_OUT_RANGE_RAD["hela"]
STACK, STACK_PHASE = "sample_stack_40x.ome.tif", "sample_stack_40x_phase.ome.tif"
FRAME, FRAME_PHASE, FRAME_TRUTH = (
    "sample_frame_10x.ome.tif",
    "sample_frame_10x_phase.ome.tif",
    "sample_frame_10x_true_phase.ome.tif",
)
RESULTS = (FRAME, FRAME_PHASE, STACK, STACK_PHASE)
"""What to open to look at the demo's work."""

UM_PER_RAD = 5.0
"""Vertical exaggeration of the summary's surface: a radian is drawn 5 um high."""


def run_demo(out: Path) -> Generator[Progress, None, dict[str, Any]]:
    """Run the main job on the samples and write everything to a folder.

    Parameters
    ----------
    out : Path
        Gets the OME-TIFFs, ``tiles/``, ``summary.png`` and ``figures.json``.

    Yields
    ------
    Progress
        One for each part.

    Returns
    -------
    dict
        The figures: scores of TIE and of the network against the true phase.
    """
    out.mkdir(parents=True, exist_ok=True)
    steps = 6
    yield Progress(0, steps, "simulating a 40x focus stack")
    stack, stack_truth = sample_stack_and_truth()
    write_image(out / STACK, stack)

    yield Progress(1, steps, "retrieving its phase (TIE)")
    tie_phase = (yield from retrieve_phase(stack, TieSettings())).phase
    write_image(out / STACK_PHASE, tie_phase)
    binned = _binned_to_model_grid(tie_phase)
    tie_scores = evaluate(binned, stack_truth.data, data_range_rad=DATA_RANGE_RAD)

    yield Progress(2, steps, "simulating a 10x frame and cutting it into 4 x 4 tiles")
    frame, truth = sample_frame_and_truth()
    write_image(out / FRAME, frame)
    for tile in crop_tiles(frame, TileSettings()):
        write_image(out / "tiles" / f"{tile.name.replace(' ', '_')}.ome.tif", tile)

    yield Progress(3, steps, "predicting the phase of the 10x frame")
    phase = yield from predict(frame, PredictSettings())
    write_image(out / FRAME_PHASE, phase)
    write_image(out / FRAME_TRUTH, truth)

    yield Progress(4, steps, "scoring")
    scores = evaluate(phase.data, truth.data, data_range_rad=DATA_RANGE_RAD)
    figures = {"tie": _rounded(tie_scores), "predict": _rounded(scores), "notes": phase.settings["predict"]["notes"]}
    write_atomically(out / "figures.json", (json.dumps(figures, indent=2) + "\n").encode())

    yield Progress(5, steps, "drawing the summary")
    draw_summary(out / "summary.png", frame, truth, phase, scores)
    yield Progress(steps, steps, "done")
    return {**figures, "out": str(out)}


def _binned_to_model_grid(image: Image) -> NDArray[np.float32]:
    """Average a 40x phase map over the pixels of the model's grid."""
    step = round(MODEL_PIXEL_SIZE_UM / (image.pixel_size_um or MODEL_PIXEL_SIZE_UM))
    return block_mean(image.data, step)


def _rounded(scores: Scores) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in vars(scores).items()}


def draw_summary(path: Path, frame: Image, label: Image, phase: Image, scores: Scores) -> None:
    """Draw input, label, prediction, 3D surface and a profile into one PNG."""
    figure = Figure(figsize=(15, 9), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3)
    top = float(np.percentile(label.data, 99.9))
    _show(figure, grid[0, 0], frame, "gray", "input: 10x bright-field frame (counts)", None)
    _show(figure, grid[0, 1], label, "viridis", "label: true phase (rad)", (0, top))
    title = f"prediction (rad): SSIM {scores.ssim:.3f}, PSNR {scores.psnr_db:.1f} dB, slope {scores.slope:.2f}"
    _show(figure, grid[0, 2], phase, "viridis", title, (0, top))
    _draw_surface(figure, grid[1, 0], phase)

    axes = figure.add_subplot(grid[1, 1:])
    row = int(np.argmax(label.data.mean(axis=1)))
    pixel_um = phase.pixel_size_um or MODEL_PIXEL_SIZE_UM
    start, end = (row * pixel_um, 0.0), (row * pixel_um, (phase.data.shape[1] - 1) * pixel_um)
    for image, name in ((label, "label"), (phase, "prediction")):
        distance_um, profile_rad = line_profile(image.data, start, end, pixel_um)
        axes.plot(distance_um, profile_rad, label=name, lw=1)
    axes.set(title=f"profile at y = {row * pixel_um:.0f} um", xlabel="x (um)", ylabel="phase (rad)")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _show(
    figure: Figure, place: Any, image: Image, colormap: str, title: str, limits: tuple[float, float] | None
) -> None:
    axes = figure.add_subplot(place)
    side_um = [n * (image.pixel_size_um or 1.0) for n in image.data.shape]
    low, high = limits or (None, None)
    shown = axes.imshow(image.data, cmap=colormap, extent=(0, side_um[1], side_um[0], 0), vmin=low, vmax=high)
    axes.set(title=title, xlabel="x (um)", ylabel="y (um)")
    figure.colorbar(shown, ax=axes, shrink=0.8)


def _draw_surface(figure: Figure, place: Any, phase: Image) -> None:
    mesh: SurfaceMesh = surface_from_map(
        phase.data, phase.pixel_size_um or MODEL_PIXEL_SIZE_UM, vertical_um_per_value=UM_PER_RAD, max_vertices=20_000
    )
    axes = figure.add_subplot(place, projection="3d")
    z_um, y_um, x_um = mesh.vertices_zyx_um.T
    height_rad = np.abs(z_um) / UM_PER_RAD * np.sign(mesh.values)
    axes.plot_trisurf(x_um, y_um, height_rad, triangles=mesh.faces, cmap="viridis", linewidth=0, antialiased=False)
    axes.set(title="3D surface of the prediction", xlabel="x (um)", ylabel="y (um)", zlabel="phase (rad)")
    axes.set_box_aspect((1, 1, 0.3))
    axes.locator_params(axis="z", nbins=3)
    axes.invert_yaxis()
    axes.view_init(elev=55, azim=-70)
