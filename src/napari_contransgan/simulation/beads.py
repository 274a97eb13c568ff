"""Draw polystyrene microspheres in a mounting medium: single beads, chains, islands and packed monolayers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import SceneName
from napari_contransgan.simulation.scenes import BEAD_SCENE_SHARES, scene_at

BEAD_DIAMETER_UM = 3.0
BEAD_INDEX_CONTRAST = 0.03
"""Polystyrene (1.59) in a medium of 1.56. In water (0.26) the phase wraps, and TIE cannot measure 3 um beads."""

_SUPERSAMPLING = 4
_SPECK_SHARE = 0.125


@dataclass(frozen=True)
class Bead:
    """A sphere centred in the focal plane; lengths in micrometres."""

    y_um: float
    x_um: float
    radius_um: float


def scatter_beads(
    field_um: float,
    rng: np.random.Generator,
    *,
    diameter_um: float = BEAD_DIAMETER_UM,
    size_spread: float = 0.01,
    scene: SceneName = "mixed",
) -> tuple[Bead, ...]:
    """Draw a monolayer of beads that do not overlap; some are cut by the edges.

    One field in eight also contains a few specks, a tenth to a third as wide as a bead.

    Parameters
    ----------
    field_um : float
        Side of the square field.
    rng : Generator
        Random generator.
    diameter_um : float
        Mean diameter.
    size_spread : float
        Relative standard deviation of the diameter, cut at three standard deviations.
    scene : {"mixed", "empty", "sparse", "dense", "confluent"}
        How full the field is. For 3 um beads, 0.5 to 3 per 1000 um^2 are sparse and 3 to 12 dense: alone, in pairs and
        in chains. ``confluent`` is a packed hexagonal monolayer with gaps, or islands of it. ``mixed`` draws one of
        these scenes by `BEAD_SCENE_SHARES`.
    """
    chance = rng.random()
    if scene == "mixed":
        scene = scene_at(chance, BEAD_SCENE_SHARES)
    if scene == "empty":
        return ()
    per_1000_um2 = rng.uniform(0.5, 3.0) if scene == "sparse" else rng.uniform(3.0, 12.0)
    # Larger beads are further apart.
    wanted = max(1, round(per_1000_um2 * (field_um / 1000) * field_um * (BEAD_DIAMETER_UM / diameter_um) ** 2))
    beads = _Monolayer()
    if scene == "confluent":
        _pack(beads, field_um, diameter_um, size_spread, rng)
        wanted = round(wanted * rng.uniform(0, 0.5))
    sociable = rng.choice((0.05, 0.25, 0.6))
    for _ in range(wanted):
        for _attempt in range(8):
            radius_um = _draw_radius(diameter_um, size_spread, rng)
            if beads.count and rng.random() < sociable:
                y_um, x_um, neighbour_um = beads.bead(int(rng.integers(beads.count)))
                angle, distance_um = rng.uniform(0, 2 * np.pi), (radius_um + neighbour_um) * rng.uniform(1.0, 1.03)
                y_um, x_um = y_um + distance_um * np.sin(angle), x_um + distance_um * np.cos(angle)
            else:
                y_um, x_um = rng.uniform(0, field_um, 2)
            if beads.add(float(y_um), float(x_um), radius_um):
                break
    if rng.random() < _SPECK_SHARE:
        for _ in range(int(rng.integers(1, 12))):
            y_um, x_um = rng.uniform(0, field_um, 2)
            beads.add(float(y_um), float(x_um), diameter_um / 2 * float(rng.uniform(0.1, 0.33)))
    return beads.all()


def _draw_radius(diameter_um: float, size_spread: float, rng: np.random.Generator) -> float:
    return diameter_um / 2 * (1 + size_spread * float(np.clip(rng.standard_normal(), -3, 3)))


def _pack(
    beads: "_Monolayer", field_um: float, diameter_um: float, size_spread: float, rng: np.random.Generator
) -> None:
    """Place hexagonal islands, each rotated at random, or one that covers the whole field."""
    # The largest beads just fit.
    spacing_um = diameter_um * (1 + 3 * size_spread + rng.uniform(0.001, 0.03))
    vacancies = rng.uniform(0, 0.08)
    everywhere = rng.random() < 0.4
    for _ in range(1 if everywhere else int(rng.integers(2, 7))):
        middle_um = rng.uniform(0, field_um, 2)
        reach_um = 1.5 * field_um if everywhere else rng.uniform(2.5, 10) * diameter_um
        steps = np.arange(-np.ceil(2 * reach_um / spacing_um), np.ceil(2 * reach_um / spacing_um) + 1)
        i, j = (index.ravel() for index in np.meshgrid(steps, steps))
        along_um, across_um = (i + j / 2) * spacing_um, j * spacing_um * np.sqrt(3) / 2
        turn = rng.uniform(0, np.pi / 3)
        y_um = middle_um[0] + along_um * np.sin(turn) + across_um * np.cos(turn)
        x_um = middle_um[1] + along_um * np.cos(turn) - across_um * np.sin(turn)
        bearing = np.arctan2(across_um, along_um)
        lobes = 1 + sum(0.2 * np.sin(k * bearing + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3))
        rim_um = reach_um if everywhere else reach_um * lobes
        kept = (np.hypot(along_um, across_um) <= rim_um) & (rng.random(len(i)) >= vacancies)
        kept &= (np.minimum(y_um, x_um) > -diameter_um / 2) & (np.maximum(y_um, x_um) < field_um + diameter_um / 2)
        for y, x in zip(y_um[kept], x_um[kept], strict=True):
            beads.add(float(y), float(x), _draw_radius(diameter_um, size_spread, rng))


class _Monolayer:
    """Beads that do not overlap, in growing arrays."""

    def __init__(self) -> None:
        self.count = 0
        self._beads = np.empty((64, 3))

    def bead(self, number: int) -> tuple[float, float, float]:
        """Return the centre (y, x) and radius of one bead."""
        y_um, x_um, radius_um = self._beads[number].tolist()
        return y_um, x_um, radius_um

    def add(self, y_um: float, x_um: float, radius_um: float) -> bool:
        """Add a bead if there is room for it."""
        there = self._beads[: self.count]
        squared = (there[:, 0] - y_um) ** 2 + (there[:, 1] - x_um) ** 2
        if (squared < (there[:, 2] + radius_um) ** 2).any():
            return False
        if self.count == len(self._beads):
            self._beads = np.concatenate([self._beads, np.empty_like(self._beads)])
        self._beads[self.count] = y_um, x_um, radius_um
        self.count += 1
        return True

    def all(self) -> tuple[Bead, ...]:
        """Return the beads in the order in which they were added."""
        return tuple(Bead(*self.bead(number)) for number in range(self.count))


def bead_height_map(beads: tuple[Bead, ...], shape_px: int, pixel_size_um: float) -> NDArray[np.float32]:
    """Compute the projected thickness of all beads, averaged over the area of each pixel.

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
    return _slab_thickness(beads, shape_px, pixel_size_um, 1, np.inf).reshape(shape_px, shape_px)


