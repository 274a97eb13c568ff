"""Dry masses of simulated cells against the true ones."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from benchmarks.measuring.fields import SimulatedPhase, simulated_phases
from benchmarks.training.timing import print_head, print_row

from napari_contransgan.config import MeasureSettings, SimulationSettings
from napari_contransgan.config.names import SceneName
from napari_contransgan.measuring import MeasuredObject, find_objects, measure_objects
from napari_contransgan.measuring.finding import RIM_UM
from napari_contransgan.progress import result_of
from napari_contransgan.quantities import optical_path

THRESHOLD_RAD = 0.1
FIELD_PX = 480
SCENES: tuple[SceneName, ...] = ("sparse", "dense")
_SAME = 0.5  # of the union of two outlines


@dataclass(frozen=True)
class Cell:
    """A cell with its true and its measured dry mass, and whether its field has empty background."""

    true_pg: float
    in_true_outline: MeasuredObject
    found: MeasuredObject | None
    has_background: bool


def compare_cells(count: int, seed: int) -> None:
    """Print the errors of dry masses, until so many whole cells in fields with background were measured."""
    kinds = [
        simulated_phases(SimulationSettings(specimen="hela", scene=scene, seed=seed, field_px=FIELD_PX))
        for scene in SCENES
    ]
    cells: list[Cell] = []
    fields = 0
    while sum(cell.has_background for cell in cells) < count:
        cells += _cells(next(kinds[fields % len(kinds)]))
        fields += 1
        print(f"field {fields}: {len(cells)} cells", file=sys.stderr, flush=True)
    print(f"\n### Dry mass\n\n{len(cells)} whole cells in {fields} simulated fields at 40x, phase by TIE\n")
    print_head(
        "fields", "outline", "cells", "median bias", "total bias", "spread (std)", "median error", "within 2 std errors"
    )
    for title, chosen in (
        ("with background", [cell for cell in cells if cell.has_background]),
        ("full of cells", [cell for cell in cells if not cell.has_background]),
        ("all", cells),
    ):
        _row(title, "the true one", chosen, [cell.in_true_outline for cell in chosen])
        found = [cell for cell in chosen if cell.found is not None]
        _row(title, "found", found, [cell.found for cell in found if cell.found is not None])


def _row(title: str, outline: str, cells: list[Cell], measured: list[MeasuredObject]) -> None:
    if not cells:
        return
    true_pg = np.array([cell.true_pg for cell in cells])
    mass_pg = np.array([one.dry_mass_pg for one in measured])
    std_pg = np.array([np.nan if one.dry_mass_std_pg is None else one.dry_mass_std_pg for one in measured])
    relative = mass_pg / true_pg - 1
    print_row(
        title,
        outline,
        str(len(cells)),
        f"{np.median(relative):+.1%}",
        f"{mass_pg.sum() / true_pg.sum() - 1:+.1%}",
        f"{relative.std():.1%}",
        f"{np.median(std_pg / true_pg):.1%}",
        f"{np.mean(np.abs(mass_pg - true_pg) <= 2 * std_pg):.1%}",
    )


def _cells(field: SimulatedPhase) -> Iterator[Cell]:
    """Measure the whole cells of a field; the true ones include their thin rims."""
    truth, settings = field.truth, MeasureSettings()
    pixel_um = float(truth.pixel_size_um or 0)
    yx_whole = np.ones(truth.data.shape, bool)
    yx_labels, _ = find_objects(truth.data, yx_whole, pixel_um, threshold_rad=THRESHOLD_RAD, rim_um=RIM_UM)
    yx_pg = optical_path(truth).data * 1e-3 * pixel_um**2 / settings.refractive_increment_um3_per_pg
    in_outlines = result_of(measure_objects(field.phase, settings, labels=yx_labels, uncertainty=field.uncertainty))
    found = result_of(measure_objects(field.phase, settings, uncertainty=field.uncertainty))
    has_background = not any("level of the background" in note for note in found.notes)
    by_label = {one.label: one for one in found.objects}
    for one in in_outlines.objects:
        if one.touches_edge:
            continue
        yx_own = yx_labels == one.label
        labels, counts = np.unique(found.labels[yx_own], return_counts=True)
        best = int(labels[np.argmax(np.where(labels > 0, counts, -1))])
        union = np.count_nonzero(yx_own | (found.labels == best))
        same = best > 0 and np.count_nonzero(yx_own & (found.labels == best)) >= _SAME * union
        yield Cell(float(yx_pg[yx_own].sum()), one, by_label[best] if same else None, has_background)
