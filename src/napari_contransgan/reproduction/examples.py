"""Reproduce Fig. 8: one field of each specimen and objective, with labels, difference and 3D view."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_contransgan.config.names import SpecimenName
from napari_contransgan.drawing import draw_map, draw_surface, new_figure
from napari_contransgan.evaluation import Scores, level
from napari_contransgan.held_out import known_background
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.fields import TIE_LABEL, TRUTH, HeldOutField, held_out, make_field, predicted
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Part, write_picture
from napari_contransgan.simulation.scenes import scene_of_field


def examples(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Draw the first dense field of each specimen for each objective, whatever it looks like."""
    name, network = next(iter(networks.default.items()))
    pictures, figures = [], {}
    wanted = [(specimen, objective) for specimen in paper.SPECIMENS for objective in extent.example_objectives]
    for done, (specimen, objective) in enumerate(wanted):
        yield Progress(done, len(wanted), f"drawing {specimen} at {objective}")
        field = make_field(held_out(specimen, objective), first_of_scene(specimen, "dense"))
        yx_phase_rad = predicted(field, network)
        figure, scores = _draw(field, yx_phase_rad)
        pictures.append(write_picture(out / f"fig8_{specimen}_{objective}.png", figure))
        figures[f"{specimen} {objective}"] = scores
    yield Progress(len(wanted), len(wanted), "drawing examples")
    return Part(
        "fig8",
        "Fig. 8: fields, labels and 3D views",
        [
            f"The first dense held-out field of each specimen, not selected; phase by {name}. SSIM, PSNR "
            "and slope of the output are given above each label; the difference is from the true phase. The "
            f"grid is {MODEL_PIXEL_SIZE_UM} um per pixel."
        ],
        [],
        [],
        pictures,
        figures,
    )


def first_of_scene(specimen: SpecimenName, scene: str) -> int:
    """Return the number of the first held-out field of a scene."""
    settings = held_out(specimen, "10x")
    return next(index for index in range(1000) if scene_of_field(settings, index) == scene)


def _draw(field: HeldOutField, yx_phase_rad: NDArray[np.float32]) -> tuple[Figure, dict[str, dict[str, float]]]:
    figure = new_figure(15, 9)
    grid = figure.add_gridspec(2, 3)
    truth, pixel_um = field.yx_truth_rad, MODEL_PIXEL_SIZE_UM
    against = {label: field.scores(yx_phase_rad, label) for label in field.labels}
    top = float(np.percentile(truth, 99.9))
    title = f"input: {field.settings.specimen}, {field.settings.objective} (counts)"
    draw_map(figure, grid[0, 0], field.lr.data, field.lr.pixel_size_um or pixel_um, title, colormap="gray")
    draw_map(figure, grid[0, 1], yx_phase_rad, pixel_um, "output (rad)", limits=(0, top))
    title = f"label: {TIE_LABEL} (rad); {_told(against[TIE_LABEL])}"
    draw_map(figure, grid[0, 2], field.yx_tie_rad, pixel_um, title, limits=(0, top))
    draw_map(figure, grid[1, 0], truth, pixel_um, f"true phase (rad); {_told(against[TRUTH])}", limits=(0, top))
    empty = known_background(truth)
    difference_rad, half = level(yx_phase_rad, empty) - level(truth, empty), top / 2
    title = "output - true phase (rad)"
    draw_map(figure, grid[1, 1], difference_rad, pixel_um, title, colormap="RdBu_r", limits=(-half, half))
    draw_surface(figure, grid[1, 2], yx_phase_rad, pixel_um, "3D view of the output")
    kept = ("ssim", "psnr_db", "slope", "ssim_zero", "psnr_zero_db")
    return figure, {label: {name: float(getattr(scores, name)) for name in kept} for label, scores in against.items()}


def _told(scores: Scores) -> str:
    return f"{scores.ssim:.3f}, {scores.psnr_db:.1f} dB, slope {scores.slope:.2f}"
