"""Write an OME-TIFF in tiles, in any order, so that an image of any size need not fit into memory."""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import check_names, replaced_atomically
from napari_contransgan.io.image import Image
from napari_contransgan.io.writing import ome_metadata, own_annotation

TILE_PX = 512
"""Side of the tiles of a file; smaller for smaller frames."""

_OWN = '<M K="image">'  # as tifffile writes our annotation


@dataclass(frozen=True)
class TiledImage:
    """A float32 OME-TIFF that is being written; all its pixels are 0 at first.

    Parameters
    ----------
    path : Path
        The unfinished file.
    image : Image
        Describes it; its data are ignored.
    shape : tuple of int
        Length of each axis; the last two are Y and X.
    handle : file
        The file, open for reading and writing.
    offsets : tuple of int
        Position of each tile in the file, frame by frame, row by row.
    tile_px : int
        Side of the tiles.
    """

    path: Path
    image: Image
    shape: tuple[int, ...]
    handle: BufferedRandom
    offsets: tuple[int, ...]
    tile_px: int

    def add(self, frame: int, y: int, x: int, yx_values: NDArray[np.float32]) -> None:
        """Add values to the pixels of a frame, with the first value at row `y` and column `x`."""
        for tile, inside, of_values in self._meeting(y, x, yx_values.shape):
            kept = self._read(frame, tile)
            kept[inside] += yx_values[of_values]
            self._write(frame, tile, kept)

    def read(self, frame: int, y: int, x: int, height: int, width: int) -> NDArray[np.float32]:
        """Return pixels that were written."""
        yx_values = np.empty((height, width), np.float32)
        for tile, inside, of_values in self._meeting(y, x, yx_values.shape):
            yx_values[of_values] = self._read(frame, tile)[inside]
        return yx_values

    def describe(self, image: Image) -> None:
        """Replace the description of the image, for example its settings and notes."""
        self.handle.flush()
        before, key, rest = str(tifffile.tiffcomment(self.path)).partition(_OWN)
        after = rest[rest.index("</M>") :]
        comment = before + key + escape(own_annotation(image, self.shape)) + after
        tifffile.tiffcomment(self.path, comment.encode())

    def _meeting(
        self, y: int, x: int, shape: Sequence[int]
    ) -> Iterator[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
        """Yield each tile that meets a rectangle, the pixels in the tile, and those in the rectangle."""
        side = self.tile_px
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

    def _offset(self, frame: int, tile: tuple[int, int]) -> int:
        rows, columns = (-(-side // self.tile_px) for side in self.shape[-2:])
        return self.offsets[(frame * rows + tile[0]) * columns + tile[1]]

    def _read(self, frame: int, tile: tuple[int, int]) -> NDArray[np.float32]:
        kept = np.empty((self.tile_px, self.tile_px), np.float32)
        self.handle.seek(self._offset(frame, tile))
        self.handle.readinto(kept.data.cast("B"))
        return kept

    def _write(self, frame: int, tile: tuple[int, int], kept: NDArray[np.float32]) -> None:
        self.handle.seek(self._offset(frame, tile))
        self.handle.write(kept.tobytes())


@contextmanager
def tiled_image(path: Path, image: Image, shape: Sequence[int]) -> Iterator[TiledImage]:
    """Write an OME-TIFF tile by tile within the block; it gets its name at the end, and is removed if the block fails.

    Parameters
    ----------
    path : Path
        Ends in ``.tif`` or ``.tiff``; an older file of that name is replaced at the end.
    image : Image
        Describes the file; its data are ignored. Its quantity is not intensity.
    shape : sequence of int
        Length of each of the image's axes, which end in YX.

    Yields
    ------
    TiledImage
        The file, to which values are added.

    Raises
    ------
    InputError
        If the name has another ending, or the file cannot be written.
    """
    path, shape = Path(path), tuple(shape)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise InputError("the name of an image must end in .tif or .ome.tif", source=path)
    tile_px = min(TILE_PX, -(-max(shape[-2:]) // 16) * 16)
    padded = math.prod(shape[:-2]) * math.prod(-(-side // tile_px) * tile_px for side in shape[-2:])
    check_names([path])
    resolution = None if image.pixel_size_um is None else (1e4 / image.pixel_size_um,) * 2
    try:
        with replaced_atomically(path) as part:
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
                yield TiledImage(part, image, shape, handle, offsets, tile_px)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", source=path) from error
