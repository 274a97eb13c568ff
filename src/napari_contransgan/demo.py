"""Run the whole workflow on the sample images: TIE, tiling, prediction, scoring and a summary picture."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from napari_contransgan.config import PredictSettings, TieSettings, TileSettings
from napari_contransgan.drawing import draw_map, draw_surface, new_figure, png_of
from napari_contransgan.evaluation import Scores, evaluate, line_profile
from napari_contransgan.held_out import DATA_RANGE_RAD as HELD_OUT_RANGE_RAD
from napari_contransgan.inference import predict
from napari_contransgan.io import Image, write_image
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress
from napari_contransgan.resampling import binned_to_model_grid
from napari_contransgan.simulation.samples import sample_frame_and_truth, sample_stack_and_truth
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
"""Files to open to see the results of the demo."""


def run_demo(out: Path) -> Generator[Progress, None, dict[str, Any]]:
    """Run the whole workflow on the sample images, and write the results to a folder.

    Parameters
    ----------
    out : Path
        Folder for the OME-TIFFs, ``tiles/``, ``summary.png`` and ``figures.json``.

    Yields
    ------
    Progress
        One for each step.

    Returns
    -------
    dict
        Scores of TIE and of the network against the true phase.
    """
    steps = 6
    yield Progress(0, steps, "simulating a 40x focus stack")
    stack, stack_truth = sample_stack_and_truth()
    write_image(out / STACK, stack)

    yield Progress(1, steps, "retrieving its phase (TIE)")
    tie_phase = (yield from retrieve_phase(stack, TieSettings())).phase
    write_image(out / STACK_PHASE, tie_phase)
    binned = binned_to_model_grid(tie_phase.data, tie_phase.pixel_size_um or MODEL_PIXEL_SIZE_UM)
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


def _rounded(scores: Scores) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in vars(scores).items()}


def draw_summary(path: Path, frame: Image, label: Image, phase: Image, scores: Scores) -> None:
    """Draw the input, the label, the prediction, its 3D surface and a profile, and return them as one PNG."""
    figure = new_figure(15, 9)
    grid = figure.add_gridspec(2, 3)
    top = float(np.percentile(label.data, 99.9))
    pixel_um = phase.pixel_size_um or MODEL_PIXEL_SIZE_UM
    title = f"prediction (rad): SSIM {scores.ssim:.3f}, PSNR {scores.psnr_db:.1f} dB, slope {scores.slope:.2f}"
    draw_map(
        figure,
        grid[0, 0],
        frame.data,
        frame.pixel_size_um or 1.0,
        "input: 10x bright-field frame (counts)",
        colormap="gray",
    )
    draw_map(figure, grid[0, 1], label.data, pixel_um, "label: true phase (rad)", limits=(0, top))
    draw_map(figure, grid[0, 2], phase.data, pixel_um, title, limits=(0, top))
    draw_surface(figure, grid[1, 0], phase.data, pixel_um)

    axes = figure.add_subplot(grid[1, 1:])
    row = int(np.argmax(label.data.mean(axis=1)))
    start, end = (row * pixel_um, 0.0), (row * pixel_um, (phase.data.shape[1] - 1) * pixel_um)
    for image, name in ((label, "label"), (phase, "prediction")):
        distance_um, profile_rad = line_profile(image.data, start, end, pixel_um)
        axes.plot(distance_um, profile_rad, label=name, lw=1)
    axes.set(title=f"profile at y = {row * pixel_um:.0f} um", xlabel="x (um)", ylabel="phase (rad)")
    axes.legend()
    write_atomically(path, png_of(figure, dpi=110))
