"""From planes as recorded to planes that may be compared: light, pixels and place made equal, each step reported."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import diags, identity, kron, vstack
from scipy.sparse.linalg import spsolve

from napari_contransgan.counts import bright_level, check_dark, take_dark
from napari_contransgan.errors import UnusableFrameError
from napari_contransgan.robust import robust_sigma
from napari_contransgan.tie.derivative import plane_noise
from napari_contransgan.tie.drift import NOTICEABLE_PX, measure_drift, undo_drift
from napari_contransgan.tie.flat_field import FlatField, flatten, light_of_flat
from napari_contransgan.tie.focus_data import INTENSITY_FLOOR
from napari_contransgan.tie.lit_area import LitArea, check_size, lit_area, without_borders
from napari_contransgan.tie.slow_light import SlowLight, even_out, find_slow_light

_DEAD_SIGMAS = 12.0
_DEAD_SHARE = 0.1  # of the bright level, at least
_DEAD_NEIGHBOUR = 0.3  # of a dead pixel's own deviation, at most
_LEAST_LIGHT = 0.02  # of the brightest plane's: exposures do not differ so much
_MOST_REBUILT = 0.01
_MOST_SPOTS = 500  # more of them are noise that touches the limit
_HIGHEST_REBUILT = 2.0  # times the limit


@dataclass(frozen=True)
class Preparation:
    """Which steps are taken.

    Parameters
    ----------
    dark : float or (Y, X) ndarray
        Counts that the camera gives without light, subtracted from the planes and from a given flat field.
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
    light : bool
        Undo slow changes of the light between planes, see `napari_contransgan.tie.slow_light`.
    equal_sums : bool
        Scale each plane to the sum of the plane in focus: light is neither made nor lost between planes.
    """

    dark: float | NDArray[np.float32] = 0.0
    dead_pixels: bool = True
    saturation: bool = True
    flat_field: FlatField = None
    drift: bool = True
    magnification: bool = False
    light: bool = True
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
        Pixels that are saturated or hold no data; None where there are none.
    figures : dict
        What each step changed, as plain JSON values.
    area : LitArea or None
        What of the frame the planes show; None for all of it.
    light : SlowLight or None
        How the light changed between planes, and how well that is known; None where it was not sought.
    """

    zyx_planes: NDArray[np.float32]
    z_noise: tuple[float, ...]
    yx_unusable: NDArray[np.bool_] | None
    figures: dict[str, Any]
    area: LitArea | None = None
    light: SlowLight | None = None


def prepare(
    zyx_stack: NDArray[np.number], focus_index: int, steps: Preparation, pixel_size_um: float = 0.1625
) -> PreparedPlanes:
    """Take the steps in the order in which light went wrong, from the dark level to the change between planes.

    Parameters
    ----------
    zyx_stack : (Z, Y, X) ndarray
        Intensities of any scale and number type.
    focus_index : int
        Plane in focus.
    steps : Preparation
        Which steps are taken.
    pixel_size_um : float
        Lateral pixel size.

    Returns
    -------
    PreparedPlanes

    Raises
    ------
    InputError
        If a plane carries no light or holds NaN inside, a flat field or a dark level does not fit, or planes do not
        show the same field.
    """
    light = _light(zyx_stack, focus_index, steps)
    zyx, yx_unusable, figures = light.zyx, light.yx_unusable, light.figures
    _check_light(zyx)
    if steps.dead_pixels:
        mended = _mend_dead_pixels(zyx)
        figures["dead_pixels"] = len(mended)
        if yx_unusable is not None and mended:
            yx_unusable[tuple(np.transpose(mended))] = False
    figures["saturated_pixels"] = 0 if yx_unusable is None else int(yx_unusable.sum())
    if light.yx_cleared is not None:
        yx_unusable = light.yx_cleared if yx_unusable is None else yx_unusable | light.yx_cleared
    z_noise = np.array([plane_noise(plane) for plane in zyx])
    if zyx_stack.dtype.kind in "ui":
        z_noise = np.maximum(z_noise, 1 / np.sqrt(12))
    if light.flat_field is not None:
        figures["flat_field_range"] = flatten(zyx, light.flat_field, light.yx_dark)
    level = bright_level(zyx[focus_index])
    if steps.drift or steps.magnification:
        figures |= _align(zyx, focus_index, level, steps)
    slow_light = None
    if steps.light:
        yx_lit = zyx[focus_index] >= INTENSITY_FLOOR * level
        yx_lit = yx_lit if yx_unusable is None else yx_lit & ~yx_unusable
        slow_light = find_slow_light(zyx, focus_index, z_noise, yx_lit, pixel_size_um)
        figures |= even_out(zyx, slow_light)
    scales = np.ones(len(zyx))
    if steps.equal_sums:
        sums = zyx.mean(axis=(1, 2), dtype=np.float64)
        scales = sums[focus_index] / sums
        figures["plane_sums"] = [round(float(total / sums[focus_index]), 6) for total in sums]
    for index, scale in enumerate(scales):
        zyx[index] *= np.float32(scale / level)
    noises = tuple(float(noise) for noise in z_noise * scales / level)
    return PreparedPlanes(zyx, noises, yx_unusable, figures, light.area, slow_light)


