"""Measure the heights of 50 thick beads of 3 um (imaged by multi-slice) with the default and other solvers."""

import numpy as np
import torch

from napari_contransgan.config import TieSettings
from napari_contransgan.evaluation.beads import measure_bead_heights
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.beads import BEAD_INDEX_CONTRAST, Bead, bead_path_slices
from napari_contransgan.simulation.camera import Camera, expose
from napari_contransgan.simulation.image_formation import Optics, PixelGrid
from napari_contransgan.simulation.multislice import multi_slice_images
from napari_contransgan.tie import retrieve_phase

BEADS = 50
FIELD_UM, OBJECT_PIXEL_UM, IMAGE_PIXEL_UM = 65.0, 0.08125, 0.1625
MARGIN_UM = 6.5
MEDIUM_INDEX = 1.56
DIAMETER_UM = 3.0
CAMERA = Camera(photo_electrons=2e4, read_noise_e=3.0, background_counts=1300.0)


def main(beads: int = BEADS) -> None:
    """Print the distribution of the heights."""
    methods = ("anchored", "teague", "dct")
    heights: dict[str, list[float]] = {method: [] for method in methods}
    seed = 0
    while len(heights["anchored"]) < beads:
        stack = _stack(seed)
        for method in methods:
            phase = result_of(retrieve_phase(stack, TieSettings(method=method))).phase.data
            found = measure_bead_heights(phase, IMAGE_PIXEL_UM, 0.55, BEAD_INDEX_CONTRAST)
            heights[method] += [bead.height_um for bead in found]
        seed += 1
    print(f"beads of {DIAMETER_UM:g} um, contrast {BEAD_INDEX_CONTRAST:g}, multi-slice, 2e4 e-, {seed} fields")
    print("  method     median (um)  lowest  highest  within 2.8 to 3.2  mean relative error")
    for method in methods:
        values = np.array(heights[method][:beads])
        inside = np.mean((values >= 2.8) & (values <= 3.2))
        error = np.mean(np.abs(values / DIAMETER_UM - 1))
        print(
            f"  {method:9s}  {np.median(values):11.3f}  {values.min():6.3f}  {values.max():7.3f}"
            f"  {inside:12.0%} of {values.size}  {error:19.1%}"
        )


def _stack(seed: int) -> Image:
    """Simulate a field with about a dozen beads, some of them cut by the frame's border."""
    rng = np.random.default_rng([3200, seed])
    beads: list[Bead] = []
    while len(beads) < 16:
        y_um, x_um = rng.uniform(0, FIELD_UM, 2)
        if all(np.hypot(y_um - other.y_um, x_um - other.x_um) > DIAMETER_UM + 1.5 for other in beads):
            beads.append(Bead(float(y_um), float(x_um), DIAMETER_UM / 2))
    shape_px = round(FIELD_UM / OBJECT_PIXEL_UM)
    slices = bead_path_slices(tuple(beads), shape_px, OBJECT_PIXEL_UM, 0.2, BEAD_INDEX_CONTRAST)
    with torch.inference_mode():
        planes = multi_slice_images(
            torch.from_numpy(slices),
            0.2,
            OBJECT_PIXEL_UM,
            Optics(0.65, 0.55, 0.3),
            PixelGrid(IMAGE_PIXEL_UM, round((FIELD_UM - 2 * MARGIN_UM) / IMAGE_PIXEL_UM), MARGIN_UM),
            medium_index=MEDIUM_INDEX,
            z_um=(-3.0, 0.0, 3.0),
            turn_rad=float(rng.uniform(0, 2 * np.pi)),
        ).numpy()
    return Image(
        data=np.stack([expose(plane, CAMERA, rng) for plane in planes]),
        axes="ZYX",
        pixel_size_um=IMAGE_PIXEL_UM,
        z_step_um=3.0,
        wavelength_um=0.55,
        numerical_aperture=0.65,
        coherence=0.3,
        name=f"beads {seed}",
    )


if __name__ == "__main__":
    main()
