"""Sideways drift, and change of magnification, between the planes of a focus stack.

A transparent specimen is bright on one side of focus and dark on the other, and next to invisible in between. So
planes are compared in a way that ignores the sign of contrast. The shift of a plane with too little structure is
interpolated between its neighbours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.registration import phase_cross_correlation

from napari_contransgan.errors import UnusableFrameError
from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.derivative import plane_noise

LEAST_AGREEMENT = 0.15
"""Planes, or parts of them, with less structure in common say nothing about their shift."""

NO_AGREEMENT = 0.1
"""Planes with less structure in common do not show the same field."""

LARGEST_SHARE = 0.25
"""Of the frame's side: planes further apart do not show the same field."""

NOTICEABLE_PX = 0.3
"""Smaller shifts are left alone: they do less harm than resampling, and cannot be told from the change of shape that
strong specimens go through along z."""

CLEAR_ERRORS = 3.0
"""A shift counts if it is so many of its own standard errors, taken from how the frame's parts differ."""

LEAST_INSIDE = 0.1
"""Share of the structure's power that the window of a comparison must let through. A lone specimen at the border has
0.01 to 0.05, and seemed to drift by up to a pixel because the window cuts it differently in each plane; structure all
over the frame has about 0.25."""

_COMPARED_PX = 512
_FINEST_STEP = 50  # parts of a compared pixel
_BAND_PX = (1.0, 4.0)  # structure finer or coarser than this, in compared pixels, is left out
_NEAR_SHARE, _FAR_AGREEMENT = 0.03, 0.25  # a few alike objects may look like others far away
_FAINT_SHARE = 0.15  # of the strongest structure: what a phase object shows in focus lies elsewhere than out of focus
_SIGNS_AGREE = 0.1  # of all; near 0 where structure is too coarse to tell
_RICH_CONTRAST = 1.0  # of the noise
_PARTS = 3  # along each axis, overlapping by half


@dataclass(frozen=True)
class Drift:
    """Shift and magnification of the planes.

    Parameters
    ----------
    zyx_shift_px : (Z, 2) ndarray
        Shift of each plane relative to the plane in focus, along y and x.
    z_scale : (Z,) ndarray
        Magnification of each plane relative to the plane in focus.
    z_measured : (Z,) ndarray of bool
        Planes whose shift was measured; the others lie between their neighbours.
    is_at_border : bool
        Whether nothing was measured because all structure is at the frame's border.
    """

    zyx_shift_px: NDArray[np.float64]
    z_scale: NDArray[np.float64]
    z_measured: NDArray[np.bool_]
    is_at_border: bool = False

    @property
    def largest_px(self) -> float:
        """Return the largest shift of a plane."""
        return float(np.hypot(*self.zyx_shift_px.T).max())


