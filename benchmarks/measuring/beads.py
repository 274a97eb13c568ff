"""Heights of simulated beads against the true ones."""

from collections.abc import Sequence

import numpy as np
from benchmarks.measuring.fields import simulated_phases
from benchmarks.training.timing import print_head, print_row

from napari_contransgan.config import SimulationSettings
from napari_contransgan.evaluation import BeadHeight, bead_heights
from napari_contransgan.simulation.beads import BEAD_INDEX_CONTRAST

SMALLEST_BEAD_UM = 1.0
SAME_BEAD_UM = 1.0


def compare_beads(count: int, seed: int) -> None:
    """Print the errors of the heights of so many beads."""
    true_um: list[float] = []
    measured_um: list[float | None] = []
    for field in simulated_phases(SimulationSettings(specimen="psm", scene="sparse", seed=seed)):
        found = bead_heights(field.phase, BEAD_INDEX_CONTRAST)
        for bead in bead_heights(field.truth, BEAD_INDEX_CONTRAST):
            if bead.height_um >= SMALLEST_BEAD_UM:
                true_um.append(bead.height_um)
                measured_um.append(_height_at(bead, found))
        if len(true_um) >= count:
            break
    true, measured = np.array(true_um[:count]), np.array(measured_um[:count], float)
    relative = (measured / true - 1)[np.isfinite(measured)]
    print(f"\n### Heights of beads\n\n{count} isolated beads in simulated fields at 40x, phase by TIE\n")
    print_head(
        "beads", "found", "true height (um)", "measured height (um)", "median bias", "spread (std)", "largest error"
    )
    print_row(
        str(len(true)),
        str(len(relative)),
        f"{true.mean():.3f} ± {true.std():.3f}",
        f"{np.nanmean(measured):.3f} ± {np.nanstd(measured):.3f}",
        f"{np.median(relative):+.1%}",
        f"{relative.std():.1%}",
        f"{np.abs(relative).max():.1%}",
    )


def _height_at(bead: BeadHeight, others: Sequence[BeadHeight]) -> float | None:
    near = [one for one in others if np.hypot(one.y_um - bead.y_um, one.x_um - bead.x_um) < SAME_BEAD_UM]
    return near[0].height_um if near else None
