"""Pixels that stay in the file until they are asked for, as dask arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.damage import failures_explained


@dataclass(frozen=True)
class PixelSource:
    """Where the pixels of an image lie in a file.

    Parameters
    ----------
    path : Path
        The file.
    stamp : tuple of int
        Its size in bytes and its time of change in ns when it was opened.
    axes : str
        Axis letters as the file orders them.
    shape : tuple of int
        Length of each.
    leading : int
        How many of the axes count pages; the others lie within a page.
    dtype : str
        Number type as the file stores it, with its byte order.
    first_byte : int or None
        Where the pixels begin, if they lie in the file as they are and one after the other.
    directories : tuple of int
        Otherwise, the offset of each page's TIFF directory, in the order of the pages.
    """

    path: Path
    stamp: tuple[int, int]
    axes: str
    shape: tuple[int, ...]
    leading: int
    dtype: str
    first_byte: int | None
    directories: tuple[int, ...]


def arranged(data: NDArray[Any], axes: str, ordered: str) -> NDArray[Any]:
    """Bring pixels to the wanted order of axes and to the machine's byte order, dropping other axes.

    Parameters
    ----------
    data : ndarray
        One axis for each letter of `axes`.
    axes : str
        Axis letters; those that `ordered` lacks have length one.
    ordered : str
        Axis letters of the result.

    Returns
    -------
    ndarray
        C-contiguous.
    """
    kept = "".join(letter for letter in axes if letter in ordered)
    data = data.reshape([length for letter, length in zip(axes, data.shape, strict=True) if letter in ordered])
    data = np.ascontiguousarray(data.transpose([kept.index(letter) for letter in ordered]))
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def lazy_pixels(
    path: Path,
    tif: tifffile.TiffFile,
    every_series: Sequence[tifffile.TiffPageSeries],
    shape: Sequence[int],
    axes: str,
    ordered: str,
) -> Any:
    """Pixels as a dask array whose chunks read their own pages when they are computed.

    Parameters
    ----------
    path : Path
        The file.
    tif : TiffFile
        The same, open.
    every_series : sequence of TiffPageSeries
        One series, or the planes of an image that stand in a series each.
    shape : sequence of int
        Lengths of the axes as the file orders them.
    axes : str
        Letters of these axes.
    ordered : str
        Letters of the axes of the result.

    Returns
    -------
    dask array or None
        One chunk for each index of T, or else of the first axis; None where pages do not lie so.
    """
    source = _source(path, tif, every_series, tuple(shape), axes)
    letter = _chunked_axis(ordered)
    if source is None or (letter and letter not in axes[: source.leading]):
        return None
    # says now what a chunk would say later, of a compression or number type that cannot be read
    every_series[0].keyframe.decode(None, 0)
    return _array(partial(_read_chunk, source, ordered), source, ordered)


def wrapped(data: NDArray[Any], ordered: str) -> Any:
    """Wrap pixels that had to be read at once in a dask array with the same chunks."""
    letter = _chunked_axis(ordered)
    chunks = tuple(1 if one == letter else length for one, length in zip(ordered, data.shape, strict=True))
    return _dask_array().from_array(data, chunks=chunks, name=False)


def _dask_array() -> Any:
    import dask.array  # noqa: PLC0415 (slow to import, and only lazy reading needs it)

    return dask.array


def _chunked_axis(ordered: str) -> str:
    return "T" if "T" in ordered else ordered[0] if ordered[0] not in "YXS" else ""


def _source(
    path: Path,
    tif: tifffile.TiffFile,
    every_series: Sequence[tifffile.TiffPageSeries],
    shape: tuple[int, ...],
    axes: str,
) -> PixelSource | None:
    first = every_series[0]
    if any(one.transform is not None or one.is_multifile or one.dtype != first.dtype for one in every_series):
        return None
    status = path.stat()
    dtype = first.dtype.newbyteorder(tif.byteorder).str
    locate = partial(PixelSource, path, (status.st_size, status.st_mtime_ns), axes, shape)
    frame_axes = min(axes.index(letter) for letter in "YXS" if letter in axes)
    if len(every_series) == 1 and first.dataoffset is not None:
        return locate(frame_axes, dtype, first.dataoffset, ())
    pages = [page for one in every_series for page in one if page is not None]
    page_size = math.prod(first.keyframe.shape)
    for leading in range(frame_axes, -1, -1):
        if math.prod(shape[:leading]) == len(pages) and math.prod(shape[leading:]) == page_size:
            return locate(leading, dtype, None, tuple(page.offset for page in pages))
    return None


def _array(read: partial[NDArray[Any]], source: PixelSource, ordered: str) -> Any:
    length = dict(zip(source.axes, source.shape, strict=True))
    letter = _chunked_axis(ordered)
    chunks = tuple((1,) * length[one] if one == letter else (length[one],) for one in ordered)
    dtype = np.dtype(source.dtype).newbyteorder("=")
    return _dask_array().map_blocks(read, chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(ordered), dtype))


def _read_chunk(source: PixelSource, ordered: str, *, block_id: tuple[int, ...]) -> NDArray[Any]:
    letter = _chunked_axis(ordered)
    pages = np.arange(math.prod(source.shape[: source.leading])).reshape(source.shape[: source.leading])
    if letter:
        pages = pages.take([block_id[ordered.index(letter)]], axis=source.axes.index(letter))
    with failures_explained(source.path):
        data = _read_pages(source, pages.ravel())
    return arranged(data.reshape(*pages.shape, *source.shape[source.leading :]), source.axes, ordered)


def _read_pages(source: PixelSource, indices: NDArray[np.intp]) -> NDArray[Any]:
    status = source.path.stat()
    if (status.st_size, status.st_mtime_ns) != source.stamp:
        raise InputError(f"{source.path}: was changed since it was opened: open it again")
    dtype = np.dtype(source.dtype)
    if source.first_byte is None:
        with tifffile.TiffFile(source.path) as tif:
            return np.stack([_read_page(tif, source.directories[index]) for index in indices])
    size = math.prod(source.shape[source.leading :])
    data = np.empty((len(indices), size), dtype)
    with source.path.open("rb") as handle:
        for row, index in zip(data, indices, strict=True):
            handle.seek(source.first_byte + int(index) * size * dtype.itemsize)
            if handle.readinto(row.view(np.uint8)) != row.nbytes:
                raise InputError(f"{source.path}: was changed since it was opened: open it again")
    return data


def _read_page(tif: tifffile.TiffFile, directory: int) -> NDArray[Any]:
    """Read one page by the offset of its directory, without walking through those before it."""
    tif.filehandle.seek(directory)
    page: NDArray[Any] = tifffile.TiffPage(tif, 0).asarray(maxworkers=1)  # dask reads chunks in parallel already
    return page