def measure_drift(
    zyx_planes: NDArray[np.floating], focus_index: int, yx_lit: NDArray[np.bool_], *, magnification: bool = False
) -> Drift:
    """Measure how the planes are shifted, and scaled, against the plane in focus.

    Parameters
    ----------
    zyx_planes : (Z, Y, X) ndarray
        Intensities.
    focus_index : int
        Plane in focus.
    yx_lit : (Y, X) ndarray of bool
        Where there is light: an aperture's edge stays in place however the specimen drifts.
    magnification : bool
        Also measure the scale, from the shifts of the frame's parts.

    Returns
    -------
    Drift
        Zeros where the planes show too little to tell.

    Raises
    ------
    InputError
        If two planes with clear structure have none in common, or lie further apart than a quarter of the frame.
    """
    step = max(1, max(zyx_planes.shape[1:]) // _COMPARED_PX)
    yx_inner = ndimage.gaussian_filter(block_mean(yx_lit.view(np.uint8), step), 2.0, mode="constant") > 0.9
    zyx_fine = np.stack([_fine_structure(block_mean(plane, step), yx_inner) for plane in zyx_planes])
    noises = np.asarray([plane_noise(plane) for plane in zyx_planes]) / step
    spreads = zyx_fine.std(axis=(1, 2))
    contrasts = spreads / np.maximum(noises, max(1e-3 * float(spreads.max()), 1e-12))  # planes may be without noise
    reference, count = int(np.argmax(contrasts)), len(zyx_planes)
    shifts, scales, measured = np.zeros((count, 2)), np.ones(count), np.zeros(count, bool)
    measured[reference] = True
    yx_window = _window(zyx_fine.shape[1:])
    if not _is_inside(zyx_fine[reference], yx_window):
        return Drift(shifts, scales, measured, is_at_border=True)
    agreements = np.ones(count)
    for index in range(count):
        if index == reference or spreads[index] < _FAINT_SHARE * spreads.max():
            continue
        found = _compare(zyx_fine[reference], zyx_fine[index])
        agreements[index] = found.agreement
        if found.agreement < LEAST_AGREEMENT:
            continue
        _check_overlap(found.shift_px * step, zyx_planes.shape[1:], index)
        shifts[index], measured[index] = found.shift_px * step, True
        scales[index] = found.scale if magnification else 1.0
    seen = (zyx_fine * yx_window).std(axis=(1, 2)) / float(np.sqrt(np.mean(np.square(yx_window))))
    _refuse_strangers(seen * contrasts / np.maximum(spreads, 1e-12), agreements, reference)
    places = np.arange(count)
    for axis in (0, 1):
        shifts[:, axis] = np.interp(places, places[measured], shifts[measured, axis])
    scales = np.interp(places, places[measured], scales[measured])
    return Drift(shifts - shifts[focus_index], scales / scales[focus_index], measured)


def _is_inside(yx_fine: NDArray[np.floating], yx_window: NDArray[np.float64]) -> bool:
    """Return whether enough of a plane's structure can be compared, or there is none."""
    powers = np.square(yx_fine, dtype=np.float64)
    return bool(np.sum(powers * np.square(yx_window)) >= LEAST_INSIDE * powers.sum())


def undo_drift(zyx_planes: NDArray[np.float32], drift: Drift, focus_index: int) -> NDArray[np.float32]:
    """Bring every plane's picture onto that of the plane in focus, by cubic splines, in place.

    What drifted out of the frame is continued by its mirror image.
    """
    centre = (np.asarray(zyx_planes.shape[1:]) - 1) / 2
    for index, (shift, scale) in enumerate(zip(drift.zyx_shift_px, drift.z_scale, strict=True)):
        is_scaled = abs(scale - 1) * max(zyx_planes.shape[1:]) / 2 > NOTICEABLE_PX
        if index == focus_index or (np.hypot(*shift) <= NOTICEABLE_PX and not is_scaled):
            continue
        offset = centre + shift - scale * centre
        # SciPy before 1.16 warns about a matrix of one axis.
        zyx_planes[index] = ndimage.affine_transform(
            zyx_planes[index], np.diag((scale, scale)), offset=offset, order=3, mode="mirror"
        )
    return zyx_planes


@dataclass(frozen=True)
class _Comparison:
    """Measure a plane's shift and magnification, and the share of common structure that agrees on the shift."""

    shift_px: NDArray[np.float64]
    scale: float
    agreement: float


def _compare(yx_reference: NDArray[np.floating], yx_plane: NDArray[np.floating]) -> _Comparison:
    """Compare two planes as wholes, then part by part: what focus does to single cells differs between parts."""
    whole, agreement = _shift(yx_reference, yx_plane)
    is_far = np.any(np.abs(whole) > _NEAR_SHARE * np.asarray(yx_plane.shape))
    if agreement < (_FAR_AGREEMENT if is_far else LEAST_AGREEMENT):
        return _Comparison(np.zeros(2), 1.0, min(agreement, 0.99 * LEAST_AGREEMENT))
    near = np.rint(whole).astype(int)
    yx_near = ndimage.shift(yx_plane, -near, order=0)
    sides = [2 * side // (_PARTS + 1) for side in yx_plane.shape]
    places, shifts = [], []
    for row in range(_PARTS):
        for column in range(_PARTS):
            corner = np.array([row * sides[0] // 2, column * sides[1] // 2])
            part = tuple(slice(start, start + side) for start, side in zip(corner, sides, strict=True))
            shift, part_agreement = _shift(yx_reference[part], yx_near[part])
            if part_agreement >= LEAST_AGREEMENT and np.abs(shift).max() < 0.05 * max(yx_plane.shape):
                places.append(corner + np.asarray(sides) / 2 - np.asarray(yx_plane.shape) / 2)
                shifts.append(shift)
    if len(shifts) < 2:
        return _Comparison(whole if np.hypot(*whole) > 1 else np.zeros(2), 1.0, agreement)
    shift = near + np.median(shifts, axis=0)
    error = np.hypot(*np.std(shifts, axis=0)) / np.sqrt(len(shifts))
    if np.hypot(*shift) < max(CLEAR_ERRORS * error, NOTICEABLE_PX):
        shift = np.zeros(2)
    return _Comparison(shift, _scale(np.asarray(places), np.asarray(shifts)), agreement)


def _scale(places: NDArray[np.float64], shifts: NDArray[np.float64]) -> float:
    """Fit the magnification to shifts that grow with the distance from the middle; 1 if too few parts are usable."""
    if len(places) < 4:
        return 1.0
    apart, moved = places - places.mean(axis=0), shifts - np.median(shifts, axis=0)
    slopes = (apart * moved) / np.maximum(apart**2, 1e-9)
    return 1.0 + float(np.median(slopes[np.abs(apart) > 1]))


def _fine_structure(yx_plane: NDArray[np.floating], yx_inner: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Structure between the noise and slow changes of brightness, without the dark and what sticks out.

    Brightness is averaged over the light alone, or an aperture's edge would reach into it and stand still.
    """
    fine, coarse = (
        ndimage.gaussian_filter(yx_plane * yx_inner, width)
        / np.maximum(ndimage.gaussian_filter(yx_inner.astype(np.float32), width), 1e-3)
        for width in _BAND_PX
    )
    yx_fine = fine - coarse
    spread = float(np.std(yx_fine[yx_inner])) if yx_inner.any() else 0.0
    return np.asarray(np.clip(yx_fine, -6 * spread, 6 * spread) * yx_inner, np.float32)


def _shift(yx_reference: NDArray[np.floating], yx_plane: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Measure the shift of a plane's picture, and the share of common structure that agrees on it.

    Through focus each spatial frequency changes its sign at a height of its own. The square of the cross-spectrum does
    not know of signs, and its phase is twice the shift's. Its size is reduced to the root, so that no few frequencies
    decide alone.
    """
    yx_window = _window(yx_plane.shape)
    cross = fft.fft2(yx_reference * yx_window) * np.conj(fft.fft2(yx_plane * yx_window))
    size = np.abs(cross)
    if not size.any():
        return np.zeros(2), 0.0
    squared = np.divide(cross**2, size**1.5, out=np.zeros_like(cross), where=size > 0)
    twice, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
        squared, np.ones_like(squared), upsample_factor=_FINEST_STEP, space="fourier", normalization=None
    )
    y, x = (fft.fftfreq(count) for count in yx_plane.shape)
    half_turn = np.exp(1j * np.pi * (y[:, None] * twice[0] + x[None, :] * twice[1]))
    agreement = float((squared * half_turn**2).sum().real / np.abs(squared).sum())
    shift = -np.asarray(twice, np.float64) / 2
    # Twice a shift says the same as twice one that is half a frame off, but then signs change with every frequency.
    upright = np.divide(cross, np.sqrt(size), out=np.zeros_like(cross), where=size > 0) * half_turn
    for axis, side in enumerate(yx_plane.shape):
        if np.vdot(np.roll(upright, 1, axis), upright).real < -_SIGNS_AGREE * np.vdot(upright, upright).real:
            shift[axis] -= np.copysign(side / 2, shift[axis])
    return shift, agreement


def _window(shape_yx: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the window of a comparison, which hides the frame's border: what lies there alone cannot be compared."""
    return np.sqrt(np.hanning(shape_yx[0])[:, None] * np.hanning(shape_yx[1])[None, :])


def _check_overlap(shift_px: NDArray[np.float64], shape_yx: tuple[int, ...], index: int) -> None:
    if np.any(np.abs(shift_px) > LARGEST_SHARE * np.asarray(shape_yx)):
        y, x = shift_px
        raise UnusableFrameError(
            f"plane {index} lies {abs(y):.0f} px {'down' if y > 0 else 'up'} and {abs(x):.0f} px to the "
            f"{'right' if x > 0 else 'left'} of the others, more than a quarter of the frame: cut "
            "the planes to the field that they share, or switch the drift correction off"
        )


def _refuse_strangers(contrasts: NDArray[np.floating], agreements: NDArray[np.float64], reference: int) -> None:
    """Refuse a stack whose outer planes are rich in structure inside the window and have none of it in common."""
    last = len(agreements) - 1
    for index in {0, last} - {reference}:
        rich = min(contrasts[index], contrasts[reference]) > _RICH_CONTRAST
        if rich and agreements[index] < NO_AGREEMENT:
            raise UnusableFrameError(
                f"planes {reference} and {index} have nothing in common: they have drifted by more than the frame, or "
                "show different fields. Give planes of one field, or switch the drift correction off"
            )
