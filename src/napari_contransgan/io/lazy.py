"""Read pixels from the file only when they are needed, as dask arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.damage import check_memory, decoder_kept_quiet, failures_explained, page_is_whole
from napari_contransgan.io.directories import DAMAGED
from napari_contransgan.io.pages import Found

CHANGED = "has changed since it was opened: open it again"
MOST_PAGE_BYTES = 1 << 24
"""Pages up to this size are read whole."""
CHUNK_PX = 1024

Window = tuple[int, int, int, int]
"""First and last row (exclusive), first and last column of a part of a page."""


@dataclass(frozen=True)
class PixelSource:
    """Location of an image's pixels in a file.

    Parameters
    ----------
    path : Path
        The file.
    stamp : tuple of int
        Its size in bytes and its modification time in ns when it was opened.
    axes : str
        Axis letters in the file's order.
    shape : tuple of int
        Length of each.
    leading : int
        Number of axes that count pages; the others are within a page.
    dtype : str
        Number type and byte order in the file.
    offsets : tuple of int
        Position of each page in the file, in order: of its pixels, or else of its TIFF directory.
    is_bare : bool
        Whether the offsets are those of the pixels, which are then uncompressed and contiguous.
    page_hashes : tuple of int
        Hashes of the shape, type and compression of each page when the file was opened; empty if `is_bare`.
    """

    path: Path
    stamp: tuple[int, int]
    axes: str
    shape: tuple[int, ...]
    leading: int
    dtype: str
    offsets: tuple[int, ...]
    is_bare: bool
    page_hashes: tuple[int, ...] = ()


def standard_axes(path: Path, shape: Sequence[int], axes: str) -> str:
    """Return the axis letters without those of length one (except Y and X), with Y, X and S at the end.

    Raises
    ------
    InputError
        If there is no Y or no X.
    """
    if "Y" not in axes or "X" not in axes:
        raise InputError("holds no image: export it again", source=path)
    kept = "".join(letter for letter, length in zip(axes, shape, strict=True) if letter in "YX" or length > 1)
    return "".join(letter for letter in kept if letter not in "YXS?") + "YX" + ("S" if "S" in kept else "")


def arranged(data: NDArray[Any], axes: str, ordered: str) -> NDArray[Any]:
    """Bring pixels into the requested order of axes and the machine's byte order, and drop other axes.

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


def lazy_pixels(path: Path, tif: tifffile.TiffFile, found: Found, ordered: str) -> Any:
    """Return the pixels as a dask array whose chunks read their own pages when they are computed.

    Pages above `MOST_PAGE_BYTES` are divided into chunks of about `CHUNK_PX` pixels on a side, each of which reads only
    the rows, strips or tiles that it needs.

    Parameters
    ----------
    path : Path
        The file.
    tif : TiffFile
        The same, open.
    found : Found
        The pages of the image.
    ordered : str
        Axis letters of the result.

    Returns
    -------
    dask array or None
        One chunk for each index of T, or else of the first axis, and for each part of a large page; None if the pages
        are not arranged this way.
    """
    source = _source(path, tif, found)
    letter = _chunked_axis(ordered)
    if source is None or (letter and letter not in found.axes[: source.leading]):
        return None
    # raises now the error that a chunk would raise later, for a compression or number type that cannot be read
    found.series[0].keyframe.decode(None, 0)
    return _array(source, ordered, _part_px(source, found.series[0].keyframe))


def wrapped(data: NDArray[Any], ordered: str) -> Any:
    """Return pixels that had to be read at once as a dask array with the same chunks."""
    letter = _chunked_axis(ordered)
    chunks = tuple(1 if one == letter else length for one, length in zip(ordered, data.shape, strict=True))
    return dask_array().from_array(data, chunks=chunks, name=False)


def computed(lazy: Any) -> NDArray[Any]:
    """Compute a dask array in this thread."""
    from dask.local import get_sync  # noqa: PLC0415

    # by its function, because for a name dask imports distributed first, which takes as long as a tile
    return np.asarray(lazy.compute(scheduler=get_sync))


def dask_array() -> Any:
    """Import dask.array, which is slow to import, and only lazy reading needs it."""
    import dask.array  # noqa: PLC0415

    return dask.array


