"""Write an OME-TIFF or OME-Zarr in tiles, in any order, so that an image of any size need not fit into memory."""

import itertools
import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedRandom
from pathlib import Path
from typing import Any, Protocol
from xml.sax.saxutils import escape

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import check_names, replaced_atomically
from napari_contransgan.io.image import Image
from napari_contransgan.io.writing import check_ending, ome_metadata, own_annotation
from napari_contransgan.io.zarr_store import is_zarr_name
from napari_contransgan.io.zarr_writing import zarr_tiles

TILE_PX = 512
"""Side of the tiles of a file; smaller for smaller frames."""
KEPT_TILES = 16
"""Tiles that stay in memory, because neighbouring tiles of a network add to the same ones."""

_OWN = '<M K="image">'  # as tifffile writes our annotation


class TileStore(Protocol):
    """Where the tiles of an image are kept; all of a tile is read and written at once."""

    @property
    def tile_px(self) -> int:
        """Return the side of the tiles."""

    def read(self, frame: int, row: int, column: int) -> NDArray[Any]:
        """Return a tile; beyond the frame its values do not matter."""

    def write(self, frame: int, row: int, column: int, yx_values: NDArray[Any]) -> None:
        """Store a tile."""

    def describe(self, image: Image) -> None:
        """Replace the description of the image."""

    def finished(self) -> Iterator[tuple[int, int]]:
        """Make what depends on all tiles, in steps; yield the number of the step and of all steps after each."""


