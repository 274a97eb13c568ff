"""Geometry of tiles: a grid for training, overlapping tiles for prediction, and weights for blending them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError


@dataclass(frozen=True)
class Tile:
    """A rectangle of pixels.

    Parameters
    ----------
    row, column : int
        Position in the grid, from 0.
    y, x : int
        First pixel.
    height, width : int
        Size in pixels.
    """

    row: int
    column: int
    y: int
    x: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the slices of the tile in a YX array."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


def partition(shape_yx: tuple[int, int], rows: int, columns: int, overlap_px: int = 0) -> tuple[Tile, ...]:
    """Divide a frame into a grid.

    Without overlap, each pixel is in exactly one tile, and tile sides differ by at most one pixel. With overlap,
    neighbouring tiles share `overlap_px` pixels across each inner border; outer borders do not change.

    Parameters
    ----------
    shape_yx : tuple of int
        Shape of the frame.
    rows, columns : int
        The grid.
    overlap_px : int
        Number of pixels that neighbours share.

    Returns
    -------
    tuple of Tile
        Row by row.

    Raises
    ------
    InputError
        If the frame has fewer pixels than tiles along a side, or the overlap reaches past a neighbour.
    """
    y_spans = _grid_spans(shape_yx[0], rows, overlap_px, "rows")
    x_spans = _grid_spans(shape_yx[1], columns, overlap_px, "columns")
    return _tiles(y_spans, x_spans)


def cover(shape_yx: tuple[int, int], tile_px: int, overlap_px: int) -> tuple[Tile, ...]:
    """Cover a frame with square tiles of equal size; the last ones are shifted inwards.

    Parameters
    ----------
    shape_yx : tuple of int
        Shape of the frame, at least one tile.
    tile_px : int
        Side of a tile.
    overlap_px : int
        Smallest overlap of neighbours, below `tile_px`.

    Returns
    -------
    tuple of Tile
        Row by row.

    Raises
    ------
    ValueError
        If the frame is smaller than a tile, or the overlap is too large for tiles to advance.
    """
    if min(shape_yx) < tile_px:
        raise ValueError(f"a frame of {shape_yx} is smaller than a tile of {tile_px}: pad it first")
    if not 0 <= overlap_px < tile_px:
        raise ValueError(f"an overlap of {overlap_px} does not fit tiles of {tile_px}")
    y_spans, x_spans = (_cover_spans(count, tile_px, overlap_px) for count in shape_yx)
    return _tiles(y_spans, x_spans)


def blend_window(tile: Tile, shape_yx: tuple[int, int], overlap_px: int) -> NDArray[np.float32]:
    """Return the weights of a tile for blending: 1 inside, with linear ramps over the overlaps with neighbours.

    Sides on the frame's border have no ramp. Where neighbours overlap by exactly `overlap_px`, their weights add up to
    1; elsewhere, divide the blended sum by the sum of the weights, which is above 0 everywhere.

    Parameters
    ----------
    tile : Tile
        One of `cover`.
    shape_yx : tuple of int
        Shape of the frame.
    overlap_px : int
        Length of the ramps.

    Returns
    -------
    (height, width) ndarray of float32
    """
    y_weights = _ramps(tile.y, tile.height, shape_yx[0], overlap_px)
    x_weights = _ramps(tile.x, tile.width, shape_yx[1], overlap_px)
    return np.outer(y_weights, x_weights).astype(np.float32)


def blend_shares(count: int, tile_px: int, overlap_px: int) -> list[NDArray[np.float32]]:
    """Return the share of each tile along one axis, after division by the sum of the weights of `blend_window`.

    The share of a pixel in a tile is the product of its shares along y and x.

    Parameters
    ----------
    count : int
        Length of the axis.
    tile_px, overlap_px : int
        As for `cover`.

    Returns
    -------
    list of (tile_px,) ndarray of float32
        In the order of the tiles.
    """
    spans = _cover_spans(count, tile_px, overlap_px)
    ramps = [_ramps(start, tile_px, count, overlap_px) for start, _ in spans]
    total = np.zeros(count)
    for (start, stop), ramp in zip(spans, ramps, strict=True):
        total[start:stop] += ramp
    return [(ramp / total[start:stop]).astype(np.float32) for (start, stop), ramp in zip(spans, ramps, strict=True)]


def _tiles(y_spans: Sequence[tuple[int, int]], x_spans: Sequence[tuple[int, int]]) -> tuple[Tile, ...]:
    return tuple(
        Tile(row, column, y, x, y_stop - y, x_stop - x)
        for row, (y, y_stop) in enumerate(y_spans)
        for column, (x, x_stop) in enumerate(x_spans)
    )


def _grid_spans(count: int, parts: int, overlap_px: int, what: str) -> list[tuple[int, int]]:
    if parts > count:
        raise InputError(f"{count} px cannot be divided into {parts} {what}: use a smaller grid")
    edges = [count * part // parts for part in range(parts + 1)]
    if parts > 1 and overlap_px > count // parts:
        raise InputError(
            f"an overlap of {overlap_px} px is larger than a tile of {count // parts} px: use a smaller one"
        )
    before, after = overlap_px // 2, overlap_px - overlap_px // 2
    return [
        (start - before if start > 0 else 0, stop + after if stop < count else count) for start, stop in pairwise(edges)
    ]


def _cover_spans(count: int, tile_px: int, overlap_px: int) -> list[tuple[int, int]]:
    starts = [*range(0, count - tile_px, tile_px - overlap_px), count - tile_px]
    return [(start, start + tile_px) for start in starts]


def _ramps(start: int, length: int, count: int, overlap_px: int) -> NDArray[np.float64]:
    steps = np.arange(1, length + 1) / (overlap_px + 1)
    rising = np.minimum(steps, 1.0) if start > 0 else np.ones(length)
    falling = np.minimum(steps[::-1], 1.0) if start + length < count else np.ones(length)
    return np.minimum(rising, falling)
