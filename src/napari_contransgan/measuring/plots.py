"""Draw measurements as plots: profiles along a line, heights of beads, growth curves, and one map against another."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from napari_contransgan.drawing import new_figure
from napari_contransgan.evaluation import BeadHeight, Comparison
from napari_contransgan.measuring.growth import Growth
from napari_contransgan.measuring.profiles import Profile

SIZE_IN = (4.8, 3.2)
MOST_NAMED = 8
"""More curves than this are drawn without a legend, which would hide them."""

_BINS = 60
_FEWEST_BINS = 5
_LONGEST_NAME = 32


def draw_profiles(profiles: Sequence[Profile]) -> Figure:
    """Draw the phase along a line, with one curve for each map."""
    figure = new_figure(*SIZE_IN)
    axes = figure.add_subplot()
    for one in profiles:
        axes.plot(one.distance_um, one.phase_rad, label=_short(one.name))
    axes.set(xlabel="distance along the line (µm)", ylabel="phase (rad)")
    if len(profiles) <= MOST_NAMED:
        axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    return figure


def draw_bead_heights(beads: Sequence[BeadHeight]) -> Figure:
    """Draw a histogram of bead heights, with their mean and standard deviation as its title."""
    heights_um = np.array([bead.height_um for bead in beads])
    figure = new_figure(*SIZE_IN)
    axes = figure.add_subplot()
    edges_um = np.histogram_bin_edges(heights_um, "auto")
    bins = max(len(edges_um) - 1, _FEWEST_BINS)
    axes.hist(heights_um, bins=bins, color="tab:blue", edgecolor="white")
    axes.set(xlabel="height (µm)", ylabel="beads")
    if len(heights_um):
        axes.axvline(float(heights_um.mean()), color="black", linestyle="--")
        axes.set_title(f"{len(heights_um)} beads: {heights_um.mean():.3g} ± {heights_um.std():.2g} µm", fontsize=10)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def draw_growth(growth: Sequence[Growth]) -> Figure:
    """Draw the dry mass of each object over time, with a band of one standard error on either side."""
    figure = new_figure(*SIZE_IN)
    axes = figure.add_subplot()
    for one in growth:
        (line,) = axes.plot(one.time, one.dry_mass_pg, marker=".", label=f"track {one.track}")
        low_pg, high_pg = one.dry_mass_pg - one.dry_mass_std_pg, one.dry_mass_pg + one.dry_mass_std_pg
        axes.fill_between(one.time, low_pg, high_pg, color=line.get_color(), alpha=0.15, linewidth=0)
    in_hours = any(one.in_hours for one in growth)
    axes.set(xlabel="time (h)" if in_hours else "frame", ylabel="dry mass (pg)")
    axes.set_ylim(bottom=0)
    if 0 < len(growth) <= MOST_NAMED:
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))  # curves of growth fill the plot
    axes.grid(alpha=0.3)
    return figure


def draw_comparison(found: Comparison, names: tuple[str, str]) -> Figure:
    """Draw the compared maps as a two-dimensional histogram, with the line of equality and the fitted slope.

    Parameters
    ----------
    found : Comparison
        The comparison.
    names : tuple of str
        Names of the map and of its reference.
    """
    reference: NDArray[np.float64] = found.yx_reference_rad
    figure = new_figure(*SIZE_IN)
    axes = figure.add_subplot()
    axes.hist2d(reference.ravel(), found.yx_phase_rad.ravel(), bins=_BINS, norm="log", cmap="Blues")
    ends = np.array([min(float(reference.min()), 0.0), max(float(reference.max()), 0.0)])
    axes.plot(ends, ends, color="black", linewidth=1, label="equal")
    axes.plot(ends, found.scores.slope * ends, color="tab:red", linewidth=1, label=f"slope {found.scores.slope:.3f}")
    axes.set(xlabel=f"{_short(names[1])} (rad)", ylabel=f"{_short(names[0])} (rad)")
    axes.set_title(f"SSIM {found.scores.ssim:.3f}, correlation {found.scores.correlation:.3f}", fontsize=10)
    axes.legend(fontsize="small")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[-_LONGEST_NAME:]}"