def _chunked_axis(ordered: str) -> str:
    return "T" if "T" in ordered else ordered[0] if ordered[0] not in "YXS" else ""


def _source(path: Path, tif: tifffile.TiffFile, found: Found) -> PixelSource | None:
    first, axes, shape = found.series[0], found.axes, found.shape
    if any(one.transform is not None or one.dtype != first.dtype for one in found.series):
        return None
    keyframe = first.keyframe
    status = path.stat()
    locate = partial(
        PixelSource,
        path=path,
        stamp=(status.st_size, status.st_mtime_ns),
        axes=axes,
        shape=shape,
        dtype=first.dtype.newbyteorder(tif.byteorder).str,
    )
    frame_axes = min(axes.index(letter) for letter in "YXS" if letter in axes)
    if len(found.series) == 1 and found.keys is None and first.dataoffset is not None:
        size = math.prod(shape[frame_axes:]) * first.dtype.itemsize
        starts = range(first.dataoffset, first.dataoffset + math.prod(shape[:frame_axes]) * size, size)
        return locate(leading=frame_axes, offsets=tuple(starts), is_bare=True)
    pages = [page for page in found.pages if page is not None and page.parent is tif]
    if len(pages) < len(found.pages):
        return None
    page_size = math.prod(keyframe.shape)
    for leading in range(frame_axes, -1, -1):
        if math.prod(shape[:leading]) == len(pages) and math.prod(shape[leading:]) == page_size:
            if all(page.offset for page in pages):
                hashes = tuple(page.hash for page in pages)
                return locate(
                    leading=leading, offsets=tuple(page.offset for page in pages), is_bare=False, page_hashes=hashes
                )
            if keyframe.is_contiguous and keyframe.compression == tifffile.COMPRESSION.NONE:
                # pages listed by an index outside the directories, as in NDTiff
                return locate(leading=leading, offsets=tuple(page.dataoffsets[0] for page in pages), is_bare=True)
    return None


