"""Check that a TIFF is complete, since tifffile fills missing parts with zeros, which must not pass for an image.

Also explain why a file cannot be read.
"""

import logging
import math
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tifffile

from napari_contransgan.errors import InputError

DAMAGED = "the file is damaged or cut short: copy or export it again"

_TAGS_TO_CHECK = {270, 273, 279, 282, 283, 324, 325}  # description, offsets, byte counts and resolution
_BYTES_PER_TAG_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}


def directories_are_whole(path: Path, byteorder: str, is_bigtiff: bool) -> bool:
    """Return whether the chain of TIFF directories ends, and they and their needed values are inside the file."""
    count_format, entry_format, offset_format = ("Q", "HHQ8s", "Q") if is_bigtiff else ("H", "HHI4s", "I")
    entry_size = struct.calcsize("<" + entry_format)
    file_size = path.stat().st_size
    with path.open("rb") as handle:

        def read(form: str) -> tuple[Any, ...]:
            return struct.unpack(byteorder + form, handle.read(struct.calcsize("<" + form)))

        try:
            handle.seek(8 if is_bigtiff else 4)
            (offset,) = read(offset_format)
            visited: set[int] = set()
            while offset:
                if offset in visited:
                    return False  # a chain with a loop never ends
                visited.add(offset)
                handle.seek(offset)
                (count,) = read(count_format)
                for tag, kind, length, inline in struct.iter_unpack(
                    byteorder + entry_format, handle.read(count * entry_size)
                ):
                    size = _BYTES_PER_TAG_TYPE.get(kind, 1) * length
                    if tag in _TAGS_TO_CHECK and size > len(inline):
                        (start,) = struct.unpack(byteorder + offset_format, inline)
                        if start + size > file_size:
                            return False
                (offset,) = read(offset_format)
        except struct.error:
            return False
    return True


def page_is_whole(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    """Return whether a page lists every strip or tile that its shape needs, and all of them lie inside the file."""
    size = page.parent.filehandle.size
    return math.prod(page.chunked) == len(page.dataoffsets) and all(
        start > 0 and length > 0 and start + length <= size
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=True)
    )


def pixels_are_whole(series: tifffile.TiffPageSeries) -> bool:
    """Return whether every strip and tile of every page is present; see `page_is_whole`."""
    if series.dataoffset is not None:  # one contiguous run of pixels, for which only the first page needs tags
        end = series.dataoffset + math.prod(series.shape) * series.dtype.itemsize
        return bool(end <= series.keyframe.parent.filehandle.size) and page_is_whole(series.keyframe)
    return all(page is not None and page_is_whole(page) for page in series)


@contextmanager
def failures_explained(path: Path) -> Iterator[None]:
    """Turn any error while reading a file into one line that says why it cannot be read.

    Raises
    ------
    InputError
        In place of any error raised within the block.
    """
    try:
        with tifffile_kept_quiet():
            yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("there is no such file: check the path", source=path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error
    except MemoryError as error:
        raise InputError("does not fit into memory: cut the image into smaller files", source=path) from error
    except Exception as error:
        # for damaged files, tifffile raises many types of errors (struct, zlib, index, key and value errors)
        if not _starts_like_tiff(path):
            raise InputError("is not a TIFF file: give a TIFF or OME-TIFF", source=path) from error
        if "imagecodecs" in str(error):
            hint = "its compression needs the package imagecodecs (pip install imagecodecs), or save it uncompressed"
            raise InputError(hint, source=path) from error
        raise InputError(DAMAGED, source=path) from error


def _starts_like_tiff(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@contextmanager
def tifffile_kept_quiet() -> Iterator[None]:
    """Suppress tifffile's log messages in this thread; damage is reported as `InputError` instead."""
    thread = threading.get_ident()

    def not_this_thread(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(not_this_thread)
    try:
        yield
    finally:
        logger.removeFilter(not_this_thread)
