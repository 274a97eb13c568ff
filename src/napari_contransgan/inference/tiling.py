"""Cover a frame with tiles, and run a network on them in one orientation or in eight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from napari_contransgan.config import TILE_UNIT_PX, PredictSettings
from napari_contransgan.models.running import TileNetwork
from napari_contransgan.tiles import Tile, cover

ORIENTATIONS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""Quarter turns, and whether the image is mirrored afterwards; a specimen may lie in any of these orientations."""

SCARCE_BYTES = 1 << 30
"""Available memory below which the smallest tiles are used."""
BYTES_PER_TILE_PX = 1750
"""Memory that a network needs for each pixel of a tile: about 350 MB for 448 px."""
MOST_AT_ONCE = 2


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


def tiles_at_once(covering: Covering, runs: int, threads: int, device: torch.device) -> int:
    """Return how many tiles to compute at the same time on a processor's threads.

    Two tiles on half of the threads each take less time than one after the other on all: threads that share a tile
    wait for each other after each of its layers.

    Parameters
    ----------
    covering : Covering
        The tiles.
    runs : int
        How often the network runs.
    threads : int
        Number of threads.
    device : torch.device
        Device to compute on.
    """
    needed = MOST_AT_ONCE * BYTES_PER_TILE_PX * covering.tile_px**2
    if device.type != "cpu" or threads < MOST_AT_ONCE or runs < MOST_AT_ONCE:
        return 1
    return MOST_AT_ONCE if 2 * needed < psutil.virtual_memory().available else 1


def run_oriented(
    network: TileNetwork, yx_contrast: NDArray[np.float32], orientation: tuple[int, bool]
) -> NDArray[np.float32]:
    """Run a network on a tile in one of `ORIENTATIONS`, and return its output in the tile's own orientation."""
    turns, mirrored = orientation
    turned = np.rot90(yx_contrast, turns)
    output = network.run(np.ascontiguousarray(turned[:, ::-1] if mirrored else turned))
    return np.rot90(output[:, ::-1] if mirrored else output, -turns)


def mean_and_spread(
    outputs: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return the mean output, and the standard deviation of the outputs if there are several, else None."""
    if len(outputs) == 1:
        return outputs[0], None
    return np.mean(outputs, axis=0), np.std(outputs, axis=0)
