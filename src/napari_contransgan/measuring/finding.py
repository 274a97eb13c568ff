# mypy: disable-error-code="no-untyped-call"
"""Find the objects of one phase map: a threshold, a watershed between those that touch, and their thin rims."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_contransgan.robust import quieter_sigma

THRESHOLD_SIGMAS = 5.0
LOWEST_THRESHOLD_RAD = 0.1
SMALLEST_AREA_UM2 = 20.0
DEPTH_UM, BODY_UM = 0.5, 2.0
"""Widths of the Gaussians that smooth the distance from an outline, which granules fray, and the phase of a cell."""
NECK = 0.1
"""Objects that touch are split where distance times phase falls by this share of its value in the smaller one."""
RIM_UM = 6.0
"""How far an object may reach beyond the threshold. Simulated HeLa cells hold 1 to 5 % of their mass below 0.1 rad."""

_RIM_SIGMAS, _LEAST_RIM_RAD = 2.0, 0.005
_ALL_SIDES = np.ones((3, 3), bool)


def find_objects(
    yx_phase_rad: NDArray[np.floating],
    yx_measured: NDArray[np.bool_],
    pixel_size_um: float,
    *,
    threshold_rad: float | None = None,
    smallest_area_um2: float = SMALLEST_AREA_UM2,
    rim_um: float = 0.0,
) -> tuple[NDArray[np.int32], float]:
    """Find objects above a threshold, split those that touch, and extend them to their thin rims.

    The rim of an object grows ring by ring, as long as the mean phase of the next ring is above the noise of the
    background. Pixels are not chosen by their own phase, since that would pick noise of one sign.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase above the background, in radians.
    yx_measured : (Y, X) ndarray of bool
        Where the map holds a phase.
    pixel_size_um : float
        Pixel size.
    threshold_rad : float or None
        Phase from which on a pixel belongs to an object. None uses five robust standard deviations of the background,
        but at least 0.1 rad.
    smallest_area_um2 : float
        Objects with a smaller area above the threshold are left out.
    rim_um : float
        Largest distance of the rim from the outline at the threshold.

    Returns
    -------
    yx_labels : (Y, X) ndarray of int32
        Numbered from 1 in reading order.
    threshold_rad : float
        The threshold that was used.
    """
    if threshold_rad is None:
        threshold_rad = max(THRESHOLD_SIGMAS * quieter_sigma(yx_phase_rad[yx_measured]), LOWEST_THRESHOLD_RAD)
    yx_inside = (yx_phase_rad > threshold_rad) & yx_measured
    yx_depth_um = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(yx_inside) * pixel_size_um, DEPTH_UM / pixel_size_um
    )
    yx_body_rad = ndimage.gaussian_filter(np.where(yx_inside, yx_phase_rad, 0), BODY_UM / pixel_size_um)
    yx_relief = np.log(np.maximum(yx_depth_um * yx_body_rad, 1e-9))
    yx_seeds, _ = ndimage.label(h_maxima(yx_relief, -math.log(1 - NECK)) & yx_inside, _ALL_SIDES)
    yx_regions, regions = ndimage.label(yx_inside, _ALL_SIDES)
    seeded = np.zeros(regions + 1, bool)
    seeded[yx_regions[yx_seeds > 0]] = True
    yx_unseeded = yx_inside & ~seeded[yx_regions]  # regions too thin for a maximum are separate objects
    yx_seeds = np.where(yx_unseeded, yx_regions + yx_seeds.max(), yx_seeds)
    yx_labels = watershed(-yx_relief, yx_seeds, _ALL_SIDES, mask=yx_inside)
    areas_um2 = np.bincount(yx_labels.ravel()) * pixel_size_um**2
    areas_um2[0] = 0
    kept = np.flatnonzero(areas_um2 >= max(smallest_area_um2, pixel_size_um**2))
    first_pixel = ndimage.minimum(np.arange(yx_labels.size).reshape(yx_labels.shape), yx_labels, kept)
    renumbered = np.zeros(len(areas_um2), np.int32)
    renumbered[kept[np.argsort(first_pixel)]] = np.arange(1, len(kept) + 1)
    yx_labels = renumbered[yx_labels]
    if rim_um > 0 and len(kept):
        yx_labels = _with_rims(yx_labels, yx_phase_rad, yx_measured, pixel_size_um, rim_um)
    return yx_labels, threshold_rad


def _with_rims(
    yx_labels: NDArray[np.int32],
    yx_phase_rad: NDArray[np.floating],
    yx_measured: NDArray[np.bool_],
    pixel_size_um: float,
    rim_um: float,
) -> NDArray[np.int32]:
    yx_distance_px, yx_nearest = ndimage.distance_transform_edt(yx_labels == 0, return_indices=True)
    yx_owner = yx_labels[tuple(yx_nearest)]
    least_rad = max(_RIM_SIGMAS * quieter_sigma(yx_phase_rad[yx_measured]), _LEAST_RIM_RAD)
    rings = int(rim_um / pixel_size_um)  # of one pixel each
    yx_ring = np.ceil(np.minimum(yx_distance_px, rings + 1)).astype(np.int64)  # 0 inside the objects
    yx_near = yx_measured & (yx_ring > 0) & (yx_ring <= rings)
    shape = int(yx_labels.max()) + 1, rings + 1
    numbers = yx_owner[yx_near] * shape[1] + yx_ring[yx_near]
    sizes, sums = (
        np.bincount(numbers, weights, minlength=shape[0] * shape[1]).reshape(shape)
        for weights in (None, yx_phase_rad[yx_near])
    )
    ends = ~((sums > least_rad * sizes) & (sizes > 0))
    reached = np.append(ends[:, 1:], np.ones((shape[0], 1), bool), axis=1).argmax(axis=1)
    yx_rim = yx_near & (yx_ring <= reached[yx_owner])
    return np.where(yx_rim, yx_owner, yx_labels).astype(np.int32)
