"""Compare measured dry masses of simulated cells with the true ones, as a table."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.training.timing import print_head, print_row
from numpy.typing import NDArray

from napari_contransgan.config import MeasureSettings, SimulationSettings, TieSettings
from napari_contransgan.io import Image
from napari_contransgan.measuring import MeasuredObject, find_objects, measure_objects
from napari_contransgan.progress import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.camera import Camera
from napari_contransgan.simulation.fields import image_stack, true_phase
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.tie import TieResult, retrieve_phase

SEED = 4120
"""Seed never used during development."""
CAMERA = Camera(photo_electrons=2e4, read_noise_e=3.0, background_counts=1300.0)
THRESHOLD_RAD = 0.1
CELLS = 200
SMALLEST_STD_RAD = 0.05
"""Fields with a smaller phase contain nothing to measure."""
_SAME = 0.5  # of the union of two outlines


@dataclass(frozen=True)
class Cell:
    """A cell with its true and its measured dry mass."""

    true_pg: float
    in_true_outline: MeasuredObject
    found: MeasuredObject | None


def main() -> None:
    """Print the errors of the dry masses."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measuring", description=__doc__)
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    cells: list[Cell] = []
    fields = 0
    for truth, result in _fields(chosen.seed):
        cells += _cells(truth, result)
        fields += 1
        if len(cells) >= chosen.cells:
            break
    print(f"{len(cells)} whole cells in {fields} simulated fields at 40x, phase by TIE at the default settings\n")
    print_head("outline", "cells", "median bias", "total bias", "spread (std)", "within 2 standard errors")
    _row("as in the true phase", cells, [cell.in_true_outline for cell in cells])
    found = [cell for cell in cells if cell.found is not None]
    _row("found in the measured phase", found, [cell.found for cell in found if cell.found is not None])


def _row(title: str, cells: list[Cell], measured: list[MeasuredObject]) -> None:
    true_pg = np.array([cell.true_pg for cell in cells])
    mass_pg = np.array([one.dry_mass_pg for one in measured])
    std_pg = np.array([np.nan if one.dry_mass_std_pg is None else one.dry_mass_std_pg for one in measured])
    relative = mass_pg / true_pg - 1
    print_row(
        title,
        str(len(cells)),
        f"{np.median(relative):+.1%}",
        f"{mass_pg.sum() / true_pg.sum() - 1:+.1%}",
        f"{relative.std():.1%}",
        f"{np.mean(np.abs(mass_pg - true_pg) <= 2 * std_pg):.1%}",
    )


def _fields(seed: int) -> Iterator[tuple[Image, TieResult]]:
    settings = SimulationSettings(specimen="hela", seed=seed)
    index = 0
    while True:
        drawn = draw_specimen(settings, index)
        truth = true_phase(drawn, settings, index)
        stack = image_stack(drawn, settings, index, CAMERA)
        index += 1
        if truth.data.std() >= SMALLEST_STD_RAD:
            yield truth, result_of(retrieve_phase(stack, TieSettings()))


def _cells(truth: Image, result: TieResult) -> Iterator[Cell]:
    """Measure the whole cells of a field."""
    phase, std = (
        replace(one, data=block_mean(one.data, 2), pixel_size_um=truth.pixel_size_um)
        for one in (result.phase, result.uncertainty)
    )
    yx_true: NDArray[np.float32] = truth.data
    yx_labels, _ = find_objects(
        yx_true, np.ones(yx_true.shape, bool), float(truth.pixel_size_um or 0), threshold_rad=THRESHOLD_RAD
    )
    settings = MeasureSettings()
    in_outlines = result_of(measure_objects(phase, settings, labels=yx_labels, uncertainty=std))
    found = result_of(measure_objects(phase, settings, uncertainty=std))
    by_label = {one.label: one for one in found.objects}
    pg_per_rad_px = None
    for one in in_outlines.objects:
        if one.touches_edge:
            continue
        yx_own = yx_labels == one.label
        pg_per_rad_px = one.dry_mass_pg / float(one.mean_rad * yx_own.sum())
        labels, counts = np.unique(found.labels[yx_own], return_counts=True)
        best = int(labels[np.argmax(np.where(labels > 0, counts, -1))])
        union = np.count_nonzero(yx_own | (found.labels == best))
        same = best > 0 and np.count_nonzero(yx_own & (found.labels == best)) >= _SAME * union
        yield Cell(float(yx_true[yx_own].sum()) * pg_per_rad_px, one, by_label[best] if same else None)


if __name__ == "__main__":
    main()