@dataclass
class _Light:
    """Light of the part that is used: planes in counts above the dark level, as they are corrected further."""

    zyx: NDArray[np.float32]
    yx_unusable: NDArray[np.bool_] | None
    flat_field: FlatField
    figures: dict[str, Any]
    area: LitArea | None = None
    yx_cleared: NDArray[np.bool_] | None = None
    yx_dark: NDArray[np.bool_] | None = None


def _light(zyx_stack: NDArray[np.number], focus_index: int, steps: Preparation) -> _Light:
    """Subtract the dark level, and cut off borders and the dark part outside a field stop."""
    zyx_stack, missing = without_borders(zyx_stack)
    check_dark(zyx_stack[focus_index], steps.dark)
    zyx = np.array(zyx_stack, dtype=np.float32)
    yx_unusable = _rebuild_saturated(zyx, zyx_stack) if steps.saturation else None
    for plane, yx_missing in zip(zyx, missing, strict=True):
        if yx_missing is not None:
            plane[yx_missing] = np.broadcast_to(steps.dark, plane.shape)[yx_missing]
    below = take_dark(zyx, steps.dark)
    figures: dict[str, Any] = {"below_dark_share": round(below, 6)} if below else {}
    flat_field = light_of_flat(steps.flat_field, steps.dark, zyx.shape[1:])
    area = lit_area(zyx, missing, focus_index)
    if area is None:
        return _Light(zyx, yx_unusable, flat_field, figures)
    check_size(area.window)
    zyx = np.ascontiguousarray(zyx[:, *area.window])
    if area.yx_cleared is not None:
        zyx[:, area.yx_cleared] = 0
    return _Light(
        zyx,
        None if yx_unusable is None else yx_unusable[area.window],
        flat_field[area.window] if isinstance(flat_field, np.ndarray) else flat_field,
        figures | area.figures,
        area,
        area.yx_cleared,
        area.yx_without_phase[area.window],
    )


def _check_light(zyx: NDArray[np.float32]) -> None:
    z_means = zyx.mean(axis=(1, 2), dtype=np.float64)
    plane = int(np.argmin(z_means))
    if z_means[plane] <= _LEAST_LIGHT * z_means.max():
        raise UnusableFrameError(
            f"plane {plane} carries no light (mean {z_means[plane]:.3g}, of others up to {z_means.max():.3g}): "
            "give intensities as the camera recorded them, without subtracting the background"
        )


def _rebuild_saturated(zyx: NDArray[np.float32], zyx_stack: NDArray[np.number]) -> NDArray[np.bool_] | None:
    """Continue the surroundings into spots at the camera's limit, in place; return the pixels of all planes.

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
    """Solve for the unknown pixels that bend the map least: a thin plate through the known ones."""
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
    """Return whether an 8 to 16 bit camera saturates at this value, also with its bits shifted to the left."""
    return any(value == (2**bits - 1) << shift for bits in range(8, 17) for shift in range(17 - bits))


def _mend_dead_pixels(zyx: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Replace dead and hot pixels by the median of their neighbours, in place; return their positions."""
    yx_mean = zyx.mean(axis=0)
    around = np.zeros_like(yx_mean)
    padded = np.pad(yx_mean, 1, mode="reflect")
    for rows, columns in ((0, 1), (2, 1), (1, 0), (1, 2)):
        around += padded[rows : rows + yx_mean.shape[0], columns : columns + yx_mean.shape[1]]
    yx_mean -= 0.25 * around
    level = float(np.median(around[::4, ::4])) / 4
    spread = robust_sigma(yx_mean[::2, ::2])
    threshold = max(_DEAD_SIGMAS * spread, _DEAD_SHARE * level)
    dead = np.argwhere(np.abs(yx_mean) > threshold)
    lonely = [(y, x) for y, x in dead if _stands_alone(padded[1:-1, 1:-1], y, x)]
    for y, x in lonely:
        window = zyx[:, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(len(zyx), -1)
        zyx[:, y, x] = np.median(window, axis=1)
    return lonely


def _stands_alone(yx_mean: NDArray[np.float32], y: int, x: int) -> bool:
    """Return whether no neighbour deviates too; anything in the light, even a granule, blurs over several pixels."""
    level = np.median(yx_mean[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3])
    beside = np.abs(yx_mean[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] - level)
    return bool(np.count_nonzero(beside > _DEAD_NEIGHBOUR * abs(yx_mean[y, x] - level)) == 1)


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
    if found.is_at_border:
        figures["drift_at_border"] = True
    if steps.magnification:
        figures["magnification"] = [round(float(scale), 6) for scale in found.z_scale]
    return figures
