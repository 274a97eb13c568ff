"""Read parts of the frames of an image that need not fit into memory."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import accumulate, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.io import Image
from napari_contransgan.io.lazy import computed

KEPT_BYTES = 64 << 20
"""Chunks of a lazy image that stay in memory, because neighbouring tiles share them."""


@dataclass
class FramePixels:
    """The frames of an image, of which parts can be read.

    Parameters
    ----------
    image : Image
        An image in memory, or a lazy one (dask, or any array that reads what it is indexed with); its axes end in YX.
    """

    image: Image
    _kept: "OrderedDict[tuple[int, ...], NDArray[Any]]" = field(default_factory=OrderedDict, init=False, repr=False)

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Return the height and width of a frame."""
        height, width = self.image.data.shape[-2:]
        return int(height), int(width)

    @property
    def count(self) -> int:
        """Return the number of frames."""
        return math.prod(self.image.data.shape[:-2])

    def read(self, frame: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of a frame."""
        data: Any = self.image.data
        leading = data.shape[:-2]
        index = tuple(int(one) for one in np.unravel_index(frame, leading)) if leading else ()
        if not hasattr(data, "__dask_graph__"):
            return np.asarray(data[(*index, rows, columns)])
        part = np.empty((rows.stop - rows.start, columns.stop - columns.start), data.dtype)
        lead = [_chunk_of(sizes, one) for sizes, one in zip(data.chunks, index, strict=False)]
        for (row, inner_rows, to_rows), (column, inner_columns, to_columns) in product(
            _meeting(data.chunks[-2], rows), _meeting(data.chunks[-1], columns)
        ):
            chunk = self._chunk((*(number for number, _ in lead), row, column))
            where: tuple[Any, ...] = (*(place for _, place in lead), inner_rows, inner_columns)
            part[to_rows, to_columns] = chunk[where]
        return part

    def _chunk(self, number: tuple[int, ...]) -> NDArray[Any]:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        lazy: Any = self.image.data
        chunk = computed(lazy.blocks[number])
        self._kept[number] = chunk
        while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return chunk


def _chunk_of(sizes: tuple[int, ...], index: int) -> tuple[int, int]:
    """Return the chunk that holds an index, and the index within it."""
    number = next(number for number, stop in enumerate(accumulate(sizes)) if index < stop)
    return number, index - sum(sizes[:number])


def _meeting(sizes: tuple[int, ...], wanted: slice) -> list[tuple[int, slice, slice]]:
    """Return each chunk that meets a range: its number, the range in the chunk, and the range in what is wanted."""
    found, start = [], 0
    for number, size in enumerate(sizes):
        low, high = max(start, wanted.start), min(start + size, wanted.stop)
        if low < high:
            found.append((number, slice(low - start, high - start), slice(low - wanted.start, high - wanted.start)))
        start += size
    return found
