"""Geometry of one cell: its axes, its wavy outline, and the position of its nucleus.

Points of a cell have coordinates (p, q) along and across it, scaled so that a long cell is as long as it is wide. The
two daughters of a dividing cell share one pair of axes, mirrored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.simulation.cell_traits import LAMELLA_REACH, CellTraits
from napari_contransgan.simulation.texture import FloatMap

Floats = NDArray[np.float64]

_ANGLES = 1024


@dataclass(frozen=True)
class CellShape:
    """Random details of a cell's shape, in addition to its traits.

    Parameters
    ----------
    outline_um : ndarray, shape (1024,)
        Distance of the outline from the centre at angles from 0 to 2 pi.
    lamella_um : ndarray, shape (1024,)
        Distance of the lamella's edge from the centre, at the same angles.
    hill : float
        In a sheet, the distance at which the rise to the nucleus begins, in radii of the cell.
    nucleus_p_um, nucleus_q_um : float
        Position of the nucleus.
    nucleus_squeeze : float
        Length of the nucleus divided by its mean diameter.
    """

    outline_um: FloatMap
    lamella_um: FloatMap
    hill: float
    nucleus_p_um: float
    nucleus_q_um: float
    nucleus_squeeze: float

    def outline_at(self, p_um: FloatMap | Floats, q_um: FloatMap | Floats) -> FloatMap:
        """Return the distance of the outline in the direction of each point."""
        return self.outline_um[direction(p_um, q_um)]


def direction(p_um: FloatMap | Floats, q_um: FloatMap | Floats) -> NDArray[np.int32]:
    """Return the index of each point's direction in the tables of a `CellShape`."""
    turns = np.arctan2(q_um, p_um) * np.float32(_ANGLES / (2 * np.pi))
    # The length of the tables is a power of two, so that a mask wraps negative angles.
    return np.asarray(np.rint(turns).astype(np.int32) & (_ANGLES - 1))


def draw_shape(cell: CellTraits, rng: np.random.Generator) -> CellShape:
    """Draw the outline r(t) = R (1 + sum a_k cos(k t + psi_k)), a_k ~ N(0, 0.12 / k), and place the nucleus."""
    angle = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    k = np.arange(2, 9)
    amplitude = rng.normal(0, 0.12 * cell.waviness / k, (2, len(k)))
    waves, ruffles = (a @ np.cos(k[:, None] * angle + rng.uniform(0, 2 * np.pi, (len(k), 1))) for a in amplitude)
    outline_um = own_radius_um(cell) * (1 + np.clip(waves, -0.6, 0.32 * cell.waviness))
    # A lamella extends furthest on its leading side and has its own indentations.
    leading = 1 + 0.8 * np.cos(angle - rng.uniform(0, 2 * np.pi)) + 4 * ruffles
    lamella = 1 + (rng.uniform(*LAMELLA_REACH) - 1) * np.clip(leading, 0, 2)
    room_um = 0.2 * cell.radius_um
    return CellShape(
        outline_um=outline_um.astype(np.float32),
        lamella_um=(outline_um * lamella).astype(np.float32),
        hill=float(rng.uniform(0.65, 1.05)),
        nucleus_p_um=float(rng.uniform(-room_um, room_um)),
        nucleus_q_um=float(rng.uniform(-room_um, room_um)),
        nucleus_squeeze=float(rng.uniform(0.85, 1.25) * min(cell.aspect, 1.6) ** 0.3),
    )


def own_radius_um(cell: CellTraits) -> float:
    """Return the mean radius of the cell, or of each daughter."""
    return float(cell.radius_um / np.sqrt(cell.aspect)) if cell.kind == "telophase" else cell.radius_um


def _daughter_um(cell: CellTraits) -> float:
    return (cell.aspect - 1) * own_radius_um(cell)


def to_cell(cell: CellTraits, y_um: FloatMap, x_um: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Return the coordinates (p, q) on the cell's axes of points given relative to its centre."""
    cos, sin = np.float32(np.cos(cell.angle_rad)), np.float32(np.sin(cell.angle_rad))
    along, across = cos * x_um + sin * y_um, cos * y_um - sin * x_um
    if cell.kind == "telophase":
        return np.abs(along) - np.float32(_daughter_um(cell)), across
    stretch = float(np.sqrt(cell.aspect))  # a NumPy scalar would make everything float64
    if cell.bend:
        across = across + np.float32(cell.bend / cell.radius_um) * along * along
    p_um, q_um = np.asarray(along / stretch, np.float32), np.asarray(across * stretch, np.float32)
    if cell.taper:
        q_um *= 1 + np.float32(cell.taper / cell.radius_um**2) * p_um * p_um
    return p_um, q_um


def to_field(cell: CellTraits, p_um: Floats, q_um: Floats, side: Floats | float = 1.0) -> tuple[Floats, Floats]:
    """Return the positions (y, x) in the field of points on the cell's axes; `side`, 1 or -1, selects the daughter."""
    if cell.kind == "telophase":
        along, across = side * (p_um + _daughter_um(cell)), q_um
    else:
        along = p_um * np.sqrt(cell.aspect)
        q_um = q_um / (1 + cell.taper * (p_um / cell.radius_um) ** 2)
        across = q_um / np.sqrt(cell.aspect) - cell.bend / cell.radius_um * along**2
    cos, sin = np.cos(cell.angle_rad), np.sin(cell.angle_rad)
    return cell.y_um + sin * along + cos * across, cell.x_um + cos * along - sin * across


def window_px(cell: CellTraits, shape: CellShape, shape_px: int, pixel_size_um: float) -> tuple[slice, slice]:
    """Return the rows and columns that the body and the lamella cover; empty if they are outside the frame."""
    angle = np.arange(0, _ANGLES, 16) * (2 * np.pi / _ANGLES)
    rim_um = (shape.lamella_um if cell.lamella_um else shape.outline_um)[::16] * 1.01
    sides = (-1.0, 1.0) if cell.kind == "telophase" else (1.0,)
    along_um, across_um = (np.asarray(rim_um * part, np.float64) for part in (np.cos(angle), np.sin(angle)))
    points = [to_field(cell, along_um, across_um, side) for side in sides]
    y_um, x_um = np.concatenate(points, axis=1)
    return _covered(y_um, shape_px, pixel_size_um), _covered(x_um, shape_px, pixel_size_um)


def _covered(values_um: Floats, shape_px: int, pixel_size_um: float) -> slice:
    low = int(np.floor(values_um.min() / pixel_size_um)) - 1
    high = int(np.ceil(values_um.max() / pixel_size_um)) + 1
    return slice(min(max(low, 0), shape_px), min(max(high, 0), shape_px))
