"""Reproduce Fig. 7: heights of 50 beads at 10x."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_contransgan.drawing import new_figure
from napari_contransgan.evaluation import BeadHeight, measure_bead_heights
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.fields import HeldOutField, held_out, make_field, predictions
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Goal, Part, Table, write_csv, write_picture
from napari_contransgan.simulation.beads import BEAD_DIAMETER_UM, BEAD_INDEX_CONTRAST

SAME_BEAD_UM = 1.0
SMALLEST_BEAD_UM = 2.0
"""Beads have at least this height; specks of dirt are smaller."""


def bead_heights(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Measure isolated beads in predicted and TIE phases of the same fields."""
    settings = held_out("psm", "10x", scene="sparse")
    rows: list[dict[str, Any]] = []
    beads, index = 0, 0
    while beads < extent.beads:
        field = make_field(settings, index)
        maps = predictions(field, networks.for_specimen("psm"), also_turned=extent.turned)
        maps["TIE at 40x"] = field.yx_tie_rad
        found = _matched(field, maps)[: extent.beads - beads]
        rows += found
        beads, index = beads + len(found), index + 1
        yield Progress(beads, extent.beads, "measuring beads")
    write_csv(out / "fig7_beads.csv", rows)
    names = [name for name in rows[0] if name.endswith("_height_um")]
    heights = {name.removesuffix("_height_um"): np.array([row[name] for row in rows], float) for name in names}
    figures = {name: height_figures(values, heights["true"]) for name, values in heights.items() if name != "true"}
    picture = write_picture(out / "fig7_beads.png", _draw(heights))
    return Part(
        "fig7",
        f"Fig. 7: heights of {len(rows)} beads at 10x",
        [
            f"The first {len(rows)} isolated beads of held-out sparse fields at 10x that are found in the true phase; "
            "the same "
            f"beads are measured in each map, by a paraboloid fitted to the bead's cap. Height = phase x wavelength / "
            f"(2 pi x index contrast), with the beads' own contrast of {BEAD_INDEX_CONTRAST}. Errors are relative "
            "to the "
            f"height of the same bead in the true phase, measured in the same way; nominal diameter "
            f"{BEAD_DIAMETER_UM:g} um with a spread of 1 %.",
        ],
        [goal for name in networks.for_specimen("psm") for goal in heights_goals(name, figures[name])],
        [_table(figures)],
        [picture],
        {"beads": len(rows), **figures},
    )


def height_figures(values_um: NDArray[np.float64], true_um: NDArray[np.float64]) -> dict[str, float]:
    """Compute median, extremes, fraction in the paper's range (lost beads count as outside) and mean relative error.

    Parameters
    ----------
    values_um, true_um : (N,) ndarray
        Heights of the same beads; NaN for a bead that was not found.
    """
    is_found = np.isfinite(values_um)
    found_um = values_um[is_found]
    low, high = paper.BEAD_HEIGHTS_UM
    inside = is_found & (values_um >= low) & (values_um <= high)
    nothing = float("nan")
    return {
        "found": found_um.size,
        "median_um": float(np.median(found_um)) if found_um.size else nothing,
        "lowest_um": float(found_um.min()) if found_um.size else nothing,
        "highest_um": float(found_um.max()) if found_um.size else nothing,
        "share_in_range": float(inside.mean()),
        "mean_relative_error": float(np.mean(np.abs(found_um / true_um[is_found] - 1))) if is_found.any() else nothing,
    }


def _matched(field: HeldOutField, maps: dict[str, NDArray[np.float32]]) -> list[dict[str, Any]]:
    """Return one row for each bead of the true phase, with its height in every map."""
    true = [bead for bead in _measure(field, field.yx_truth_rad) if bead.height_um > SMALLEST_BEAD_UM]
    measured = {name: _measure(field, values) for name, values in maps.items()}
    rows = []
    for bead in true:
        row: dict[str, Any] = {"field": field.index, "y_um": bead.y_um, "x_um": bead.x_um}
        row["true_height_um"] = bead.height_um
        row |= {f"{name}_height_um": _height_at(bead, others) for name, others in measured.items()}
        rows.append(row)
    return rows


