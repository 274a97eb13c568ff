"""Find pixels that show nothing: borders without data, and areas without light."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.counts import LIGHT_FLOOR, bright_level
from napari_contransgan.resampling import block_mean
from napari_contransgan.robust import robust_sigma

Mask = NDArray[np.bool_]

_BLOCK = np.ones((3, 3), bool)
_RUN_PX = 8  # equal neighbours along an edge that call for a closer look
_LEAST_FILL_PX = 16
_LEAST_LEFT = 0.05  # fraction of the frame inside a border
_MOST_STRAY_ZEROS = 0.05  # of the rest of the frame; if there are more, they come from few photons, not from a border
_NEAR_LEVEL = 0.2  # a fill value this near the bright level counts only as a straight border
_STRAIGHT = 0.995
_MOST_EQUAL = 0.5
_PLATEAU_CELLS = 256
_PLATEAU_RANGE = (0.01, 0.45)  # of the bright level
_PLATEAU_AREA = 0.01
_PLATEAU_SPREAD = 0.01  # of the bright level
_BRIGHT_BESIDE = 0.75


def edge_fill(yx_frame: NDArray[Any]) -> Mask | None:
    """Find the border pixels that a program filled in, for example after registration.

    They are connected to the frame's edge and all have the same value: 0, NaN, or any other.

    Parameters
    ----------
    yx_frame : (Y, X) ndarray
        Counts as recorded.

    Returns
    -------
    (Y, X) ndarray of bool or None
        True where the frame holds no data; None if it holds data everywhere.
    """
    yx_fill: Mask | None = None
    for value in _edge_values(yx_frame):
        yx_same = ~np.isfinite(yx_frame) if np.isnan(value) else yx_frame == value
        yx_found = reaching_edge(yx_same, opened(yx_same))
        if np.count_nonzero(yx_found) < _LEAST_FILL_PX or not _is_fill(yx_frame, float(value), yx_same, yx_found):
            continue
        if value != 0 and not np.isnan(value):
            yx_found = opened(yx_found)  # next to the border, a pixel may happen to have the same value
        yx_fill = yx_found if yx_fill is None else yx_fill | yx_found
    return yx_fill


def _edge_values(yx_frame: NDArray[Any]) -> list[float]:
    """Return values that may fill a border: NaN, 0, and those shared by a run of pixels along an edge."""
    values: dict[float, None] = {}
    for line in (yx_frame[0], yx_frame[-1], yx_frame[:, 0], yx_frame[:, -1]):
        defined = line
        if line.dtype.kind == "f":
            finite = np.isfinite(line)
            defined = line[finite]
            if not finite.all():
                values[float("nan")] = None
        if np.any(defined == 0):
            values[0.0] = None
        breaks = np.flatnonzero(np.diff(defined) != 0)
        ends = np.append(breaks, defined.size - 1)
        lengths = np.diff(np.append(-1, ends))
        if lengths.size and lengths.max() >= _RUN_PX:
            values[float(defined[ends[np.argmax(lengths)]])] = None
    nan = [value for value in values if np.isnan(value)]
    return nan[:1] + [value for value in values if not np.isnan(value)]


def _is_fill(yx_frame: NDArray[Any], value: float, yx_same: Mask, yx_found: Mask) -> bool:
    yx_rest = ~yx_found
    left = np.count_nonzero(yx_rest)
    if left < _LEAST_LEFT * yx_rest.size:
        return False
    if np.isnan(value):
        return True
    if value == 0:
        return bool(np.count_nonzero(yx_same & yx_rest) <= _MOST_STRAY_ZEROS * left)
    if max(_equal_share(yx_frame, yx_rest), _equal_share(yx_frame.T, yx_rest.T)) > _MOST_EQUAL:
        return False  # without noise, equal neighbours mean nothing
    rest = yx_frame[yx_rest]
    level = bright_level(rest[np.isfinite(rest)][None])
    if abs(value - level) > _NEAR_LEVEL * abs(level):
        beside = yx_frame[ndimage.binary_dilation(yx_found, _BLOCK) & yx_rest]
        return bool(np.nanmedian(np.abs(beside - value)) > _NEAR_LEVEL / 2 * abs(level))
    rows, columns = np.flatnonzero(yx_rest.any(axis=1)), np.flatnonzero(yx_rest.any(axis=0))
    box = int((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))
    return bool(_STRAIGHT * box <= left and box < yx_rest.size)


def _equal_share(yx_frame: NDArray[Any], yx_of: Mask) -> float:
    """Return the fraction of pixels that equal the next one along the last axis."""
    both = yx_of[:, 1:] & yx_of[:, :-1]
    count = np.count_nonzero(both)
    return np.count_nonzero(both & (yx_frame[:, 1:] == yx_frame[:, :-1])) / count if count else 0.0


def opened(yx_mask: Mask) -> Mask:
    """Remove regions in which no 3 x 3 square fits; beyond its edge the frame is continued with its last pixels."""
    padded = np.pad(yx_mask, 2, mode="edge")
    for rows in (slice(2), slice(-2, None)):
        for columns in (slice(2), slice(-2, None)):
            padded[rows, columns] = False  # otherwise a single pixel in a corner would count
    eroded = padded[:-2] & padded[1:-1] & padded[2:]
    eroded = np.pad(eroded[:, :-2] & eroded[:, 1:-1] & eroded[:, 2:], 2)
    dilated = eroded[:-2] | eroded[1:-1] | eroded[2:]
    dilated = dilated[:, :-2] | dilated[:, 1:-1] | dilated[:, 2:]
    return np.asarray(dilated[2:-2, 2:-2], bool)


def reaching_edge(yx_mask: Mask, yx_within: Mask | None = None) -> Mask:
    """Keep the connected regions that reach the frame's edge and contain a pixel of `yx_within`."""
    labels, count = ndimage.label(yx_mask)
    kept = np.zeros(count + 1, bool)
    kept[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    if yx_within is not None:
        kept &= np.bincount(labels[yx_within], minlength=count + 1) > 0
    kept[0] = False
    return np.asarray(kept[labels], bool)


def dark_places(yx_light: NDArray[np.floating], level: float) -> Mask | None:
    """Find areas without light of 3 x 3 pixels or more; None if there are none.

    Parameters
    ----------
    yx_light : (Y, X) ndarray
        Counts above the dark level.
    level : float
        Bright level.
    """
    floor = LIGHT_FLOOR * level
    if yx_light.min() >= floor:
        return None
    yx_dark = opened(yx_light < floor)
    return yx_dark if yx_dark.any() else None


@dataclass(frozen=True)
class Plateau:
    """A dark part of a frame in which all counts are the same.

    Parameters
    ----------
    counts : float
        The counts.
    share : float
        Counts as a fraction of the bright level.
    yx_places : (Y, X) ndarray of bool
        Pixels of the dark part.
    """

    counts: float
    share: float
    yx_places: Mask

    @property
    def note(self) -> str:
        """Return a note for the user."""
        counts = f"{self.counts:.0f}" if self.counts >= 10 else f"{self.counts:.2g}"
        return (
            f"A dark part at the frame's edge has a constant {counts} counts, {self.share:.0%} of the bright "
            "level. If no light falls there, this is the camera's dark level, and contrast and phase are too small by "
            "that fraction: state the dark level. That part was treated as an area without light."
        )


def dark_plateau(yx_light: NDArray[np.floating], level: float | None = None) -> Plateau | None:
    """Find a dark level that was not subtracted: an even, sharply bounded dark area of a field stop above 0.

    Parameters
    ----------
    yx_light : (Y, X) ndarray
        Counts from which no dark level, or too low a one, was subtracted.
    level : float or None
        Bright level, if it is already known.

    Returns
    -------
    Plateau or None
        None if the frame does not clearly show one.
    """
    step = max(1, -(-max(yx_light.shape) // _PLATEAU_CELLS))
    if min(yx_light.shape) < 8 * step:
        return None
    level = bright_level(yx_light) if level is None else level
    low, high = (share * level for share in _PLATEAU_RANGE)
    strips = yx_light[:step], yx_light[-step:], yx_light[:, :step], yx_light[:, -step:]
    if min(float(block_mean(strip, step).min()) for strip in strips) > high:
        return None
    cells = block_mean(yx_light, step)
    inner = ndimage.binary_erosion(np.pad(reaching_edge(cells < high), 2, mode="edge"), _BLOCK, iterations=2)[
        2:-2, 2:-2
    ]
    if np.count_nonzero(inner) < max(_PLATEAU_AREA * cells.size, 16):
        return None
    counts = float(np.median(cells[inner]))
    spread = robust_sigma(cells[inner] - counts)
    allowed = max(5 * spread, 2 * _PLATEAU_SPREAD * level)
    is_even = spread <= _PLATEAU_SPREAD * level and np.mean(np.abs(cells[inner] - counts) <= allowed) > 0.98
    if not is_even or counts < max(low, 3 * spread) or np.quantile(cells, 1e-3) < counts - allowed:
        return None
    # Its neighbourhood is bright at once, as at the edge of a stop and unlike the slope of a thick specimen.
    grown = ndimage.binary_dilation(inner, _BLOCK, iterations=5)
    beside = grown & ~ndimage.binary_dilation(inner, _BLOCK, iterations=4)
    if not beside.any() or np.median(cells[beside]) < _BRIGHT_BESIDE * level:
        return None
    share = counts / level
    yx_below = yx_light < (1 + share) / 2 * level
    seed = np.zeros(yx_light.shape, bool)
    seed[: inner.shape[0] * step, : inner.shape[1] * step] = np.kron(inner, np.ones((step, step), bool))
    return Plateau(counts, share, ndimage.binary_propagation(seed, mask=yx_below))
