"""Cover a frame with tiles, and run a network on each of them in one orientation or in eight."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_contransgan.config import TILE_UNIT_PX, PredictSettings
from napari_contransgan.models.running import TileNetwork
from napari_contransgan.progress import Progress
from napari_contransgan.tiles import Tile, cover

ORIENTATIONS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""Quarter turns, and whether the image is mirrored afterwards; a specimen may lie in any of these orientations."""

SCARCE_BYTES = 1 << 30
"""Available memory below which the smallest tiles are used: a network needs about 350 MB for a tile of 448 px."""


@dataclass(frozen=True)
class Covering:
    """The tiles that cover a map.

    Parameters
    ----------
    tiles : tuple of Tile
        Row by row.
    overlap_px : int
        Their overlap.
    shape_yx : tuple of int
        Shape of the map, padded to one tile if it is smaller.
    """

    tiles: tuple[Tile, ...]
    overlap_px: int
    shape_yx: tuple[int, int]

    @property
    def tile_px(self) -> int:
        """Return the side of a tile."""
        return self.tiles[0].height


def cover_map(shape_yx: tuple[int, int], settings: PredictSettings) -> Covering:
    """Return the tiles that cover a map; they are smaller than in the settings where memory is short."""
    wanted_px = settings.tile_px if psutil.virtual_memory().available > SCARCE_BYTES else TILE_UNIT_PX
    longest_px = max(shape_yx)
    tile_px = min(wanted_px, -(-longest_px // TILE_UNIT_PX) * TILE_UNIT_PX)
    overlap_px = min(settings.overlap_px, tile_px // 2) if longest_px > tile_px else 0
    padded = (max(shape_yx[0], tile_px), max(shape_yx[1], tile_px))
    return Covering(cover(padded, tile_px, overlap_px), overlap_px, padded)


def run_tile(
    network: TileNetwork,
    yx_contrast: NDArray[np.float32],
    orientations: Sequence[tuple[int, bool]],
    number: int,
    count: int,
) -> Generator[Progress, None, tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
    """Run a network on one tile.

    Parameters
    ----------
    network : TileNetwork
        The network.
    yx_contrast : (side, side) ndarray of float32
        Its input.
    orientations : sequence of (int, bool)
        Some of `ORIENTATIONS`.
    number, count : int
        Number of this tile, from 0, and of all tiles, for the progress.

    Yields
    ------
    Progress
        One for each orientation.

    Returns
    -------
    tuple
        The mean output, and the standard deviation of the outputs if there are several, else None.
    """
    outputs = []
    for turns, mirrored in orientations:
        turned = np.rot90(yx_contrast, turns)
        turned = turned[:, ::-1] if mirrored else turned
        output = network.run(np.ascontiguousarray(turned))
        outputs.append(np.rot90(output[:, ::-1] if mirrored else output, -turns))
        done = number * len(orientations) + len(outputs)
        yield Progress(done, count * len(orientations), "predicting tiles")
    if len(outputs) == 1:
        return outputs[0], None
    return np.mean(outputs, axis=0), np.std(outputs, axis=0)
