"""Write OME-Zarr 0.5: the image in chunks, coarser levels for viewers, and what `read_image` reads back."""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.annotation import own_values
from napari_contransgan.io.atomic import check_names, replaced_atomically
from napari_contransgan.io.image import NAMESPACE, QUANTITY_UNITS, Image
from napari_contransgan.io.zarr_store import has_metadata, is_zarr_name, zarr_package

CHUNK_PX = 512
LEVEL_STEP = 2

_ORDER = "TCZYX"
"""Order of the axes that OME-Zarr demands."""
_AXES = {
    "T": {"name": "t", "type": "time"},
    "C": {"name": "c", "type": "channel"},
    "Z": {"name": "z", "type": "space"},
    "Y": {"name": "y", "type": "space"},
    "X": {"name": "x", "type": "space"},
}


@dataclass(frozen=True)
class ZarrTiles:
    """The chunks of an OME-Zarr image that is being written.

    Parameters
    ----------
    axes : str
        Axis letters of the image.
    shape : tuple of int
        Length of each.
    tile_px : int
        Side of the chunks.
    group : Group
        The open folder.
    arrays : tuple of Array
        One for each level, from the finest.
    """

    axes: str
    shape: tuple[int, ...]
    tile_px: int
    group: Any
    arrays: tuple[Any, ...]

    def read(self, frame: int, row: int, column: int) -> NDArray[Any]:
        """Return a chunk, padded to its full size."""
        array = self.arrays[0]
        yx_values = np.zeros((self.tile_px, self.tile_px), array.dtype)
        place = self._place(0, row, column)
        found = np.asarray(array[(*self._index(frame), *place)])
        yx_values[: found.shape[0], : found.shape[1]] = found
        return yx_values

    def write(self, frame: int, row: int, column: int, yx_values: NDArray[Any]) -> None:
        """Store a chunk."""
        self._write(0, frame, row, column, yx_values)

    def describe(self, image: Image) -> None:
        """Store the metadata of the image."""
        self.group.attrs.put(attributes(image, self.shape, len(self.arrays)))

    def finished(self) -> Iterator[tuple[int, int]]:
        """Make the coarser levels, chunk by chunk."""
        frames = math.prod(self.shape[:-2])
        work = [
            (level, frame, row, column)
            for level in range(1, len(self.arrays))
            for frame in range(frames)
            for row, column in _grid(self.arrays[level].shape[-2:], self.tile_px)
        ]
        for step, (level, frame, row, column) in enumerate(work):
            rows, columns = self._place(level, row, column)
            finer = tuple(slice(LEVEL_STEP * one.start, LEVEL_STEP * one.stop) for one in (rows, columns))
            values = np.asarray(self.arrays[level - 1][(*self._index(frame), *finer)])
            height, width = rows.stop - rows.start, columns.stop - columns.start
            blocks = values.reshape(height, LEVEL_STEP, width, LEVEL_STEP).mean(axis=(1, 3), dtype=np.float64)
            blocks = np.rint(blocks) if values.dtype.kind in "ui" else blocks
            self._write(level, frame, row, column, blocks.astype(values.dtype))
            yield step + 1, len(work)

    def _write(self, level: int, frame: int, row: int, column: int, yx_values: NDArray[Any]) -> None:
        rows, columns = self._place(level, row, column)
        inner = yx_values[: rows.stop - rows.start, : columns.stop - columns.start]
        self.arrays[level][(*self._index(frame), rows, columns)] = inner

    def _index(self, frame: int) -> tuple[int, ...]:
        """Return the place of a frame along the leading axes of the arrays, whose order is that of OME-Zarr."""
        leading = self.shape[:-2]
        indices = dict(zip(self.axes, np.unravel_index(frame, leading) if leading else (), strict=False))
        return tuple(int(indices[letter]) for letter in stored_axes(self.axes)[:-2])

    def _place(self, level: int, row: int, column: int) -> tuple[slice, slice]:
        height, width = self.arrays[level].shape[-2:]
        starts = row * self.tile_px, column * self.tile_px
        return (
            slice(starts[0], min(starts[0] + self.tile_px, height)),
            slice(starts[1], min(starts[1] + self.tile_px, width)),
        )


@contextmanager
def zarr_tiles(
    path: Path, image: Image, shape: Sequence[int], dtype: np.dtype[Any], tile_px: int = CHUNK_PX
) -> Iterator[ZarrTiles]:
    """Write an OME-Zarr image within the block; it gets its name at the end, and is removed if the block fails.

    Parameters
    ----------
    path : Path
        The folder; an older Zarr folder of that name is replaced at the end.
    image : Image
        Describes it; its data are ignored. Its axes end in YX.
    shape : sequence of int
        Length of each axis.
    dtype : dtype
        Number type.
    tile_px : int
        Side of the chunks; smaller for smaller frames.

    Raises
    ------
    InputError
        If the package zarr is missing, the axes cannot be stored, the name is that of another folder or file, or the
        folder cannot be written.
    """
    package = zarr_package(path)
    if not image.axes.endswith("YX"):
        raise InputError("colours cannot be written as OME-Zarr: choose a name that ends in .ome.tif", source=path)
    check_names([path])
    check_place(path)
    shape = tuple(shape)
    try:
        with replaced_atomically(path) as part:
            group = package.create_group(store=str(part), zarr_format=3)
            tile_px = min(tile_px, max(shape[-2:]))
            arrays = tuple(
                _array(package, group, number, image.axes, sides, dtype, tile_px)
                for number, sides in enumerate(level_shapes(shape))
            )
            tiles = ZarrTiles(image.axes, shape, tile_px, group, arrays)
            tiles.describe(image)
            yield tiles
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", source=path) from error


