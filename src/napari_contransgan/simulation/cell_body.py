"""Draw the body of an isolated cell: thickness, lamella, nucleus or chromosomes, texture and fibres."""

import numpy as np
from scipy import ndimage

from napari_contransgan.simulation.cell_shape import CellShape, direction, own_radius_um, to_cell, window_px
from napari_contransgan.simulation.cell_traits import CellTraits
from napari_contransgan.simulation.texture import FloatMap

NUCLEUS_DEPTH_UM = 4.5
"""Largest thickness of a nucleus of any width."""

_FIBRE_STEP_UM = 0.1
_FIBRE_TABLE = 1024


def add_body(
    yx_path_um: FloatMap,
    pixel_size_um: float,
    cell: CellTraits,
    shape: CellShape,
    yx_texture: FloatMap,
    rng: np.random.Generator,
) -> None:
    """Add the body of one cell to a map, in place.

    Thin edges of neighbours overlap. There, the thicker cell counts fully and the other one in part.

    Parameters
    ----------
    yx_path_um : ndarray, shape (Y, X)
        Map of the optical path.
    pixel_size_um : float
        Pixel size.
    cell, shape : CellTraits, CellShape
        Traits and shape of the cell.
    yx_texture : ndarray, shape (Y, X)
        Texture of unit variance.
    rng : Generator
        Random generator.
    """
    rows, columns = window_px(cell, shape, yx_path_um.shape[0], pixel_size_um)
    fibres = draw_fibres(rng) if cell.fibres else None
    plate = _draw_plate(rng)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y_um = ((np.arange(rows.start, rows.stop) + 0.5) * pixel_size_um - cell.y_um).astype(np.float32)[:, None]
    x_um = ((np.arange(columns.start, columns.stop) + 0.5) * pixel_size_um - cell.x_um).astype(np.float32)[None, :]
    p_um, q_um = to_cell(cell, y_um, x_um)
    texture = yx_texture[rows, columns]
    rho2 = p_um * p_um
    rho2 += q_um * q_um
    towards = direction(p_um, q_um)
    lamella2 = rho2 / shape.lamella_um[towards] ** 2 if cell.lamella_um else None
    rho2 /= shape.outline_um[towards] ** 2
    inside = np.maximum(1 - rho2, 0)
    height_um = np.float32(cell.height_um) * inside**cell.profile
    if lamella2 is not None:
        height_um += np.float32(cell.lamella_um) * np.sqrt(np.maximum(1 - lamella2, 0))
    if cell.kind in ("metaphase", "telophase"):
        added_um = _chromosomes(cell, p_um, q_um, height_um, texture, plate)
    else:
        nucleus = _nucleus(cell, shape, p_um, q_um)
        if cell.bulge:
            # The cell rises towards its nucleus over an area wider than the nucleus itself.
            foot = np.maximum(1 - nucleus / 2.6, 0) ** 2
            height_um += np.float32(cell.bulge * cell.height_um) * foot * np.minimum(6 * inside, 1)
        added_um = nucleus_path(cell, nucleus, height_um)
    path_um = height_um * np.float32(cell.cytoplasm_contrast)
    if fibres is not None:
        stretch = np.sqrt(cell.aspect)
        path_um *= 1 + np.float32(cell.fibres) * fibres_at(fibres, q_um / np.float32(stretch) + 0.25 * texture)
    path_um *= 1 + np.float32(cell.texture) * texture
    path_um += added_um
    there = yx_path_um[rows, columns]
    yx_path_um[rows, columns] = np.maximum(there, path_um) + 0.4 * np.minimum(there, path_um)


def nucleus_path(cell: CellTraits, nucleus: FloatMap, height_um: FloatMap) -> FloatMap:
    """Return the path that the nucleus removes; `nucleus` is 1 on its outline and grows with the squared distance."""
    depth_um = np.float32(min(2 * cell.nucleus_um, NUCLEUS_DEPTH_UM)) * np.sqrt(np.maximum(1 - nucleus, 0))
    return np.asarray(cell.nucleus_contrast_step * np.minimum(depth_um, 0.8 * height_um), np.float32)


def _nucleus(cell: CellTraits, shape: CellShape, p_um: FloatMap, q_um: FloatMap) -> FloatMap:
    stretch = np.sqrt(cell.aspect)
    along = (p_um - np.float32(shape.nucleus_p_um)) * np.float32(stretch / (cell.nucleus_um * shape.nucleus_squeeze))
    across = (q_um - np.float32(shape.nucleus_q_um)) * np.float32(shape.nucleus_squeeze / (cell.nucleus_um * stretch))
    return np.asarray(along * along + across * across, np.float32)


def _draw_plate(rng: np.random.Generator) -> tuple[float, float, float, float]:
    return rng.uniform(0.9, 1.7), rng.uniform(0.5, 0.7), rng.uniform(-0.1, 0.3), rng.uniform(0.004, 0.012)


def _chromosomes(
    cell: CellTraits,
    p_um: FloatMap,
    q_um: FloatMap,
    height_um: FloatMap,
    texture: FloatMap,
    plate: tuple[float, float, float, float],
) -> FloatMap:
    """Return the path of the plate of condensed chromosomes across the spindle's axis, one plate in each daughter."""
    half_width_um, half_length, shift, contrast = plate
    radius_um = own_radius_um(cell)
    stretch = 1.0 if cell.kind == "telophase" else float(np.sqrt(cell.aspect))
    middle_um = shift * radius_um if cell.kind == "telophase" else 0.0
    across = (p_um * stretch - middle_um + 0.3 * texture) / half_width_um
    along = q_um / (stretch * half_length * radius_um)
    profile = np.exp(-((across * across) ** 2) - (along * along) ** 3)
    return np.asarray(contrast * profile * np.minimum(0.6 * height_um, 6.0), np.float32)


def draw_fibres(rng: np.random.Generator) -> FloatMap:
    """Draw a profile of stress fibres across the cell: unit variance, steps of 0.1 um, fibres 0.5 to 1.5 um apart."""
    noise = rng.standard_normal(_FIBRE_TABLE)
    profile = ndimage.gaussian_filter1d(noise, 2.5, mode="wrap") - ndimage.gaussian_filter1d(noise, 7, mode="wrap")
    return np.asarray(profile / profile.std(), np.float32)


def fibres_at(fibres: FloatMap, across_um: FloatMap) -> FloatMap:
    """Return the profile of `draw_fibres` at distances across the cell."""
    place = (across_um * np.float32(1 / _FIBRE_STEP_UM)).astype(np.int32) & (_FIBRE_TABLE - 1)
    return np.asarray(fibres[place])