def bead_path_slices(
    beads: tuple[Bead, ...], shape_px: int, pixel_size_um: float, slice_um: float, index_contrast: float
) -> NDArray[np.float32]:
    """Compute the optical path of all beads within each of several slabs, averaged over the area of each pixel.

    The slabs are symmetric about the focal plane, which contains the centres of all beads, and just enclose the largest
    bead. Their sum is the index contrast times `bead_height_map`.

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
        Index contrast times the length of the chord within the slab, in micrometres, in the order in which light passes
        the slabs. The chord at a distance r from the centre extends from -sqrt(R^2 - r^2) to sqrt(R^2 - r^2).
    """
    deepest_um = 2 * max((bead.radius_um for bead in beads), default=0.0)
    count = max(1, int(np.ceil(deepest_um / slice_um - 1e-9)))
    return np.float32(index_contrast) * _slab_thickness(beads, shape_px, pixel_size_um, count, slice_um)


def _slab_thickness(
    beads: tuple[Bead, ...], shape_px: int, pixel_size_um: float, count: int, slab_um: float
) -> NDArray[np.float32]:
    """Return the thickness (Z, Y, X) of all beads in each of `count` slabs around the plane of their centres."""
    zyx_thickness_um = np.zeros((count, shape_px, shape_px), np.float32)
    fine_um = pixel_size_um / _SUPERSAMPLING
    # Upper edges of the slabs above the plane; if their number is odd, the middle slab starts at the plane. The
    # outermost slab is left open, so that rounding cannot cut the largest bead.
    above = (count + 1) // 2
    edges_um = (np.arange(1, above + 1) - count % 2 / 2) * (slab_um if above > 1 else 1.0)
    edges_um[-1] = np.inf
    for bead in beads:
        y0, y1 = _window(bead.y_um, bead.radius_um, pixel_size_um, shape_px)
        x0, x1 = _window(bead.x_um, bead.radius_um, pixel_size_um, shape_px)
        if y0 >= y1 or x0 >= x1:
            continue
        y_um = (np.arange(y0 * _SUPERSAMPLING, y1 * _SUPERSAMPLING) + 0.5) * fine_um - bead.y_um
        x_um = (np.arange(x0 * _SUPERSAMPLING, x1 * _SUPERSAMPLING) + 0.5) * fine_um - bead.x_um
        top = np.sqrt(np.maximum(bead.radius_um**2 - y_um[:, None] ** 2 - x_um[None, :] ** 2, 0))
        blocks = np.minimum(top, edges_um[:, None, None]).reshape(
            above, y1 - y0, _SUPERSAMPLING, x1 - x0, _SUPERSAMPLING
        )
        half = np.diff(blocks.mean(axis=(2, 4)), axis=0, prepend=0).astype(np.float32)
        window = zyx_thickness_um[:, y0:y1, x0:x1]
        # The lower half mirrors the upper one; if the number of slabs is odd, the middle slab contains both.
        window[count - above :] += half
        window[:above] += half[::-1]
    return zyx_thickness_um


def _window(centre_um: float, radius_um: float, pixel_size_um: float, shape_px: int) -> tuple[int, int]:
    low = int(np.floor((centre_um - radius_um) / pixel_size_um))
    high = int(np.ceil((centre_um + radius_um) / pixel_size_um))
    return max(low, 0), min(high, shape_px)