def write_zarr(
    path: Path, image: Image, yx_frames: Iterator[NDArray[Any]], shape: Sequence[int], dtype: np.dtype[Any]
) -> None:
    """Write frames into an OME-Zarr image, completely or not at all; each is stored before the next is requested.

    Raises
    ------
    InputError
        As for `zarr_tiles`.
    """
    with zarr_tiles(path, image, shape, dtype) as tiles:
        side = tiles.tile_px
        for number, yx_frame in enumerate(yx_frames):
            for row, column in _grid(yx_frame.shape, side):
                part = yx_frame[row * side : (row + 1) * side, column * side : (column + 1) * side]
                tiles.write(number, row, column, part)
        for _ in tiles.finished():
            pass


def attributes(image: Image, shape: Sequence[int], levels: int) -> dict[str, Any]:
    """Return the metadata of a group: the multiscales of OME-Zarr, and what it has no place for under our own name."""
    axes = stored_axes(image.axes)
    is_calibrated = image.pixel_size_um is not None
    steps = {"T": image.time_step_s, "Z": image.z_step_um, "Y": image.pixel_size_um, "X": image.pixel_size_um}
    units = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
    described = [{**_AXES[one], **({"unit": units[one]} if steps.get(one) is not None else {})} for one in axes]
    origin = dict(zip("YX", image.origin_yx_um if is_calibrated else (0.0, 0.0), strict=True))
    datasets = []
    for number in range(levels):
        factor = LEVEL_STEP**number
        scale = [float(steps.get(one) or 1.0) * (factor if one in "YX" else 1) for one in axes]
        shift = [
            float(origin.get(one, 0.0) + ((factor - 1) / 2 * float(steps.get(one) or 1.0) if one in "YX" else 0.0))
            for one in axes
        ]
        transformations = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(number), "coordinateTransformations": transformations})
    unit = QUANTITY_UNITS[image.quantity]
    multiscale = {
        "name": image.name,
        "axes": described,
        "datasets": datasets,
        "type": "mean",
        "metadata": {"quantity": image.quantity, "unit": unit},
    }
    found = {
        "ome": {"version": "0.5", "multiscales": [multiscale]},
        NAMESPACE: {**own_values(image, shape), "unit": unit},
    }
    return dict(json.loads(json.dumps(found)))  # tuples become lists, and what JSON cannot hold is an error here


def stored_axes(axes: str) -> str:
    """Return the axes in the order of OME-Zarr."""
    return "".join(letter for letter in _ORDER if letter in axes)


def level_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shape of each level, from the finest to one that fits into a chunk or cannot be halved."""
    shapes = [shape]
    while max(shapes[-1][-2:]) > CHUNK_PX and min(shapes[-1][-2:]) >= LEVEL_STEP:
        shapes.append((*shape[:-2], *(side // LEVEL_STEP for side in shapes[-1][-2:])))
    return shapes


def _array(
    package: Any, group: Any, number: int, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any], tile_px: int
) -> Any:
    lengths = dict(zip(axes, shape, strict=True))
    stored = stored_axes(axes)
    return group.create_array(
        name=str(number),
        shape=tuple(lengths[letter] for letter in stored),
        chunks=tuple(tile_px if letter in "YX" else 1 for letter in stored),
        dtype=dtype.newbyteorder("="),
        compressors=package.codecs.BloscCodec(
            cname="zstd", clevel=1, shuffle=package.codecs.BloscShuffle.shuffle, typesize=dtype.itemsize
        ),
        fill_value=0,
        dimension_names=[letter.lower() for letter in stored],
        config={"write_empty_chunks": True},
    )


def check_place(path: Path) -> None:
    """Raise an error if a Zarr folder would replace anything but a Zarr folder or an empty one.

    Raises
    ------
    InputError
        Naming what is there.
    """
    if not is_zarr_name(path) or not path.exists():
        return
    if not path.is_dir() or (any(path.iterdir()) and not has_metadata(path)):
        raise InputError("is there already and is not a Zarr image: choose another name", source=path)


def _grid(shape_yx: Sequence[int], side: int) -> Iterator[tuple[int, int]]:
    yield from itertools.product(*(range(-(-length // side)) for length in shape_yx))