def _part_px(source: PixelSource, keyframe: tifffile.TiffPage) -> tuple[int, int] | None:
    """Return the height and width of the parts in which large pages are read; None if pages are read whole."""
    if source.axes[source.leading :] not in ("YX", "YXS"):
        return None
    page_bytes = math.prod(source.shape[source.leading :]) * np.dtype(source.dtype).itemsize
    if page_bytes <= MOST_PAGE_BYTES:
        return None
    if source.is_bare:
        return CHUNK_PX, CHUNK_PX
    length, width = keyframe.chunks[:2] if keyframe.planarconfig == tifffile.PLANARCONFIG.CONTIG else (0, 0)
    if keyframe.imagedepth != 1 or not 0 < length * width <= CHUNK_PX**2:
        return None
    if keyframe.is_tiled:
        return whole_units(CHUNK_PX, length), whole_units(CHUNK_PX, width)
    return whole_units(-(-(CHUNK_PX**2) // width), length), width


def whole_units(wanted_px: int, unit_px: int) -> int:
    """Return the least multiple of a unit that is not below a length."""
    return -(-wanted_px // unit_px) * unit_px


def _array(source: PixelSource, ordered: str, part_px: tuple[int, int] | None) -> Any:
    length = dict(zip(source.axes, source.shape, strict=True))
    letter = _chunked_axis(ordered)
    chunk = {**length, letter: 1, **(dict(zip("YX", part_px, strict=True)) if part_px else {})}
    chunks = tuple(
        tuple(min(chunk[one], length[one] - start) for start in range(0, length[one], chunk[one])) for one in ordered
    )
    dtype = np.dtype(source.dtype).newbyteorder("=")
    read = partial(_read_chunk, source, ordered, part_px)
    return dask_array().map_blocks(read, chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(ordered), dtype))


def _read_chunk(
    source: PixelSource, ordered: str, part_px: tuple[int, int] | None, *, block_id: tuple[int, ...]
) -> NDArray[Any]:
    letter = _chunked_axis(ordered)
    pages = np.arange(math.prod(source.shape[: source.leading])).reshape(source.shape[: source.leading])
    if letter:
        pages = pages.take([block_id[ordered.index(letter)]], axis=source.axes.index(letter))
    window = None
    if part_px is not None:
        lengths = source.shape[source.leading : source.leading + 2]
        starts = [block_id[ordered.index(one)] * px for one, px in zip("YX", part_px, strict=True)]
        stops = [min(start + px, most) for start, px, most in zip(starts, part_px, lengths, strict=True)]
        window = (starts[0], stops[0], starts[1], stops[1])
    with failures_explained(source.path):
        page_shape = source.shape[source.leading :]
        if window is not None:
            page_shape = (window[1] - window[0], window[3] - window[2], *page_shape[2:])
        check_memory(source.path, pages.size * math.prod(page_shape) * np.dtype(source.dtype).itemsize)
        data = _read_pages(source, pages.ravel(), window)
    return arranged(data.reshape(*pages.shape, *page_shape), source.axes, ordered)


def _read_pages(source: PixelSource, indices: NDArray[np.intp], window: Window | None) -> NDArray[Any]:
    status = source.path.stat()
    if (status.st_size, status.st_mtime_ns) != source.stamp:
        raise InputError(CHANGED, source=source.path)
    if not source.is_bare:
        with tifffile.TiffFile(source.path) as tif:
            return np.stack([_read_page(source, tif, int(index), window) for index in indices])
    with source.path.open("rb") as handle:
        return np.stack([_read_bare(source, handle, source.offsets[index], window) for index in indices])


def _read_bare(source: PixelSource, handle: BufferedReader, offset: int, window: Window | None) -> NDArray[Any]:
    """Read an uncompressed page, or the rows of a part of one."""
    shape, dtype = source.shape[source.leading :], np.dtype(source.dtype)
    y, y_stop, x, x_stop = window or (0, 1, 0, 1)
    pixel_bytes = math.prod(shape[2:]) * dtype.itemsize
    data = np.empty(shape if window is None else (y_stop - y, x_stop - x, *shape[2:]), dtype)
    rows = data.reshape(1, -1) if window is None else data.reshape(y_stop - y, -1)
    for number, row in enumerate(rows):
        handle.seek(offset + ((y + number) * shape[1] + x) * pixel_bytes if window else offset)
        if handle.readinto(row.view(np.uint8).data) != row.nbytes:
            raise InputError(CHANGED, source=source.path)
    return data


def _read_page(source: PixelSource, tif: tifffile.TiffFile, index: int, window: Window | None) -> NDArray[Any]:
    """Read one page, or a part of it, by the offset of its directory, without reading the directories before it."""
    tif.filehandle.seek(source.offsets[index])
    page = tifffile.TiffPage(tif, 0)
    if page.hash != source.page_hashes[index] or not page_is_whole(page):
        raise InputError(DAMAGED, source=source.path)
    with decoder_kept_quiet(page):
        if window is not None:
            return _read_segments(tif, page, window)
        pixels: NDArray[Any] = page.asarray(maxworkers=1)  # dask already reads chunks in parallel
    return pixels


def _read_segments(tif: tifffile.TiffFile, page: tifffile.TiffPage, window: Window) -> NDArray[Any]:
    """Read the strips or tiles that a part of a page needs."""
    y, y_stop, x, x_stop = window
    length, width = page.chunks[:2]
    across = -(-page.imagewidth // width)
    data = np.empty((y_stop - y, x_stop - x, *page.shape[2:]), page.dtype)
    decode: Any = page.decode  # made when it is first asked for, which moves the position in the file
    tables: dict[str, Any] = {}
    if page.jpegtables is not None:
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    for row in range(y // length, -(-y_stop // length)):
        for column in range(x // width, -(-x_stop // width)):
            number = row * across + column
            tif.filehandle.seek(page.dataoffsets[number])
            content = tif.filehandle.read(page.databytecounts[number])
            segment = decode(content, number, **tables)[0]
            top, left = row * length, column * width
            rows = slice(max(y, top), min(y_stop, top + length))
            columns = slice(max(x, left), min(x_stop, left + width))
            inner = segment[0, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            place = data[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
            place[...] = inner.reshape(place.shape)
    return data
