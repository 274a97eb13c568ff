"""Polystyrene microspheres in a mounting medium: monolayers and small clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEAD_DIAMETER_UM = 3.0
BEAD_INDEX_CONTRAST = 0.03
"""Polystyrene (1.59) in a medium of 1.56. In water (0.26) the phase wraps and no TIE can measure a 3 um bead."""

_SUPERSAMPLING = 4


@dataclass(frozen=True)
class Bead:
    """A sphere that rests in the focal plane; lengths in micrometres."""

    y_um: float
    x_um: float
    radius_um: float


def scatter_beads(
    field_um: float, rng: np.random.Generator, *, diameter_um: float = BEAD_DIAMETER_UM, size_spread: float = 0.01
) -> tuple[Bead, ...]:
    """Draw a monolayer in which no two beads overlap.

    Parameters
    ----------
    field_um : float
        Side of the square field.
    rng : Generator
        Source of chance.
    diameter_um : float
        Mean diameter.
    size_spread : float
        Relative standard deviation of the diameter, cut at three standard deviations.
    """
    per_1000_um2 = rng.choice([0.0, rng.uniform(0.5, 3.0), rng.uniform(3.0, 12.0)], p=[0.03, 0.57, 0.40])
    wanted = round(per_1000_um2 * field_um**2 / 1000)
    beads: list[Bead] = []
    for _ in range(8 * wanted):
        if len(beads) >= wanted:
            break
        radius_um = diameter_um / 2 * (1 + size_spread * float(np.clip(rng.standard_normal(), -3, 3)))
        if beads and rng.random() < 0.25:
            neighbour = beads[rng.integers(len(beads))]
            angle, distance = rng.uniform(0, 2 * np.pi), (radius_um + neighbour.radius_um) * rng.uniform(1.0, 1.05)
            y_um, x_um = neighbour.y_um + distance * np.sin(angle), neighbour.x_um + distance * np.cos(angle)
        else:
            y_um, x_um = rng.uniform(0, field_um, 2)
        apart = all(np.hypot(y_um - b.y_um, x_um - b.x_um) >= radius_um + b.radius_um for b in beads)
        if apart:
            beads.append(Bead(float(y_um), float(x_um), radius_um))
    return tuple(beads)


def bead_height_map(beads: tuple[Bead, ...], shape_px: int, pixel_size_um: float) -> NDArray[np.float32]:
    """Projected thickness of all beads, averaged over each pixel's area.

    Parameters
    ----------
    beads : tuple of Bead
        The monolayer.
    shape_px : int
        Side of the square map.
    pixel_size_um : float
        Pixel size; pixel (0, 0) covers 0 to `pixel_size_um`.

    Returns
    -------
    ndarray, shape (shape_px, shape_px)
        Thickness 2 sqrt(R^2 - r^2) in micrometres.
    """
    zyx_height_um = _slab_thickness(beads, shape_px, pixel_size_um, (-np.inf, np.inf))
    return zyx_height_um.reshape(shape_px, shape_px)


def bead_path_slices(
    beads: tuple[Bead, ...], shape_px: int, pixel_size_um: float, slice_um: float, index_contrast: float
) -> NDArray[np.float32]:
    """Optical path of all beads within each slab of a stack of slabs, averaged over each pixel's area.

    The slabs lie symmetrically about the focal plane, where all beads have their centres, and are just enough for the
    largest bead; their sum is the index contrast times `bead_height_map`.

    Parameters
    ----------
    beads : tuple of Bead
        The monolayer.
    shape_px : int
        Side of the square maps.
    pixel_size_um : float
        Pixel size; pixel (0, 0) covers 0 to `pixel_size_um`.
    slice_um : float
        Thickness of a slab.
    index_contrast : float
        The beads' index minus the medium's.

    Returns
    -------
    ndarray, shape (Z, shape_px, shape_px)
        Index contrast times the chord's part within the slab, in micrometres, in the order in which light passes; the
        chord at the distance r from the centre runs from -sqrt(R^2 - r^2) to sqrt(R^2 - r^2).
    """
    deepest_um = 2 * max((bead.radius_um for bead in beads), default=0.0)
    count = max(1, int(np.ceil(deepest_um / slice_um - 1e-9)))
    inner_um = [(index - count / 2) * slice_um for index in range(1, count)]
    # The outermost slabs are left open, so that rounding cannot cut the largest bead.
    edges_um = (-np.inf, *inner_um, np.inf)
    return np.float32(index_contrast) * _slab_thickness(beads, shape_px, pixel_size_um, edges_um)


def _slab_thickness(
    beads: tuple[Bead, ...], shape_px: int, pixel_size_um: float, edges_um: Sequence[float]
) -> NDArray[np.float32]:
    """Thickness (Z, Y, X) of all beads between each two neighbouring heights above the focal plane."""
    zyx_thickness_um = np.zeros((len(edges_um) - 1, shape_px, shape_px), np.float32)
    fine_um = pixel_size_um / _SUPERSAMPLING
    for bead in beads:
        y0, y1 = _window(bead.y_um, bead.radius_um, pixel_size_um, shape_px)
        x0, x1 = _window(bead.x_um, bead.radius_um, pixel_size_um, shape_px)
        if y0 >= y1 or x0 >= x1:
            continue
        y_um = (np.arange(y0 * _SUPERSAMPLING, y1 * _SUPERSAMPLING) + 0.5) * fine_um - bead.y_um
        x_um = (np.arange(x0 * _SUPERSAMPLING, x1 * _SUPERSAMPLING) + 0.5) * fine_um - bead.x_um
        top = np.sqrt(np.maximum(bead.radius_um**2 - y_um[:, None] ** 2 - x_um[None, :] ** 2, 0))
        for yx_thickness_um, low_um, high_um in zip(zyx_thickness_um, edges_um[:-1], edges_um[1:], strict=True):
            chord = np.maximum(np.minimum(top, high_um) - np.maximum(-top, low_um), 0)
            blocks = chord.reshape(y1 - y0, _SUPERSAMPLING, x1 - x0, _SUPERSAMPLING)
            yx_thickness_um[y0:y1, x0:x1] += blocks.mean(axis=(1, 3)).astype(np.float32)
    return zyx_thickness_um


def _window(centre_um: float, radius_um: float, pixel_size_um: float, shape_px: int) -> tuple[int, int]:
    low = int(np.floor((centre_um - radius_um) / pixel_size_um))
    high = int(np.ceil((centre_um + radius_um) / pixel_size_um))
    return max(low, 0), min(high, shape_px)
