"""From planes as recorded to planes that may be compared: light, pixels and place made equal, each step reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import diags, identity, kron, vstack
from scipy.sparse.linalg import spsolve

from napari_contransgan.errors import InputError
from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.background import background_median
from napari_contransgan.tie.derivative import plane_noise
from napari_contransgan.tie.drift import NOTICEABLE_PX, measure_drift, undo_drift
from napari_contransgan.tie.focus_data import INTENSITY_FLOOR

_DEAD_SIGMAS = 12.0
_DEAD_SHARE = 0.1  # of the bright level, at least
_DEAD_NEIGHBOUR = 0.3  # of a dead pixel's own deviation, at most
_MOST_REBUILT = 0.01
_MOST_SPOTS = 500  # more of them are noise that touches the limit
_HIGHEST_REBUILT = 2.0  # times the limit
_FLAT_CELLS = 64
_FLAT_DEGREES = (1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4)  # round by round


@dataclass(frozen=True)
class Preparation:
    """Which steps are taken.

    Parameters
    ----------
    dead_pixels : bool
        Replace pixels that stick out of their surroundings in the same place of every plane.
    saturation : bool
        Estimate the light of spots at the camera's limit.
    flat_field : (Y, X) ndarray, "estimate" or None
        Divide by the picture of an empty field; ``"estimate"`` takes the slow unevenness that all planes share.
    drift : bool
        Undo sideways drift between planes.
    magnification : bool
        Undo a change of magnification between planes too.
    equal_sums : bool
        Scale each plane to the sum of the plane in focus: light is neither made nor lost between planes.
    """

    dead_pixels: bool = True
    saturation: bool = True
    flat_field: NDArray[np.floating] | Literal["estimate"] | None = None
    drift: bool = True
    magnification: bool = False
    equal_sums: bool = True


@dataclass(frozen=True)
class PreparedPlanes:
    """Planes relative to the bright level of the plane in focus.

    Parameters
    ----------
    zyx_planes : (Z, Y, X) ndarray of float32
        Intensities; 1 is the open field.
    z_noise : tuple of float
        White noise of each plane.
    yx_unusable : (Y, X) ndarray of bool or None
        Saturated pixels; None where there are none.
    figures : dict
        What each step changed, as plain JSON values.
    """

    zyx_planes: NDArray[np.float32]
    z_noise: tuple[float, ...]
    yx_unusable: NDArray[np.bool_] | None
    figures: dict[str, Any]


def prepare(zyx_stack: NDArray[np.number], focus_index: int, steps: Preparation) -> PreparedPlanes:
    """Take the steps in the order in which light went wrong: pixels, flat field, drift, sums.

    Parameters
    ----------
    zyx_stack : (Z, Y, X) ndarray
        Intensities of any scale and number type, without offset.
    focus_index : int
        Plane in focus.
    steps : Preparation
        Which steps are taken.

    Returns
    -------
    PreparedPlanes

    Raises
    ------
    InputError
        If a plane carries no light, a flat field does not fit, or planes do not show the same field.
    """
    figures: dict[str, Any] = {}
    zyx = np.array(zyx_stack, dtype=np.float32)
    yx_unusable = _rebuild_saturated(zyx, zyx_stack) if steps.saturation else None
    z_means = zyx.mean(axis=(1, 2), dtype=np.float64)
    if not np.all(z_means > 0):
        plane = int(np.argmin(z_means > 0))
        raise InputError(
            f"plane {plane} carries no light (mean {z_means[plane]:g}): "
            "give intensities as the camera recorded them, without subtracting the background"
        )
    if steps.dead_pixels:
        mended = _mend_dead_pixels(zyx)
        figures["dead_pixels"] = len(mended)
        if yx_unusable is not None and mended:
            yx_unusable[tuple(np.transpose(mended))] = False
    figures["saturated_pixels"] = 0 if yx_unusable is None else int(yx_unusable.sum())
    z_noise = np.array([plane_noise(plane) for plane in zyx])
    if zyx_stack.dtype.kind in "ui":
        z_noise = np.maximum(z_noise, 1 / np.sqrt(12))
    if steps.flat_field is not None:
        figures["flat_field_range"] = _flatten(zyx, steps.flat_field)
    level = bright_level(zyx[focus_index])
    if steps.drift or steps.magnification:
        figures |= _align(zyx, focus_index, level, steps)
    scales = np.ones(len(zyx))
    if steps.equal_sums:
        sums = zyx.mean(axis=(1, 2), dtype=np.float64)
        scales = sums[focus_index] / sums
        figures["plane_sums"] = [round(float(total / sums[focus_index]), 6) for total in sums]
    for index, scale in enumerate(scales):
        zyx[index] *= np.float32(scale / level)
    return PreparedPlanes(zyx, tuple(float(noise) for noise in z_noise * scales / level), yx_unusable, figures)


def bright_level(yx_intensity: NDArray[np.floating]) -> float:
    """Median of the pixels brighter than half the 99th percentile: the open field, whatever an aperture covers."""
    stride = max(1, int(np.sqrt(yx_intensity.size / 250_000)))
    sample = yx_intensity[::stride, ::stride]
    return float(np.median(sample[sample > 0.5 * np.percentile(sample, 99)]))


def _rebuild_saturated(zyx: NDArray[np.float32], zyx_stack: NDArray[np.number]) -> NDArray[np.bool_] | None:
    """Continue the surroundings into spots at the camera's limit, in place; gives the pixels of all planes.

    Light cut off there is missing from the plane, and every missing bit of light grows into a cloud. A smooth
    continuation over the top restores a good part of it, and is never below the limit.
    """
    if zyx_stack.dtype.kind not in "ui":
        return None
    limit = int(zyx_stack.max())
    if not _is_full_scale(limit):
        return None
    zyx_full = zyx_stack == limit
    for yx_plane, yx_full in zip(zyx, zyx_full, strict=True):
        if not yx_full.any() or np.count_nonzero(yx_full) > _MOST_REBUILT * yx_full.size:
            continue
        labels, count = ndimage.label(yx_full)
        if count > _MOST_SPOTS:
            continue
        for spot in ndimage.find_objects(labels):
            around = tuple(slice(max(side.start - 4, 0), side.stop + 4) for side in spot)
            inner = yx_full[around]
            rebuilt = _continued(yx_plane[around].astype(np.float64) / limit, inner)
            yx_plane[around][inner] = np.clip(rebuilt, 1.0, _HIGHEST_REBUILT) * limit
    return np.asarray(zyx_full.any(axis=0), bool)


def _continued(yx_values: NDArray[np.float64], yx_unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values of the unknown pixels that bend the map least: a thin plate through the known ones."""
    rows, columns = yx_values.shape
    slopes = [diags([-1.0, 1.0], [0, 1], shape=(side - 1, side)) for side in yx_values.shape]
    bends = [diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(side - 2, side)) for side in yx_values.shape]
    across, along = kron(bends[0], identity(columns)), kron(identity(rows), bends[1])
    plate = vstack([across, along, np.sqrt(2) * kron(*slopes)]).tocsc()
    unknown = yx_unknown.ravel()
    free, held = plate[:, unknown], plate[:, ~unknown]
    solved: NDArray[np.float64] = spsolve(free.T @ free, -(free.T @ (held @ yx_values.ravel()[~unknown])))
    return solved


