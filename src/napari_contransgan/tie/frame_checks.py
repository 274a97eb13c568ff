"""What makes a frame of focus planes useless: nothing in it, planes that are one image, or no intensities."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.counts import check_intensities, two_values
from napari_contransgan.errors import InputError, UnusableFrameError
from napari_contransgan.io import Image, check_pixels
from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.lit_area import without_borders

_COMPARED_PX = 512
_WIDTHS = (1, 2, 4, 8, 16)  # over which differences are averaged
_LEAST_CELLS = 64
_NOISE_KNOWN_TO = 0.1
_STILL = 0.1  # of the expected change
_CLEAR_CHANGE = 4.0  # times what noise may do
_LIT_BESIDE = 0.5


def checked_frame(
    zyx_stack: NDArray[Any], focus_index: int, name: str, dark: float | NDArray[np.float32] = 0.0
) -> NDArray[Any]:
    """Refuse a frame that no phase can come from; borders without data become 0.

    Raises
    ------
    UnusableFrameError
        Naming the image, for NaN inside, blank, constant or equal planes, for planes from which a background was
        subtracted, and for masks.
    """
    try:
        zyx_stack, _ = without_borders(zyx_stack)
        check_pixels(Image(zyx_stack, "ZYX", name=name))
        _check_planes(zyx_stack, focus_index, dark)
        _check_doubled(zyx_stack)
    except InputError as error:
        raise UnusableFrameError(error.named(name).reason, source=name) from error
    return zyx_stack


def _check_planes(zyx_stack: NDArray[Any], focus_index: int, dark: float | NDArray[np.float32]) -> None:
    """Refuse blank planes and masks. In focus, a clean phase object may well look constant."""
    for index, yx_plane in enumerate(zyx_stack):
        if yx_plane.mean() <= min(float(np.mean(dark)), 0.0):
            raise InputError(f"plane {index} carries no light: give intensities as the camera recorded them")
        if index != focus_index and yx_plane.min() == yx_plane.max():
            raise InputError(
                f"plane {index} is constant ({yx_plane.min():g}): take it out of the stack and "
                "give the heights z of the others"
            )
        if index == focus_index and _is_even_within_a_stop(zyx_stack, index):
            continue
        try:
            check_intensities(yx_plane, dark)
        except InputError as error:
            raise InputError(f"plane {index}: {error}") from None


def _is_even_within_a_stop(zyx_stack: NDArray[Any], index: int) -> bool:
    """Return whether a plane has two values because it shows only a field stop, which other planes show too."""
    yx_plane = zyx_stack[index]
    if two_values(yx_plane) is None:
        return False
    yx_low, other = yx_plane == yx_plane.min(), zyx_stack[index - 1]
    return bool(other[yx_low].mean() < _LIT_BESIDE * other[~yx_low].mean())


def _check_doubled(zyx_stack: NDArray[Any]) -> None:
    """Refuse planes that are one image."""
    stride = max(1, zyx_stack.shape[1] // 16)
    sampled = [plane.tobytes() for plane in zyx_stack[:, ::stride, ::stride]]
    pairs = [(one, two) for two in range(len(sampled)) for one in range(two) if sampled[one] == sampled[two]]
    same = [(one, two) for one, two in pairs if np.array_equal(zyx_stack[one], zyx_stack[two])]
    if not same:
        return
    if len(same) == len(zyx_stack) * (len(zyx_stack) - 1) // 2:
        raise InputError("all planes are the same image: TIE needs planes at different focus")
    one, two = same[0]
    raise InputError(
        f"planes {one} and {two} are the same image: the stage did not move between them, or one was saved twice: "
        "record the stack again, or leave one of them out and give the heights z of the others"
    )


def planes_at_rest(
    zyx_planes: NDArray[np.float32], z_noise: tuple[float, ...], z_um: tuple[float, ...]
) -> list[tuple[int, int]]:
    """Find neighbouring planes that differ by noise alone, although others show that the stack is not empty.

    Parameters
    ----------
    zyx_planes : (Z, Y, X) ndarray of float32
        Prepared planes.
    z_noise : tuple of float
        White noise of each.
    z_um : tuple of float
        Their heights.

    Returns
    -------
    list of tuple of int
        Pairs of planes; empty where the data cannot tell.
    """
    if len(zyx_planes) < 3:
        return []
    step = max(1, max(zyx_planes.shape[1:]) // _COMPARED_PX)
    changes = [above - below for below, above in pairwise([block_mean(plane, step) for plane in zyx_planes])]
    noises = np.square(z_noise)
    noises = (noises[1:] + noises[:-1]) / step**2
    nearer = np.square(np.diff(z_um))
    nearer = np.minimum(nearer[:, None] / nearer[None, :], 1.0)  # a move that is half as long changes half as much
    at_rest, others_moved = np.ones(len(changes), bool), np.zeros(len(changes), bool)
    for width in _WIDTHS:
        cells = [block_mean(change, width) for change in changes]
        if cells[0].size < _LEAST_CELLS:
            break
        noise = noises / width**2
        excess = np.array([np.var(change, dtype=np.float64) for change in cells]) - noise
        doubt = noise * (4 * np.sqrt(2 / cells[0].size) + _NOISE_KNOWN_TO)
        by_others = nearer * np.maximum(excess, 0)[None, :]
        np.fill_diagonal(by_others, np.inf)
        expected = by_others.min(axis=1)
        at_rest &= excess < np.maximum(_STILL * expected, doubt)
        others_moved |= expected > _CLEAR_CHANGE * doubt
    return [(int(pair), int(pair) + 1) for pair in np.flatnonzero(at_rest & others_moved)]
