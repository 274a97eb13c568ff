# mypy: disable-error-code="no-untyped-call"
"""Measure the heights of beads in a phase map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation.scores import level
from napari_contransgan.optics import check_pixel_size, check_wavelength
from napari_contransgan.robust import robust_sigma

_SMALLEST_AREA_PX = 9
_OUTLINE_FRACTION = 0.25  # fraction of a bead's peak
_OUTLINE_RADIUS = np.sqrt(1 - _OUTLINE_FRACTION**2)  # radius of a sphere at that level, in sphere radii
_LARGEST_ECCENTRICITY = 0.6
_SMALLEST_SOLIDITY = 0.85
_TOUCHING_GAP_UM = 0.3
_CAP_RADIUS = 0.5
_SURROUNDINGS = (1.6, 2.4)  # inner and outer radius of the ring around a bead, in bead radii
_SMALLEST_RING_PX = 12


@dataclass(frozen=True)
class BeadHeight:
    """Position and size of one bead.

    Parameters
    ----------
    y_um, x_um : float
        Position of its centre, relative to the centre of pixel (0, 0).
    height_um : float
        Height at the centre, computed from the phase: h = phase * wavelength / (2 pi dn).
    radius_um : float
        Lateral radius of the ellipsoid that has this height and the bead's volume; half the height for a sphere of
        the stated index contrast.
    """

    y_um: float
    x_um: float
    height_um: float
    radius_um: float


@dataclass(frozen=True)
class _Spot:
    """An elevation in the map: its centre and radius in pixels, and whether it may be a single bead."""

    y: float
    x: float
    radius: float
    is_round: bool


def measure_bead_heights(
    yx_phase_rad: NDArray[np.floating],
    pixel_size_um: float,
    wavelength_um: float,
    index_contrast: float,
    *,
    largest_diameter_um: float = 12.0,
) -> list[BeadHeight]:
    """Measure the height of every isolated bead.

    The highest pixel is not used, because noise raises it. Instead, the level of a ring around the bead is subtracted,
    which removes low-frequency artefacts of TIE, and a paraboloid is fitted to the cap of the bead (within half its
    radius, where a sphere is a paraboloid to 1 %). A map blurred by a Gaussian as wide as the point spread function of
    NA 0.65 loses 1-2 % of a 3 um bead's height. This is not corrected, since a fit that removes blur adds 12 % to TIE
    phases, whose blur has negative lobes.

    Beads that touch each other (gaps under 0.3 um), clusters, shapes that are not round, and objects that reach the
    edge of the map are left out.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase in radians.
    pixel_size_um : float
        Pixel size.
    wavelength_um : float
        Vacuum wavelength.
    index_contrast : float
        The beads' index minus the medium's; negative for beads of lower index.
    largest_diameter_um : float
        Wider elevations are treated as low-frequency artefacts, not as beads.

    Returns
    -------
    list of BeadHeight
        From top to bottom; empty if there are none.

    Raises
    ------
    InputError
        If the index contrast is zero, the map is not a finite YX map, or the wavelength or pixel size is impossible.
    """
    check_wavelength(wavelength_um)
    check_pixel_size(pixel_size_um, "the phase map")
    if index_contrast == 0 or not np.isfinite(index_contrast):
        raise InputError("the index contrast must not be 0: give the beads' index minus the medium's, such as 0.03")
    if yx_phase_rad.ndim != 2 or not np.all(np.isfinite(yx_phase_rad)):
        raise InputError("bead heights need one YX phase map without NaN")
    yx_height_um: NDArray[np.float64] = level(yx_phase_rad) * (wavelength_um / (2 * np.pi * index_contrast))
    widest_px = round(1.2 * largest_diameter_um / pixel_size_um)
    first_spots = _find_spots(yx_height_um, widest_px)
    largest_radius = max((spot.radius for spot in first_spots if spot.is_round), default=float(widest_px))
    # Low-frequency artefacts curve less over the width of a bead.
    spots = _find_spots(yx_height_um, min(widest_px, round(2.6 * largest_radius)))
    beads = []
    for index, spot in enumerate(spots):
        others = spots[:index] + spots[index + 1 :]
        if _stands_free(spot, others, yx_height_um.shape, _TOUCHING_GAP_UM / pixel_size_um):
            bead = _measure(yx_height_um, spot, others, pixel_size_um)
            if bead is not None:
                beads.append(bead)
    return sorted(beads, key=lambda bead: (bead.y_um, bead.x_um))


def _find_spots(yx_height: NDArray[np.float64], widest_px: int) -> list[_Spot]:
    """Return every high elevation, including clusters and beads cut by the edge, but no low-frequency artefacts."""
    smooth = ndimage.gaussian_filter(yx_height, 0.7)
    smooth = level(smooth - ndimage.grey_opening(smooth, size=max(widest_px, 3)))
    highest = float(smooth.max())
    if highest <= 0:
        return []
    noise = robust_sigma(smooth[smooth <= 0])
    low = min(max(4 * noise, 0.05 * highest), 0.5 * highest)
    labels, count = ndimage.label(smooth > low)
    numbers = np.arange(1, count + 1)
    peaks = ndimage.maximum(smooth, labels, numbers)
    areas = ndimage.sum_labels(np.ones_like(smooth), labels, numbers)
    is_solid = areas >= _SMALLEST_AREA_PX
    if not is_solid.any():
        return []
    typical_peak = float(np.median(peaks[is_solid]))
    labels, _ = ndimage.label(smooth > max(low, _OUTLINE_FRACTION * typical_peak))
    spots = []
    for region in regionprops(labels, intensity_image=smooth):
        if region.area < _SMALLEST_AREA_PX:
            continue
        outline = region.image & (region.image_intensity > _OUTLINE_FRACTION * region.intensity_max)
        is_round = region.eccentricity <= _LARGEST_ECCENTRICITY and region.solidity >= _SMALLEST_SOLIDITY
        radius = np.sqrt(np.count_nonzero(outline) / np.pi) / _OUTLINE_RADIUS
        if not is_round:
            radius = max(radius, region.axis_major_length / 2)
        y, x = region.centroid_weighted
        spots.append(_Spot(float(y), float(x), float(radius), is_round))
    return spots


def _stands_free(spot: _Spot, others: Sequence[_Spot], shape_yx: tuple[int, ...], gap_px: float) -> bool:
    """Return whether a spot is round, inside the map, and separate from the others."""
    is_inside = all(
        spot.radius < centre < length - 1 - spot.radius
        for centre, length in zip((spot.y, spot.x), shape_yx, strict=True)
    )
    return (
        spot.is_round
        and is_inside
        and all(np.hypot(spot.y - other.y, spot.x - other.x) > spot.radius + other.radius + gap_px for other in others)
    )


def _measure(
    yx_height_um: NDArray[np.float64], spot: _Spot, others: Sequence[_Spot], pixel_size_um: float
) -> BeadHeight | None:
    """Return the height and radius of one isolated bead; None if its top is not a cap."""
    reach = int(np.ceil(_SURROUNDINGS[1] * spot.radius)) + 2
    top, left = max(round(spot.y) - reach, 0), max(round(spot.x) - reach, 0)
    patch = yx_height_um[top : round(spot.y) + reach + 1, left : round(spot.x) + reach + 1]
    positions: NDArray[np.float64] = np.indices(patch.shape, dtype=np.float64)
    rows, columns = positions[0] + top, positions[1] + left
    y_offsets, x_offsets = rows - spot.y, columns - spot.x
    distances = np.hypot(y_offsets, x_offsets)

    ring = (distances >= _SURROUNDINGS[0] * spot.radius) & (distances <= _SURROUNDINGS[1] * spot.radius)
    whole_ring_px = int(np.count_nonzero(ring))
    near = distances < _SURROUNDINGS[0] * spot.radius
    for other in others:
        from_other = np.hypot(rows - other.y, columns - other.x)
        ring &= from_other > 1.3 * other.radius
        near &= from_other > distances * (other.radius / spot.radius)
    bead = patch - _surroundings(patch, ring, whole_ring_px, y_offsets, x_offsets)

    cap = distances <= max(_CAP_RADIUS * spot.radius, 1.5)
    y, x = y_offsets[cap], x_offsets[cap]
    vertex, y_slope, x_slope, bend = np.linalg.lstsq(
        np.column_stack([np.ones_like(y), y, x, y**2 + x**2]), bead[cap], rcond=None
    )[0]
    if bend >= 0:
        return None
    y_centre, x_centre = -y_slope / (2 * bend), -x_slope / (2 * bend)
    if np.hypot(y_centre, x_centre) > _CAP_RADIUS * spot.radius:
        return None
    height_um = float(vertex - (y_slope**2 + x_slope**2) / (4 * bend))
    volume = float(np.sum(bead[near]))
    if height_um <= 0 or volume <= 0:
        return None
    radius_px = np.sqrt(1.5 * volume / (np.pi * height_um))
    return BeadHeight(
        y_um=float(spot.y + y_centre) * pixel_size_um,
        x_um=float(spot.x + x_centre) * pixel_size_um,
        height_um=height_um,
        radius_um=float(radius_px) * pixel_size_um,
    )


def _surroundings(
    patch: NDArray[np.float64],
    ring: NDArray[np.bool_],
    whole_ring_px: int,
    y_offsets: NDArray[np.float64],
    x_offsets: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the level under a bead, estimated from the ring around it.

    Low-frequency artefacts of TIE have zero Laplacian, so a harmonic polynomial of second order, fitted to the ring,
    extends them to the middle. If neighbours cover most of the ring, its median is used; if too few pixels are left,
    zero.
    """
    used_px = np.count_nonzero(ring)
    if used_px < _SMALLEST_RING_PX:
        return np.zeros_like(patch)
    if used_px < 0.6 * whole_ring_px:
        return np.full_like(patch, np.median(patch[ring]))
    y, x = y_offsets, x_offsets
    basis = np.stack([np.ones_like(patch), y, x, y**2 - x**2, x * y], axis=-1)
    weights = np.linalg.lstsq(basis[ring], patch[ring], rcond=None)[0]
    continued: NDArray[np.float64] = basis @ weights
    return continued
