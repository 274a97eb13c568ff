"""Turn a map of phase or height into a triangle mesh."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError


@dataclass(frozen=True)
class SurfaceMesh:
    """A triangle mesh; ``(vertices_zyx_um, faces, values)`` is what napari's ``add_surface`` takes.

    Parameters
    ----------
    vertices_zyx_um : (N, 3) ndarray of float32
        Positions.
    faces : (M, 3) ndarray of int
        Corners of the triangles; seen from above (from +z) their normals (B - A) x (C - A), with components in the
        order z, y, x, point up.
    values : (N,) ndarray of float32
        The map's value at each vertex, for colour.
    """

    vertices_zyx_um: NDArray[np.float32]
    faces: NDArray[np.int64]
    values: NDArray[np.float32]


def surface_from_map(
    yx_values: NDArray[np.floating],
    pixel_size_um: float,
    *,
    vertical_um_per_value: float,
    origin_yx_um: tuple[float, float] = (0.0, 0.0),
    max_vertices: int = 250_000,
    yx_shown: NDArray[np.bool_] | None = None,
) -> SurfaceMesh:
    """Return a map as a surface in space.

    Positive values rise to positive z. With its default orientation ("towards", "down", "right"), napari's 3D camera
    shows +z towards the viewer, so that thick parts rise. In a viewer set to "away", pass a negative
    `vertical_um_per_value`; the faces still point up along +z.

    Parameters
    ----------
    yx_values : (Y, X) ndarray
        Phase, path or height, finite, at least 2 x 2.
    pixel_size_um : float
        Pixel size.
    vertical_um_per_value : float
        Height of the value 1, including any exaggeration.
    origin_yx_um : tuple of float
        Position of the centre of pixel (0, 0).
    max_vertices : int
        Larger maps are averaged over areas until they have at most this many vertices. The outermost vertices stay at
        the centres of the outermost pixels, so that the extent is kept.
    yx_shown : (Y, X) ndarray of bool or None
        Where the surface is shown; elsewhere it has holes. None shows all of it.

    Returns
    -------
    SurfaceMesh

    Raises
    ------
    InputError
        If the map is not two-dimensional, too small or not finite.
    """
    yx = np.asarray(yx_values, dtype=np.float64)
    if yx.ndim != 2 or min(yx.shape) < 2:
        raise InputError(f"the map has the shape {yx.shape}: give one of at least 2 x 2 px")
    if not np.all(np.isfinite(yx)):
        raise InputError("the map holds NaN or infinite values, which have no height: replace them first")
    height, width = yx.shape
    rows, columns = _mesh_shape(height, width, max_vertices)
    shown = None if yx_shown is None or yx_shown.all() else np.asarray(yx_shown, np.float64)
    if shown is not None:
        yx = yx * shown
        shown = _area_average(_area_average(shown, rows).T, columns).T
    yx = _area_average(_area_average(yx, rows).T, columns).T
    if shown is not None:
        yx = np.divide(yx, shown, out=np.zeros_like(yx), where=shown > 0)

    y_um = origin_yx_um[0] + pixel_size_um * np.linspace(0, height - 1, rows)
    x_um = origin_yx_um[1] + pixel_size_um * np.linspace(0, width - 1, columns)
    vertices = np.empty((rows, columns, 3), dtype=np.float32)
    vertices[..., 0] = vertical_um_per_value * yx
    vertices[..., 1] = y_um[:, None]
    vertices[..., 2] = x_um[None, :]

    index = np.arange(rows * columns, dtype=np.int64).reshape(rows, columns)
    corner, right, below, across = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    upper = np.stack([corner, below, right], axis=-1)
    lower = np.stack([right, below, across], axis=-1)
    faces = np.concatenate([upper.reshape(-1, 3), lower.reshape(-1, 3)])
    if shown is not None:
        faces = faces[np.all(shown.ravel()[faces] > 0.5, axis=1)]
    return SurfaceMesh(vertices.reshape(-1, 3), faces, yx.astype(np.float32).ravel())


def _mesh_shape(height: int, width: int, max_vertices: int) -> tuple[int, int]:
    """Return the number of vertices along each side, at least two, in the map's proportions and within the limit."""
    if height * width <= max_vertices:
        return height, width
    shrink = np.sqrt(max_vertices / (height * width))
    rows = max(2, int(height * shrink))
    columns = max(2, min(int(width * shrink), max_vertices // rows))
    return min(rows, max(2, max_vertices // columns)), columns


def _area_average(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Average along the first axis over `count` cells centred on evenly spaced vertices from end to end."""
    length = len(values)
    if count == length:
        return values
    centres = np.linspace(0, length - 1, count)
    half = (length - 1) / (count - 1) / 2
    starts = np.clip(centres - half, -0.5, length - 0.5)
    stops = np.clip(centres + half, -0.5, length - 0.5)
    integral = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    averages: NDArray[np.float64] = (_at(integral, stops) - _at(integral, starts)) / (stops - starts)[:, None]
    return averages


def _at(integral: NDArray[np.float64], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate the running integral, whose sample i is at position i - 1/2."""
    lower = np.clip(np.floor(positions + 0.5).astype(np.int64), 0, len(integral) - 2)
    share = (positions + 0.5 - lower)[:, None]
    return (1 - share) * integral[lower] + share * integral[lower + 1]
