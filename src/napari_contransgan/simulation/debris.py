"""Draw the debris between cells: dense grains, empty vesicles, and fragments of dead cells."""

import numpy as np
from numpy.typing import ArrayLike

from napari_contransgan.simulation.spheres import Spheres, joined

DEBRIS_REACH_UM = 5.0
"""Largest distance from the centre of a piece of debris to its edge."""

_DEBRIS_SHARE = 0.7
_PIECES_PER_1000_UM2 = 0.5


def draw_debris(field_um: float, margin_um: float, rng: np.random.Generator) -> Spheres:
    """Draw the debris of one field; three fields out of ten have none.

    Parameters
    ----------
    field_um : float
        Side of the square field.
    margin_um : float
        Smallest distance between the centre of debris and the edges.
    rng : Generator
        Random generator.
    """
    dirty = rng.random() < _DEBRIS_SHARE
    pieces = rng.poisson(_PIECES_PER_1000_UM2 * rng.gamma(1.0) * field_um**2 / 1000) if dirty else 0
    drawn = []
    for _ in range(pieces if field_um > 2 * margin_um else 0):
        y_um, x_um = rng.uniform(margin_um, field_um - margin_um, 2)
        draw = (_grain, _vesicle, _fragment)[int(rng.choice(3, p=(0.6, 0.2, 0.2)))]
        drawn.append(draw(y_um, x_um, rng))
    return joined(drawn)


def _grain(y_um: float, x_um: float, rng: np.random.Generator) -> Spheres:
    return _spheres([y_um], [x_um], [rng.uniform(0.25, 1.1)], [rng.uniform(0.015, 0.07)])


def _vesicle(y_um: float, x_um: float, rng: np.random.Generator) -> Spheres:
    """Draw an empty vesicle: a dense membrane around an inside that is only slightly denser than the medium."""
    radius_um, contrast = rng.uniform(0.8, 3.0), rng.uniform(0.006, 0.015)
    inner_um = max(radius_um - rng.uniform(0.25, 0.5), 0.3)
    return _spheres([y_um, y_um], [x_um, x_um], [radius_um, inner_um], [contrast, -0.85 * contrast])


def _fragment(y_um: float, x_um: float, rng: np.random.Generator) -> Spheres:
    """Draw the fragments of a dead cell, a pile of bodies of all sizes."""
    count = int(rng.integers(3, 12))
    spread_um = rng.uniform(0.8, 1.6)
    dy_um, dx_um = np.clip(rng.normal(0, spread_um, (2, count)), -3, 3)
    return _spheres(y_um + dy_um, x_um + dx_um, rng.uniform(0.3, 1.5, count), rng.uniform(0.01, 0.04, count))


def _spheres(y_um: ArrayLike, x_um: ArrayLike, radius_um: ArrayLike, contrast: ArrayLike) -> Spheres:
    return Spheres(*(np.asarray(values, np.float64) for values in (y_um, x_um, radius_um, contrast)))