def _is_full_scale(value: int) -> bool:
    """Whether a camera of 8 to 16 bit stops at this value, also where its bits are stored shifted to the left."""
    return any(value == (2**bits - 1) << shift for bits in range(8, 17) for shift in range(17 - bits))


def _mend_dead_pixels(zyx: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Replace dead and hot pixels by the median of their neighbours, in place; gives their places."""
    yx_mean = zyx.mean(axis=0)
    around = np.zeros_like(yx_mean)
    padded = np.pad(yx_mean, 1, mode="reflect")
    for rows, columns in ((0, 1), (2, 1), (1, 0), (1, 2)):
        around += padded[rows : rows + yx_mean.shape[0], columns : columns + yx_mean.shape[1]]
    yx_mean -= 0.25 * around
    level = float(np.median(around[::4, ::4])) / 4
    spread = float(np.median(np.abs(yx_mean[::2, ::2]))) / 0.6745
    threshold = max(_DEAD_SIGMAS * spread, _DEAD_SHARE * level)
    dead = np.argwhere(np.abs(yx_mean) > threshold)
    lonely = [(y, x) for y, x in dead if _stands_alone(padded[1:-1, 1:-1], y, x)]
    for y, x in lonely:
        window = zyx[:, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(len(zyx), -1)
        zyx[:, y, x] = np.median(window, axis=1)
    return lonely


def _stands_alone(yx_mean: NDArray[np.float32], y: int, x: int) -> bool:
    """Whether no neighbour goes along: whatever the light shows, if only a granule, is blurred over several pixels."""
    level = np.median(yx_mean[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3])
    beside = np.abs(yx_mean[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] - level)
    return bool(np.count_nonzero(beside > _DEAD_NEIGHBOUR * abs(yx_mean[y, x] - level)) == 1)


def _flatten(zyx: NDArray[np.float32], flat_field: NDArray[np.floating] | Literal["estimate"]) -> list[float]:
    """Divide by the flat field, in place; gives its smallest and largest value relative to its mean."""
    if isinstance(flat_field, str):
        yx_flat = _estimated_flat(zyx.mean(axis=0))
    else:
        yx_flat = np.asarray(flat_field, dtype=np.float32)
        if yx_flat.shape != zyx.shape[1:]:
            raise InputError(
                f"the flat field has {_size(yx_flat.shape)} px and the planes {_size(zyx.shape[1:])}: "
                "take it with the same camera settings"
            )
        if not np.all(np.isfinite(yx_flat)) or yx_flat.min() <= 0:
            raise InputError(
                "the flat field has dark or undefined pixels: give the picture of an evenly lit empty field"
            )
    yx_flat = yx_flat / yx_flat.mean(dtype=np.float64)
    zyx /= yx_flat.astype(np.float32)
    return [round(float(yx_flat.min()), 4), round(float(yx_flat.max()), 4)]


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _estimated_flat(yx_mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slow unevenness: a polynomial through cells of the frame, blind to cells that stick out.

    It begins with the most common level and grows by degrees, so that what sticks out is known before the polynomial
    could bend to it.
    """
    step = max(1, max(yx_mean.shape) // _FLAT_CELLS)
    cells = block_mean(yx_mean, step).astype(np.float64)
    y, x = (
        2 * (np.arange(count) + 0.5) * step / side - 1 for count, side in zip(cells.shape, yx_mean.shape, strict=True)
    )
    highest = _FLAT_DEGREES[-1]
    terms = sorted(((i, j) for i in range(highest + 1) for j in range(highest + 1 - i)), key=sum)
    design = np.stack([np.outer(y**i, x**j).ravel() for i, j in terms], axis=1)
    values = cells.ravel()
    lit = values > INTENSITY_FLOOR * np.percentile(cells, 99)
    residual, fitted = values - background_median(values[lit]), np.zeros(1)
    for degree in _FLAT_DEGREES:
        below, above = -residual[lit & (residual <= 0)], residual[lit & (residual >= 0)]
        spread = max(1.4826 * min(float(np.median(side)) for side in (below, above) if side.size), 1e-12)
        weights = lit * np.maximum(1 - (residual / (4 * spread)) ** 2, 0) ** 2
        count = (degree + 1) * (degree + 2) // 2
        fitted = np.linalg.lstsq(design[:, :count] * weights[:, None], values * weights, rcond=None)[0]
        residual = values - design[:, :count] @ fitted
    y, x = (2 * (np.arange(side) + 0.5) / side - 1 for side in yx_mean.shape)
    yx_flat = sum(value * np.outer(y**i, x**j) for value, (i, j) in zip(fitted, terms, strict=True))
    return np.asarray(np.maximum(yx_flat, 0.05 * float(cells.max())), np.float32)


def _align(zyx: NDArray[np.float32], focus_index: int, level: float, steps: Preparation) -> dict[str, Any]:
    """Measure drift and undo it where it matters, in place."""
    yx_lit = zyx[focus_index] >= INTENSITY_FLOOR * level
    found = measure_drift(zyx, focus_index, yx_lit, magnification=steps.magnification)
    corner = max(zyx.shape[1:]) / 2
    if found.largest_px > NOTICEABLE_PX or np.any(np.abs(found.z_scale - 1) * corner > NOTICEABLE_PX):
        undo_drift(zyx, found, focus_index)
    figures: dict[str, Any] = {
        "drift_yx_px": [[round(float(value), 3) for value in shift] for shift in found.zyx_shift_px],
        "drift_measured": [bool(value) for value in found.z_measured],
    }
    if steps.magnification:
        figures["magnification"] = [round(float(scale), 6) for scale in found.z_scale]
    return figures
