"""The part of a stack that TIE may use: what lies inside borders without data and inside a field stop.

A plane that was registered has borders without data, each plane others, and where one plane lacks data the derivative
along z is that of the border. Where no light falls there is no phase. What is left is nearly always a rectangle: it is
solved as a frame of its own. Else the frame is solved as it is, with nothing changing where data are missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.counts import bright_level
from napari_contransgan.errors import UnusableFrameError
from napari_contransgan.robust import robust_sigma
from napari_contransgan.unlit import Mask, dark_places, dark_plateau, edge_fill

Window = tuple[slice, slice]

SMALLEST_SIDE_PX = 16

_BRIGHT = 0.5
_TORN_PX = 16
_INTERPOLATED_PX = 2
"""Registration mixes the border into so many pixels beside it."""

_RECTANGLE_SHARE = (0.9, 0.8)
"""Of what is usable, that the largest rectangle must hold to be solved alone: within a stop, and within borders."""

_STOP_ALONG_SIDE = 0.25
_COARSE_CELLS = 256
_EVEN_LIGHT = 0.9
_MOST_TRIMMED = 0.1
_STEEP_PX = 2
_MIXED_LINES = 4
_MIXED_SIGMAS, _LEAST_MIXED = 5.0, 0.005


@dataclass(frozen=True)
class LitArea:
    """The part of a frame that is used.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns to solve; all of them where nothing is cut off.
    yx_without_phase : (Y, X) ndarray of bool
        Of the whole frame, where no phase can be given.
    yx_cleared : (Y, X) ndarray of bool or None
        Of the window, where planes contradict each other or hold no light and yet counts; None where none do.
    is_border : bool
        Whether data are missing in some plane, rather than light in all.
    plateau_note : str or None
        What an even level above 0 of a dark part means, see `napari_contransgan.unlit.dark_plateau`.
    """

    window: Window
    yx_without_phase: Mask
    yx_cleared: Mask | None
    is_border: bool
    plateau_note: str | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """Return its figures for the report."""
        window = [[side.start, side.stop] for side in self.window]
        figures = {"without_phase_share": round(self.share, 6), "solved_rows_columns": window}
        return {**figures, "lacks_data": self.is_border, "plateau_note": self.plateau_note}

    @property
    def share(self) -> float:
        """Return the share of the frame without phase."""
        return float(self.yx_without_phase.mean())

    def on_frame(self, yx_values: NDArray[np.floating], outside: float) -> NDArray[np.float32]:
        """Put values of the window in their place, with another value where there is no phase."""
        yx_frame = np.full(self.yx_without_phase.shape, outside, np.float32)
        yx_frame[self.window] = yx_values
        yx_frame[self.yx_without_phase] = outside
        return yx_frame


def check_size(window: Window) -> None:
    """Refuse a part of the frame that is too small for TIE.

    Raises
    ------
    UnusableFrameError
        If a side is shorter than 16 px.
    """
    height, width = (side.stop - side.start for side in window)
    if min(height, width) < SMALLEST_SIDE_PX:
        raise UnusableFrameError(
            f"only {height} x {width} px lie inside the dark borders, too few for TIE: "
            f"give at least {SMALLEST_SIDE_PX} px a side"
        )


def without_borders(zyx_stack: NDArray[Any]) -> tuple[NDArray[Any], list[Mask | None]]:
    """Set borders without data to 0, whatever they were filled with.

    Parameters
    ----------
    zyx_stack : (Z, Y, X) ndarray
        Numbers as recorded.

    Returns
    -------
    (Z, Y, X) ndarray
        The same where there are none.
    list of (Y, X) ndarray of bool or None
        Borders of each plane, see `napari_contransgan.unlit.edge_fill`.

    Raises
    ------
    UnusableFrameError
        If a pixel inside is NaN or infinite.
    """
    missing = [edge_fill(plane) for plane in zyx_stack]
    zyx = zyx_stack
    if any(mask is not None and plane[mask].any() for plane, mask in zip(zyx_stack, missing, strict=True)):
        zyx = zyx_stack.copy()
        for index, mask in enumerate(missing):
            if mask is not None:
                zyx[index][mask] = 0
    if zyx.dtype.kind == "f" and not np.isfinite(zyx).all():
        count = int(zyx.size - np.count_nonzero(np.isfinite(zyx)))
        raise UnusableFrameError(f"{count} of {zyx.size} pixels are NaN or infinite: replace them first")
    return zyx, missing


def lit_area(zyx_light: NDArray[np.float32], missing: Sequence[Mask | None], focus_index: int) -> LitArea | None:
    """Find what of a stack can be used; None where all of it can.

    Parameters
    ----------
    zyx_light : (Z, Y, X) ndarray of float32
        Counts of light.
    missing : sequence of (Y, X) ndarray of bool or None
        Borders without data.
    focus_index : int
        Plane in focus.
    """
    yx_focus = zyx_light[focus_index]
    level = bright_level(yx_focus)
    none = np.zeros(yx_focus.shape, bool)
    plateau = dark_plateau(yx_focus, level)
    places = [dark_places(yx_focus, level), None if plateau is None else plateau.yx_places]
    bordered = [mask for mask in missing if mask is not None]
    if not bordered and all(place is None for place in places):
        return None
    yx_dark = none
    for place in places:
        yx_dark = yx_dark if place is None else yx_dark | place
    yx_missing = np.asarray(np.any(bordered, axis=0), bool) if bordered else none
    is_border = bool(np.count_nonzero(yx_missing & (zyx_light.max(axis=0) >= _BRIGHT * level)) >= _TORN_PX)
    yx_unused = _along_sides(yx_dark | yx_missing) | (yx_missing if is_border else none)
    rectangle = largest_rectangle(~yx_unused)
    least = _RECTANGLE_SHARE[is_border] * np.count_nonzero(~yx_unused)
    if np.count_nonzero(~yx_unused[rectangle]) >= least:
        window, yx_cleared = _trimmed(zyx_light, rectangle), None
        window = _without_mixed_lines(zyx_light, window) if is_border else window
        yx_inside = none.copy()
        yx_inside[window] = True
        yx_without = yx_dark | ~yx_inside
    else:
        window = (slice(0, yx_focus.shape[0]), slice(0, yx_focus.shape[1]))
        if is_border:
            yx_dark = yx_dark | ndimage.binary_dilation(yx_unused, np.ones((3, 3), bool), iterations=_INTERPOLATED_PX)
        yx_without, yx_cleared = yx_dark, yx_dark if is_border or plateau is not None else None
    return LitArea(window, yx_without, yx_cleared, is_border, None if plateau is None else plateau.note)


def _along_sides(yx_dark: Mask) -> Mask:
    """Keep dark parts that take up a good part of a side: a stop, and not a grain that the frame cuts."""
    labels, count = ndimage.label(yx_dark)
    kept = np.zeros(count + 1, bool)
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        kept |= np.bincount(line, minlength=count + 1) >= _STOP_ALONG_SIDE * line.size
    kept[0] = False
    return np.asarray(kept[labels], bool)


def largest_rectangle(yx_usable: Mask) -> Window:
    """Find the largest upright rectangle of usable pixels, to within a few pixels."""
    step = max(1, -(-max(yx_usable.shape) // _COARSE_CELLS))
    rows, columns = (side // step for side in yx_usable.shape)
    blocks = yx_usable[: rows * step, : columns * step].reshape(rows, step, columns, step)
    cells = np.asarray(blocks.all(axis=(1, 3)), bool)
    best, largest = (0, 0, 0, 0), 0
    heights = np.zeros(columns + 1, int)
    for row in range(rows):
        heights[:-1] = np.where(cells[row], heights[:-1] + 1, 0)
        open_bars: list[tuple[int, int]] = []  # first column and height of bars that may still go on
        for column, height in enumerate(heights):
            start = column
            while open_bars and open_bars[-1][1] >= height:
                start, taller = open_bars.pop()
                if taller * (column - start) > largest:
                    largest = taller * (column - start)
                    best = (row + 1 - taller, row + 1, start, column)
            open_bars.append((start, int(height)))
    return _grown(yx_usable, [edge * step for edge in best])


def _grown(yx_usable: Mask, edges: list[int]) -> Window:
    """Move each side outwards as long as its line is usable."""
    top, bottom, left, right = edges
    while top > 0 and yx_usable[top - 1, left:right].all():
        top -= 1
    while bottom < yx_usable.shape[0] and yx_usable[bottom, left:right].all():
        bottom += 1
    while left > 0 and yx_usable[top:bottom, left - 1].all():
        left -= 1
    while right < yx_usable.shape[1] and yx_usable[top:bottom, right].all():
        right += 1
    return slice(top, bottom), slice(left, right)


def _trimmed(zyx_light: NDArray[np.float32], window: Window) -> Window:
    """Cut off the soft edge of a field stop, where light falls off and changes along z."""
    rows, columns = window
    zyx = zyx_light[:, rows, columns]
    if min(zyx.shape[1:]) == 0:
        return window
    levels = np.array([bright_level(plane) for plane in zyx])
    sides = []
    for axis, whole, length in ((2, rows, zyx_light.shape[1]), (1, columns, zyx_light.shape[2])):
        lines = np.median(zyx, axis=axis) / levels[:, None]
        steep = np.flatnonzero((lines < _EVEN_LIGHT).any(axis=0))
        count, most = lines.shape[1], int(_MOST_TRIMMED * lines.shape[1])
        first, last = steep[steep < most], count - 1 - steep[steep >= count - most]
        before = first[-1] + 1 + _STEEP_PX if first.size and whole.start > 0 else 0
        after = last[0] + 1 + _STEEP_PX if last.size and whole.stop < length else 0
        sides.append(slice(whole.start + int(before), whole.stop - int(after)))
    return sides[0], sides[1]


def _without_mixed_lines(zyx_light: NDArray[np.float32], window: Window) -> Window:
    """Cut off lines next to a border that interpolation has mixed with it, in any plane."""
    whole = (slice(0, zyx_light.shape[1]), slice(0, zyx_light.shape[2]))
    sides = []
    for axis, side, frame in zip((2, 1), window, whole, strict=True):
        lines = np.median(zyx_light[:, *window], axis=axis)
        before = _mixed(lines) if side.start > frame.start else 0
        after = _mixed(lines[:, ::-1]) if side.stop < frame.stop else 0
        sides.append(slice(side.start + before, side.stop - after))
    return sides[0], sides[1]


def _mixed(lines: NDArray[np.floating]) -> int:
    """Count lines up to the last whose median, in any plane, differs from those further in."""
    further = lines[:, _MIXED_LINES + 1 : 5 * _MIXED_LINES]
    if further.shape[1] < _MIXED_LINES:
        return 0
    level = np.median(further, axis=1, keepdims=True)
    spread = np.array([[robust_sigma(line)] for line in further - level])
    odd = np.abs(lines[:, :_MIXED_LINES] - level) > np.maximum(_MIXED_SIGMAS * spread, _LEAST_MIXED * np.abs(level))
    found = np.flatnonzero(odd.any(axis=0))
    return int(found[-1]) + 1 if found.size else 0
