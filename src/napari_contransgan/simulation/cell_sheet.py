"""Draw a confluent sheet: cells that tile the plane and leave no empty background.

The plane is divided as in a Voronoi diagram. Distances are stretched along each cell and coordinates are slightly
warped, so that borders are wavy. Everything smooth is computed on a coarse grid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.simulation.cell_body import nucleus_path
from napari_contransgan.simulation.cell_shape import CellShape
from napari_contransgan.simulation.cell_traits import CellTraits
from napari_contransgan.simulation.spheres import Spheres
from napari_contransgan.simulation.texture import FloatMap, gaussian_texture

_COARSE_UM = 0.4
_REACH = 3.2
_FLOOR_UM = 0.12


@dataclass(frozen=True)
class Sheet:
    """A rendered sheet.

    Parameters
    ----------
    yx_path_um : ndarray, shape (N, N)
        Optical path without the contents of the cells.
    yx_owner : ndarray of int, shape (M, M)
        Number of the cell to which each coarse pixel belongs; -1 beyond a border, where nothing is drawn.
    coarse_um : float
        Size of a coarse pixel.
    """

    yx_path_um: FloatMap
    yx_owner: NDArray[np.int16]
    coarse_um: float

    def own(self, number: int, contents: Spheres) -> Spheres:
        """Return those contents of a cell that are within its own part of the plane."""
        last = self.yx_owner.shape[0] - 1
        rows = np.clip((contents.y_um / self.coarse_um).astype(np.intp), 0, last)
        columns = np.clip((contents.x_um / self.coarse_um).astype(np.intp), 0, last)
        return contents.where(self.yx_owner[rows, columns] == number)


def render_sheet(
    cells: tuple[CellTraits, ...],
    shapes: tuple[CellShape, ...],
    pixel_size_um: float,
    yx_texture: FloatMap,
    rng: np.random.Generator,
) -> Sheet:
    """Render all cells of one sheet.

    Parameters
    ----------
    cells, shapes : tuple
        Traits and shapes of the cells.
    pixel_size_um : float
        Pixel size of the map.
    yx_texture : ndarray, shape (N, N)
        Texture of unit variance.
    rng : Generator
        Random generator.
    """
    step = max(1, round(_COARSE_UM / pixel_size_um))
    coarse_um = step * pixel_size_um
    side = -(-yx_texture.shape[0] // step)
    clouds = [gaussian_texture(side, coarse_um, rng, size_um=size, falloff=4.0) for size in (9.0, 9.0, 12.0, 14.0)]
    axis_um = ((np.arange(side) + 0.5) * coarse_um).astype(np.float32)
    typical_um = float(np.median([cell.radius_um for cell in cells]))
    warp_um = np.float32(rng.uniform(0.04, 0.13) * typical_um)
    y_um = np.asarray(axis_um[:, None] + warp_um * clouds[0], np.float32)
    x_um = np.asarray(axis_um[None, :] + warp_um * clouds[1], np.float32)

    nearest = np.full((side, side), 1e3, np.float32)
    second = nearest.copy()
    owner = np.full((side, side), -1, np.int16)
    for number, cell in enumerate(cells):
        rows, columns = (_window(centre, cell, coarse_um, side) for centre in (cell.y_um, cell.x_um))
        distance = np.sqrt(_stretched2(cell, *_from_centre(cell, y_um[rows, columns], x_um[rows, columns])))
        closer = distance < nearest[rows, columns]
        second[rows, columns] = np.where(closer, nearest[rows, columns], np.minimum(second[rows, columns], distance))
        nearest[rows, columns] = np.where(closer, distance, nearest[rows, columns])
        owner[rows, columns][closer] = number

    gap_um = (second - nearest) * np.float32(typical_um)
    # Nuclei are rounder than borders.
    y_um -= np.float32(0.7) * warp_um * clouds[0]
    x_um -= np.float32(0.7) * warp_um * clouds[1]
    path_um = np.zeros((side, side), np.float32)
    for number, cell in enumerate(cells):
        rows, columns = (_window(centre, cell, coarse_um, side) for centre in (cell.y_um, cell.x_um))
        mine = owner[rows, columns] == number
        if mine.any():
            place = _from_centre(cell, y_um[rows, columns], x_um[rows, columns])
            own_um = _cell_path(cell, shapes[number], place, clouds[2][rows, columns])
            path_um[rows, columns][mine] = own_um[mine]
    path_um *= _borders(gap_um, clouds[3], rng)
    path_um = np.maximum(path_um, np.float32(_FLOOR_UM * np.mean([cell.cytoplasm_contrast for cell in cells])))
    owner[gap_um < 0.8] = -1
    softness_um = rng.uniform(0.25, 0.6)
    path_um = np.asarray(ndimage.gaussian_filter(path_um, softness_um / coarse_um, truncate=3), np.float32)
    fine = _finer(path_um, step, yx_texture.shape[0])
    fine *= 1 + np.float32(np.mean([cell.texture for cell in cells])) * yx_texture
    return Sheet(fine, owner, coarse_um)


def _cell_path(cell: CellTraits, shape: CellShape, place_yx_um: tuple[FloatMap, FloatMap], cloud: FloatMap) -> FloatMap:
    """Return the path of one cell of the sheet: a thin, uneven lamella that rises to the nucleus."""
    y_um, x_um = place_yx_um
    along, across = _turned(cell, y_um, x_um)
    along, across = along - np.float32(shape.nucleus_p_um), across - np.float32(shape.nucleus_q_um)
    squeeze = shape.nucleus_squeeze
    nucleus = (along / np.float32(cell.nucleus_um * squeeze)) ** 2
    nucleus += (across * np.float32(squeeze / cell.nucleus_um)) ** 2
    lamella_um = np.float32(cell.lamella_um) * np.exp(np.float32(0.3) * cloud)
    hill = np.maximum(1 - _stretched2(cell, y_um, x_um) / np.float32(shape.hill**2), 0) ** np.float32(cell.profile)
    foot = np.maximum(1 - nucleus / np.float32(2.6), 0) ** 2
    height_um = lamella_um + np.float32(cell.height_um) * (hill * (1 + 0.08 * cloud) + np.float32(cell.bulge) * foot)
    return np.asarray(np.float32(cell.cytoplasm_contrast) * height_um + nucleus_path(cell, nucleus, height_um))


def _borders(gap_um: FloatMap, cloud: FloatMap, rng: np.random.Generator) -> FloatMap:
    """Return a factor on the path: cells become thinner or overlap towards a border, and have thin windows."""
    width_um, groove = rng.uniform(0.8, 2.5), rng.uniform(-0.3, 0.5)
    depth = np.clip(groove + 0.3 * cloud, -0.5, 0.8)
    factor = 1 - depth * np.exp(-((gap_um / np.float32(width_um)) ** 2))
    # Far from the nuclei the sheet gradually becomes thinner, so that most borders are faint.
    factor *= 1 - np.float32(rng.uniform(0.1, 0.6)) * np.exp(-gap_um / np.float32(rng.uniform(3, 7)))
    if rng.random() < 0.6:
        threshold, window_depth = rng.uniform(0.8, 1.8), rng.uniform(0.4, 0.85)
        thin = np.clip((cloud - np.float32(threshold)) * 5, 0, 1)
        # Only next to a border, since a nucleus has no window.
        factor *= 1 - np.float32(window_depth) * thin * np.clip(2.2 - gap_um / 6, 0, 1)
    return np.asarray(factor, np.float32)


def _from_centre(cell: CellTraits, y_um: FloatMap, x_um: FloatMap) -> tuple[FloatMap, FloatMap]:
    return y_um - np.float32(cell.y_um), x_um - np.float32(cell.x_um)


def _turned(cell: CellTraits, y_um: FloatMap, x_um: FloatMap) -> tuple[FloatMap, FloatMap]:
    cos, sin = np.float32(np.cos(cell.angle_rad)), np.float32(np.sin(cell.angle_rad))
    return cos * x_um + sin * y_um, cos * y_um - sin * x_um


def _stretched2(cell: CellTraits, y_um: FloatMap, x_um: FloatMap) -> FloatMap:
    """Return the squared distance from a cell's centre, in its radii and stretched along its axis."""
    along, across = _turned(cell, y_um, x_um)
    squared_um2 = along * along / np.float32(cell.aspect) + across * across * np.float32(cell.aspect)
    return np.asarray(squared_um2 / np.float32(cell.radius_um**2), np.float32)


def _window(centre_um: float, cell: CellTraits, coarse_um: float, side: int) -> slice:
    reach_um = _REACH * cell.radius_um
    low, high = (int((centre_um + sign * reach_um) / coarse_um) for sign in (-1, 1))
    return slice(min(max(low, 0), side), min(max(high, 0), side))


def _finer(coarse: FloatMap, step: int, shape_px: int) -> FloatMap:
    """Interpolate linearly onto a grid that is `step` times finer and starts at the same edge."""
    place = (np.arange(shape_px) + 0.5) / step - 0.5
    low = np.clip(np.floor(place).astype(np.intp), 0, coarse.shape[0] - 2) if coarse.shape[0] > 1 else 0
    share = np.clip(place - low, 0, 1).astype(np.float32)
    tall = coarse[low] * (1 - share)[:, None] + coarse[low + 1] * share[:, None]
    return np.asarray(tall[:, low] * (1 - share) + tall[:, low + 1] * share, np.float32)
