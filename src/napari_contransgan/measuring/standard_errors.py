"""Estimate the standard error of an object's summed phase, whose errors are alike over tens of micrometres."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

from napari_contransgan.resampling import block_mean

CORRELATION_UM = 40.0
"""Distance over which the correlation of two errors falls to 1/e. In simulated fields full of cells, the errors of TIE
correlate by 0.9 at 5 um, 0.8 at 10 um and 0.6 at 20 um."""

SLOW_UM = 2.0
"""Width over which the smallest uncertainty counts: what varies within it belongs to fine structure, whose errors
average out within an object."""

FULL_FRAME_RAD = 0.06
"""Uncertainty of the background above which the frame counts as full: with empty background it is at most 0.03 rad, in
closed sheets of cells at least 0.1 rad."""

FULL_FRAME_FACTOR = 2.0
"""In simulated frames full of cells, the level was wrong by 1.7 times its uncertainty, root mean square, and outlines
that are found add to that."""

LEAST_BACKGROUND = 0.02
"""Fraction of the measured area that must be background for its level to be trusted."""

_BLOCK_UM = 1.5
_MOST_BLOCKS = 1000
_LEAST_PATCHES = 8


def sum_errors(
    yx_phase_rad: NDArray[np.float64],
    yx_labels: NDArray[np.int32],
    yx_measured: NDArray[np.bool_],
    yx_std_rad: NDArray[np.floating] | None,
    pixel_size_um: float,
) -> dict[int, float | None]:
    """Estimate the standard error of each object's sum of phases, in radians times pixels.

    With an uncertainty map, it has two parts that are added in squares. The slow error within the object, the smallest
    uncertainty within `SLOW_UM` of each pixel: it correlates as exp(-distance / `CORRELATION_UM`), and so averages out
    in a large colony, but hardly in a cell. And the error of the background's level, from which all phases are
    measured; see `level_error`.

    Without one, it is the standard deviation of the means of empty patches as large as the object.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase above the background.
    yx_labels : (Y, X) ndarray of int32
        The objects.
    yx_measured : (Y, X) ndarray of bool
        Where the map holds a phase.
    yx_std_rad : (Y, X) ndarray or None
        Standard deviation of the phase.
    pixel_size_um : float
        Pixel size.

    Returns
    -------
    dict of int to float or None
        By label; None if nothing tells the error.
    """
    yx_used = np.where(yx_measured, yx_labels, 0)
    sizes_px = np.bincount(yx_labels.ravel())
    labels = [int(label) for label in np.flatnonzero(sizes_px) if label > 0]
    if yx_std_rad is None:
        return _from_background(yx_phase_rad, yx_labels, yx_measured, {one: int(sizes_px[one]) for one in labels})
    level_rad = level_error(yx_std_rad, yx_labels, yx_measured)
    yx_slow_rad = ndimage.minimum_filter(np.asarray(yx_std_rad, np.float64), max(round(SLOW_UM / pixel_size_um), 1))
    order = np.argsort(yx_used, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(yx_used.ravel(), minlength=len(sizes_px)))
    found: dict[int, float | None] = {}
    for label in labels:
        places = np.unravel_index(order[ends[label - 1] : ends[label]], yx_used.shape)
        std_rad = yx_slow_rad[places]
        if not len(std_rad):  # no phase anywhere in it
            found[label] = None
            continue
        within_rad_px = _correlated_sum(std_rad, np.column_stack(places), pixel_size_um)
        found[label] = math.hypot(within_rad_px, level_rad * len(std_rad))
    return found


def level_error(
    yx_std_rad: NDArray[np.floating], yx_labels: NDArray[np.int32], yx_measured: NDArray[np.bool_]
) -> float:
    """Return the standard error of the background's level.

    It is the median uncertainty of the background, or of the whole map if there is hardly any background, and
    `FULL_FRAME_FACTOR` times as much where it is so large that the frame must be full.
    """
    yx_background = yx_measured & (yx_labels == 0)
    if np.count_nonzero(yx_background) < LEAST_BACKGROUND * np.count_nonzero(yx_measured):
        yx_background = yx_measured
    std_rad = yx_std_rad[yx_background]
    std_rad = std_rad[np.isfinite(std_rad)]
    level_rad = float(np.median(std_rad)) if std_rad.size else 0.0
    return level_rad * FULL_FRAME_FACTOR if level_rad > FULL_FRAME_RAD else level_rad


def _correlated_sum(std_rad: NDArray[np.float64], places_px: NDArray[np.intp], pixel_size_um: float) -> float:
    """Return the standard deviation of a sum of correlated values, computed over blocks of pixels."""
    side_px = max(round(_BLOCK_UM / pixel_size_um), round(math.sqrt(len(std_rad) / _MOST_BLOCKS)), 1)
    blocks = places_px // side_px
    _, block = np.unique(blocks[:, 0] * (int(blocks[:, 1].max()) + 1) + blocks[:, 1], return_inverse=True)
    sums, sizes = np.bincount(block, std_rad), np.bincount(block)
    centres_px = np.column_stack([np.bincount(block, places_px[:, axis]) / sizes for axis in (0, 1)])
    correlation = np.exp(-cdist(centres_px, centres_px) * (pixel_size_um / CORRELATION_UM))
    return float(np.sqrt(sums @ correlation @ sums))


def _from_background(
    yx_phase_rad: NDArray[np.float64],
    yx_labels: NDArray[np.int32],
    yx_measured: NDArray[np.bool_],
    sizes_px: dict[int, int],
) -> dict[int, float | None]:
    yx_empty = yx_measured & (yx_labels == 0)
    sides_px = {label: max(1, round(math.sqrt(size_px))) for label, size_px in sizes_px.items()}
    spreads = {side_px: _spread_of_patches(yx_phase_rad, yx_empty, side_px) for side_px in set(sides_px.values())}
    return {
        label: None if (spread := spreads[sides_px[label]]) is None else spread * size_px
        for label, size_px in sizes_px.items()
    }


def _spread_of_patches(yx_phase_rad: NDArray[np.float64], yx_empty: NDArray[np.bool_], side_px: int) -> float | None:
    """Return the standard deviation of the means of empty patches; None if there are too few."""
    if min(yx_phase_rad.shape) < side_px:
        return None
    shares = block_mean(yx_empty.astype(np.float64), side_px)
    sums = block_mean(np.where(yx_empty, yx_phase_rad, 0.0), side_px)
    enough = shares >= 0.5
    if np.count_nonzero(enough) < _LEAST_PATCHES:
        return None
    return float(np.sqrt(np.mean(np.square(sums[enough] / shares[enough]))))
