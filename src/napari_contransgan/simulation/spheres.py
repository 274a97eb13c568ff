"""Draw many small spheres at once, of which vesicles, mitochondria, nucleoli, blebs and debris are made."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_REACH_PX = (2, 3, 4, 6, 9, 14, 24, 48, 96)
_MOST_SAMPLES = 400_000


@dataclass(frozen=True)
class Spheres:
    """Spheres in a thin specimen.

    Parameters
    ----------
    y_um, x_um : ndarray, shape (N,)
        Centres.
    radius_um : ndarray, shape (N,)
        Radii.
    contrast : ndarray, shape (N,)
        Refractive index minus that of the surroundings.
    """

    y_um: Floats
    x_um: Floats
    radius_um: Floats
    contrast: Floats

    def where(self, chosen: NDArray[np.bool_]) -> "Spheres":
        """Return the spheres at which `chosen`, shape (N,), is true."""
        return Spheres(self.y_um[chosen], self.x_um[chosen], self.radius_um[chosen], self.contrast[chosen])


def joined(groups: Iterable[Spheres]) -> Spheres:
    """Return all spheres of several groups."""
    parts = list(groups)
    if not parts:
        return Spheres(*(np.zeros(0) for _ in range(4)))
    return Spheres(
        np.concatenate([part.y_um for part in parts]),
        np.concatenate([part.x_um for part in parts]),
        np.concatenate([part.radius_um for part in parts]),
        np.concatenate([part.contrast for part in parts]),
    )


def add_spheres(yx_path_um: NDArray[np.float32], pixel_size_um: float, spheres: Spheres) -> None:
    """Add the optical path of spheres to a map, in place.

    Spheres of similar size are evaluated together, on a patch of pixels around each centre, and the sum of each is set
    to its volume. Sampled only at pixel centres, a vesicle of one pixel would appear and disappear with its position.

    Parameters
    ----------
    yx_path_um : ndarray, shape (Y, X)
        Map to add to; pixel (0, 0) covers 0 to `pixel_size_um`.
    pixel_size_um : float
        Pixel size.
    spheres : Spheres
        Spheres to add; parts outside the map are left out.
    """
    reach_px = spheres.radius_um / pixel_size_um + 0.8
    below = 0
    for reach in _REACH_PX:
        members = np.flatnonzero((reach_px > below) & (reach_px <= reach))
        below = reach
        batch = max(1, _MOST_SAMPLES // (2 * reach + 1) ** 2)
        for first in range(0, len(members), batch):
            chosen = members[first : first + batch]
            _add_patches(
                yx_path_um,
                pixel_size_um,
                Spheres(
                    spheres.y_um[chosen], spheres.x_um[chosen], spheres.radius_um[chosen], spheres.contrast[chosen]
                ),
                reach,
            )


def _add_patches(yx_path_um: NDArray[np.float32], pixel_size_um: float, spheres: Spheres, reach_px: int) -> None:
    offsets = np.arange(-reach_px, reach_px + 1)
    rows = np.floor(spheres.y_um / pixel_size_um).astype(np.intp)[:, None] + offsets
    columns = np.floor(spheres.x_um / pixel_size_um).astype(np.intp)[:, None] + offsets
    dy2 = (((rows + 0.5) * pixel_size_um - spheres.y_um[:, None]) ** 2).astype(np.float32)
    dx2 = (((columns + 0.5) * pixel_size_um - spheres.x_um[:, None]) ** 2).astype(np.float32)
    # Slightly wider than the sphere, so that no sphere falls between pixel centres.
    soft2 = (spheres.radius_um**2 + (pixel_size_um / 2) ** 2).astype(np.float32)
    chord = np.maximum((soft2[:, None] - dy2)[:, :, None] - dx2[:, None, :], 0)
    np.sqrt(chord, out=chord)
    volume_um3 = 4 / 3 * np.pi * spheres.radius_um**3
    scale = spheres.contrast * volume_um3 / (chord.sum(axis=(1, 2)) * pixel_size_um**2)
    chord *= scale.astype(np.float32)[:, None, None]

    height, width = yx_path_um.shape
    y0, y1 = max(int(rows.min()), 0), min(int(rows.max()) + 1, height)
    x0, x1 = max(int(columns.min()), 0), min(int(columns.max()) + 1, width)
    if y0 >= y1 or x0 >= x1:
        return
    seen_y, seen_x = (rows >= y0) & (rows < y1), (columns >= x0) & (columns < x1)
    flat = (np.where(seen_y, rows - y0, 0) * (x1 - x0))[:, :, None] + np.where(seen_x, columns - x0, 0)[:, None, :]
    if not (seen_y.all() and seen_x.all()):
        chord *= seen_y[:, :, None] & seen_x[:, None, :]
    added = np.bincount(flat.ravel(), chord.ravel(), (y1 - y0) * (x1 - x0))
    yx_path_um[y0:y1, x0:x1] += added.reshape(y1 - y0, x1 - x0).astype(np.float32)