def _measure(field: HeldOutField, yx_phase_rad: NDArray[np.float32]) -> list[BeadHeight]:
    wavelength_um = field.settings.microscope.wavelength_um
    return measure_bead_heights(yx_phase_rad, MODEL_PIXEL_SIZE_UM, wavelength_um, BEAD_INDEX_CONTRAST)


def _height_at(bead: BeadHeight, others: Sequence[BeadHeight]) -> float:
    near = [other for other in others if np.hypot(other.y_um - bead.y_um, other.x_um - bead.x_um) < SAME_BEAD_UM]
    return near[0].height_um if near else float("nan")


def heights_goals(network: str, figures: dict[str, float]) -> list[Goal]:
    """Judge the goals of one network by its `height_figures`."""
    low, high = paper.BEAD_MEDIAN_GOAL_UM
    lowest, highest = paper.BEAD_HEIGHTS_UM
    return [
        Goal(
            f"{network}: median height {low} to {high} um (paper {paper.BEAD_MEDIAN_UM} um)",
            f"{figures['median_um']:.2f} um",
            low <= figures["median_um"] <= high,
        ),
        Goal(
            f"{network}: all within {lowest} to {highest} um",
            f"{figures['share_in_range']:.0%}, from {figures['lowest_um']:.2f} to {figures['highest_um']:.2f} um",
            figures["share_in_range"] == 1,
        ),
        Goal(
            f"{network}: mean relative error under {paper.BEAD_ERROR_GOAL:.0%} (paper under {paper.BEAD_ERROR:.0%})",
            f"{figures['mean_relative_error']:.1%}",
            figures["mean_relative_error"] < paper.BEAD_ERROR_GOAL,
        ),
    ]


def _table(figures: dict[str, dict[str, float]]) -> Table:
    low, high = paper.BEAD_HEIGHTS_UM
    head = ("map", "found", "median, um", "lowest, um", "highest, um", f"within {low} to {high} um", "mean error")
    rows = [
        [
            name,
            f"{found['found']}",
            f"{found['median_um']:.3f}",
            f"{found['lowest_um']:.3f}",
            f"{found['highest_um']:.3f}",
            f"{found['share_in_range']:.0%}",
            f"{found['mean_relative_error']:.1%}",
        ]
        for name, found in figures.items()
    ]
    paper_row = ["paper, ContransGAN-All", "50", f"{paper.BEAD_MEDIAN_UM}", f"{low}", f"{high}", "100%", "under 6%"]
    return Table("Heights", head, [*rows, paper_row])


def _draw(heights: dict[str, NDArray[np.float64]]) -> Figure:
    figure = new_figure(11, 4)
    boxes, bars = figure.subplots(1, 2)
    shown = {name: values[np.isfinite(values)] for name, values in heights.items()}
    shown = {name: values for name, values in shown.items() if len(values)}
    boxes.boxplot(list(shown.values()), tick_labels=list(shown))
    boxes.axhspan(*paper.BEAD_HEIGHTS_UM, color="tab:green", alpha=0.15, label="paper's range")
    boxes.axhline(paper.BEAD_MEDIAN_UM, color="tab:green", lw=1, label="paper's median")
    boxes.set(ylabel="height (um)", title="height of each bead")
    boxes.legend(fontsize="small")
    edges = np.arange(2.4, 3.6, 0.05)
    for name, values in shown.items():
        bars.hist(np.clip(values, edges[0], edges[-1]), edges, histtype="step", label=name)
    bars.set(xlabel="height (um); the outermost bins include all values beyond", ylabel="beads", title="distribution")
    bars.legend(fontsize="small")
    return figure
