"""Measure the errors caused by the simulator's sampling: source points, slices, tilts, object pixels and margin.

The reference is the same specimen with much finer sampling. Errors are given as a fraction of the empty field's
intensity and as a fraction of the image's contrast (root mean square of both).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.config.microscope import Microscope
from napari_contransgan.simulation.beads import BEAD_INDEX_CONTRAST, bead_path_slices, scatter_beads
from napari_contransgan.simulation.cells import cell_path_map, scatter_cells
from napari_contransgan.simulation.fields import LR_SOURCE, STACK_SOURCE
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, sum_over_source, thin_object
from napari_contransgan.simulation.multislice import multi_slice_images
from napari_contransgan.simulation.source import SourceSampling
from napari_contransgan.simulation.specimen import BEAD_MEDIUM_INDEX, BEAD_SLICE_UM, OBJECT_PIXEL_UM

SEED, FIELDS = 3400, 2
FIELD_UM = 41.6
FINE_PIXEL_UM, FINE_MARGIN_UM, FINE_SLICE_UM = 0.08125, 13.0, 0.1
FINE_SOURCE = SourceSampling(8, 30)
DEFAULT_MARGIN_UM = 5.2
MICROSCOPE = Microscope()


@dataclass(frozen=True)
class Steps:
    """Sampling of an image."""

    source: SourceSampling
    pixel_um: float = OBJECT_PIXEL_UM
    margin_um: float = DEFAULT_MARGIN_UM
    slice_um: float = BEAD_SLICE_UM
    every_tilt: bool = False


@dataclass(frozen=True)
class View:
    """One simulated image."""

    title: str
    objective: str
    coherence: float
    z_um: tuple[float, ...]
    default_source: SourceSampling


VIEWS = (
    *(
        View(f"low power {name}", name, MICROSCOPE.coherence, (MICROSCOPE.nominal_defocus_um(name),), LR_SOURCE)
        for name in MICROSCOPE.objectives
    ),
    View("stack 40x", "40x", MICROSCOPE.stack_coherence, (-3.0, 0.0, 3.0), STACK_SOURCE),
)
VARIANTS: tuple[tuple[str, Callable[[Steps], Steps]], ...] = (
    ("**the defaults**", lambda steps: steps),
    ("6 source points", lambda steps: replace(steps, source=SourceSampling(1, 6))),
    ("24 source points", lambda steps: replace(steps, source=SourceSampling(2, 12))),
    ("36 source points", lambda steps: replace(steps, source=SourceSampling(3, 12))),
    ("60 source points", lambda steps: replace(steps, source=SourceSampling(5, 12))),
    ("108 source points", lambda steps: replace(steps, source=SourceSampling(6, 18))),
    ("every tilt propagated", lambda steps: replace(steps, every_tilt=True)),
    ("beads treated as thin", lambda steps: replace(steps, slice_um=math.inf)),
    ("slices of 1 um", lambda steps: replace(steps, slice_um=1.0)),
    ("slices of 0.2 um", lambda steps: replace(steps, slice_um=0.2)),
    ("object pixel 0.08 um", lambda steps: replace(steps, pixel_um=FINE_PIXEL_UM)),
    ("margin 13 um", lambda steps: replace(steps, margin_um=FINE_MARGIN_UM)),
)
FINE = Steps(FINE_SOURCE, FINE_PIXEL_UM, FINE_MARGIN_UM, FINE_SLICE_UM, every_tilt=True)


def main(fields: int = FIELDS) -> None:
    """Print a table for each specimen."""
    for specimen in ("hela", "psm"):
        print(f"\n{specimen}: error in % of the intensity / in % of the contrast, {fields} fields of {FIELD_UM:g} um\n")
        print("| steps |" + "".join(f" {view.title} |" for view in VIEWS))
        print("| --- |" + " --- |" * len(VIEWS))
        references = {view: _images(specimen, view, FINE, fields) for view in VIEWS}
        contrasts = " | ".join(f"{100 * _rms(references[view] - 1):.2f}" for view in VIEWS)
        print(f"| contrast, % | {contrasts} |")
        for title, change in VARIANTS:
            if specimen == "hela" and any(word in title for word in ("slice", "bead", "tilt")):
                continue
            cells = []
            for view in VIEWS:
                error = _images(specimen, view, change(Steps(view.default_source)), fields) - references[view]
                cells.append(f"{100 * _rms(error):.2f} / {100 * _rms(error) / _rms(references[view] - 1):.1f}")
            print(f"| {title} | {' | '.join(cells)} |", flush=True)


def _rms(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _images(specimen: str, view: View, steps: Steps, fields: int) -> NDArray[np.float32]:
    return np.stack([_image(specimen, index, view, steps) for index in range(fields)])


def _image(specimen: str, index: int, view: View, steps: Steps) -> NDArray[np.float32]:
    pixel_um = MICROSCOPE.pixel_size_um(view.objective)
    optics = Optics(
        MICROSCOPE.lens(view.objective).numerical_aperture,
        MICROSCOPE.wavelength_um,
        view.coherence,
        MICROSCOPE.bandwidth_um,
    )
    grid = PixelGrid(pixel_um, int(FIELD_UM / pixel_um + 1e-6), steps.margin_um)
    path_um, absorption, slice_um = _object(specimen, index, steps)
    # As by default, the source is rotated differently for each image, and differently from the reference's.
    turn_rad = 0.0 if steps is FINE else 0.7 + index
    with torch.inference_mode():
        if len(path_um) > 1:
            images = multi_slice_images(
                path_um,
                slice_um,
                steps.pixel_um,
                optics,
                grid,
                medium_index=BEAD_MEDIUM_INDEX,
                z_um=view.z_um,
                source=steps.source,
                turn_rad=turn_rad,
                every_tilt=steps.every_tilt,
            )
        else:
            thin = thin_object(path_um[0], absorption, steps.pixel_um, 0.5 / steps.pixel_um)
            images = sum_over_source(
                thin,
                path_um.shape[-1],
                steps.pixel_um,
                optics,
                grid,
                z_um=view.z_um,
                source=steps.source,
                turn_rad=turn_rad,
            )
    return images.numpy()


def _object(specimen: str, index: int, steps: Steps) -> tuple[torch.Tensor, torch.Tensor | None, float]:
    """Return the specimen at any pixel size, drawn on the fine grid with the wide margin, then averaged and cropped."""
    rng = np.random.default_rng([SEED, index])
    whole_um = FIELD_UM + 2 * FINE_MARGIN_UM
    size = round(whole_um / FINE_PIXEL_UM)
    slice_um = steps.slice_um
    if specimen == "psm":
        beads = scatter_beads(whole_um, rng, scene="dense")
        slice_um = min(slice_um, 10.0)
        zyx_path_um = bead_path_slices(beads, size, FINE_PIXEL_UM, slice_um, BEAD_INDEX_CONTRAST)
    else:
        cells = scatter_cells(whole_um, rng, scene="dense")
        zyx_path_um = cell_path_map(cells, size, FINE_PIXEL_UM, rng)[None]
    step = round(steps.pixel_um / FINE_PIXEL_UM)
    cut = round((FINE_MARGIN_UM - steps.margin_um) / FINE_PIXEL_UM)
    part = zyx_path_um[:, cut : size - cut, cut : size - cut]
    coarse = part.reshape(len(part), part.shape[1] // step, step, part.shape[2] // step, step).mean(axis=(2, 4))
    path_um = torch.from_numpy(np.ascontiguousarray(coarse))
    return path_um, 0.15 * path_um[0] if specimen == "hela" else None, slice_um


if __name__ == "__main__":
    main()