@dataclass(frozen=True)
class TiledImage:
    """A float32 image that is being written; all its pixels are 0 at first.

    Parameters
    ----------
    shape : tuple of int
        Length of each axis; the last two are Y and X.
    store : TileStore
        Holds its tiles.
    """

    shape: tuple[int, ...]
    store: TileStore
    _kept: "OrderedDict[tuple[int, int, int], NDArray[np.float32]]" = field(default_factory=OrderedDict, repr=False)

    def add(self, frame: int, y: int, x: int, yx_values: NDArray[np.float32]) -> None:
        """Add values to the pixels of a frame, with the first value at row `y` and column `x`."""
        for tile, inside, of_values in self._meeting(y, x, yx_values.shape):
            self._tile(frame, *tile)[inside] += yx_values[of_values]

    def read(self, frame: int, y: int, x: int, height: int, width: int) -> NDArray[np.float32]:
        """Return pixels that were written."""
        yx_values = np.empty((height, width), np.float32)
        for tile, inside, of_values in self._meeting(y, x, yx_values.shape):
            kept = self._kept.get((frame, *tile))
            yx_values[of_values] = (self.store.read(frame, *tile) if kept is None else kept)[inside]
        return yx_values

    def describe(self, image: Image) -> None:
        """Replace the description of the image, for example its settings and notes."""
        self.flush()
        self.store.describe(image)

    def finished(self) -> Iterator[tuple[int, int]]:
        """Make what depends on all pixels, such as the coarser levels of OME-Zarr; yield each step and their number."""
        self.flush()
        yield from self.store.finished()

    def flush(self) -> None:
        """Store the tiles that are still in memory."""
        while self._kept:
            self._store_oldest()

    def _tile(self, frame: int, row: int, column: int) -> NDArray[np.float32]:
        key = (frame, row, column)
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            self._kept[key] = self.store.read(*key)
            if len(self._kept) > KEPT_TILES:
                self._store_oldest()
        return self._kept[key]

    def _store_oldest(self) -> None:
        key, yx_values = self._kept.popitem(last=False)
        self.store.write(*key, yx_values)

    def _meeting(
        self, y: int, x: int, shape: Sequence[int]
    ) -> Iterator[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
        """Yield each tile that meets a rectangle, the pixels in the tile, and those in the rectangle."""
        side = self.store.tile_px
        spans = [
            [
                (
                    number,
                    slice(max(start - number * side, 0), min(start + length - number * side, side)),
                    slice(max(number * side - start, 0), min((number + 1) * side - start, length)),
                )
                for number in range(start // side, -(-(start + length) // side))
            ]
            for start, length in zip((y, x), shape, strict=True)
        ]
        for row, column in itertools.product(*spans):
            yield (row[0], column[0]), (row[1], column[1]), (row[2], column[2])


@contextmanager
def tiled_image(path: Path, image: Image, shape: Sequence[int]) -> Iterator[TiledImage]:
    """Write an image tile by tile within the block; it gets its name at the end, and is removed if the block fails.

    Parameters
    ----------
    path : Path
        Ends in ``.tif`` or ``.tiff``, or in ``.zarr`` for OME-Zarr; an older file of that name is replaced at the end.
    image : Image
        Describes the file; its data are ignored. Its quantity is not intensity.
    shape : sequence of int
        Length of each of the image's axes, which end in YX.

    Yields
    ------
    TiledImage
        The image, to which values are added.

    Raises
    ------
    InputError
        If the name has another ending, the file cannot be written, or OME-Zarr is wanted without the package zarr.
    """
    path, shape = Path(path), tuple(shape)
    if is_zarr_name(path):
        with zarr_tiles(path, image, shape, np.dtype(np.float32), TILE_PX) as store:
            tiled = TiledImage(shape, store)
            yield tiled
            tiled.flush()
        return
    check_ending(path)
    check_names([path])
    try:
        with replaced_atomically(path) as part, _tiff_tiles(part, image, shape) as tiff:
            tiled = TiledImage(shape, tiff)
            yield tiled
            tiled.flush()
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", source=path) from error


@dataclass(frozen=True)
class _TiffTiles:
    """The tiles of an uncompressed float32 OME-TIFF, of which `offsets` are the positions, frame by frame."""

    path: Path
    shape: tuple[int, ...]
    handle: BufferedRandom
    offsets: tuple[int, ...]
    tile_px: int

    def read(self, frame: int, row: int, column: int) -> NDArray[Any]:
        """Return a tile."""
        kept = np.empty((self.tile_px, self.tile_px), np.float32)
        self.handle.seek(self._offset(frame, row, column))
        self.handle.readinto(kept.data.cast("B"))
        return kept

    def write(self, frame: int, row: int, column: int, yx_values: NDArray[Any]) -> None:
        """Store a tile."""
        self.handle.seek(self._offset(frame, row, column))
        self.handle.write(yx_values.tobytes())

    def describe(self, image: Image) -> None:
        """Replace our annotation in the description."""
        self.handle.flush()
        before, key, rest = str(tifffile.tiffcomment(self.path)).partition(_OWN)
        after = rest[rest.index("</M>") :]
        comment = before + key + escape(own_annotation(image, self.shape)) + after
        tifffile.tiffcomment(self.path, comment.encode())

    def finished(self) -> Iterator[tuple[int, int]]:
        """Make nothing more."""
        yield from ()

    def _offset(self, frame: int, row: int, column: int) -> int:
        rows, columns = (-(-side // self.tile_px) for side in self.shape[-2:])
        return self.offsets[(frame * rows + row) * columns + column]


@contextmanager
def _tiff_tiles(part: Path, image: Image, shape: tuple[int, ...]) -> Iterator[_TiffTiles]:
    tile_px = min(TILE_PX, -(-max(shape[-2:]) // 16) * 16)
    padded = math.prod(shape[:-2]) * math.prod(-(-side // tile_px) * tile_px for side in shape[-2:])
    resolution = None if image.pixel_size_um is None else (1e4 / image.pixel_size_um,) * 2
    tifffile.imwrite(
        part,
        shape=shape,
        dtype=np.dtype("<f4"),
        byteorder="<",
        ome=True,
        bigtiff=padded * 4 > 3_900_000_000,
        photometric="minisblack",
        tile=(tile_px, tile_px),
        resolution=resolution,
        resolutionunit=None if resolution is None else "CENTIMETER",
        metadata=ome_metadata(image, shape),
    )
    with tifffile.TiffFile(part) as tif:
        offsets = tuple(itertools.chain.from_iterable(page.dataoffsets for page in tif.pages))
    with part.open("r+b") as handle:
        yield _TiffTiles(part, shape, handle, offsets, tile_px)
