"""Check that a TIFF is complete, since tifffile fills missing parts with zeros, which must not pass for an image.

Also explain why a file cannot be read.
"""

import logging
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import tifffile

from napari_contransgan.errors import InputError, unreadable
from napari_contransgan.io.directories import DAMAGED

_MOST_EXPANSION: dict[int, int] = {
    **dict.fromkeys((tifffile.COMPRESSION.DEFLATE, tifffile.COMPRESSION.ADOBE_DEFLATE), 1100),
    tifffile.COMPRESSION.LZW: 3000,
    tifffile.COMPRESSION.PACKBITS: 65,
}
"""Largest ratio between the pixels and their compressed bytes that a compression can reach."""

_LOUD_COMPRESSIONS = {22610, 34933, 34934}  # the decoders of JPEG XR and PNG print their doubts on standard error
_CRASHING_COMPRESSIONS = {22610, 34934}  # damaged JPEG XR with colours crashes its decoder
_DECODE = "import sys, tifffile; [page.asarray() for page in tifffile.TiffFile(sys.argv[1]).pages]"
_redirecting = threading.RLock()


def page_is_whole(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    """Return whether a page lists every strip or tile that its shape needs, inside the file and with enough bytes."""
    size = page.parent.filehandle.size
    has_all = math.prod(page.chunked) == len(page.dataoffsets) == len(page.databytecounts) and all(
        start > 0 and length > 0 and start + length <= size
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    # With a damaged planar configuration, tifffile counts the strips of one of three planes.
    has_all = has_all and math.prod(page.chunks) * len(page.dataoffsets) >= math.prod(page.shape)
    keyframe = page.keyframe
    if keyframe is None or not has_all:
        return False
    most = _MOST_EXPANSION.get(int(keyframe.compression))
    return most is None or bool(keyframe.nbytes <= most * sum(page.databytecounts))


def check_memory(path: Path, needed_bytes: int) -> None:
    """Raise an error if pixels need more memory than is free, before any is taken.

    Raises
    ------
    InputError
        With both numbers.
    """
    free_bytes = psutil.virtual_memory().available
    if needed_bytes > free_bytes:
        raise InputError(
            f"needs {needed_bytes / 1e9:.3g} GB of memory, and {free_bytes / 1e9:.3g} GB are free: "
            "close other programs, or cut the image into smaller files",
            source=path,
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
        raise InputError(unreadable(error, DAMAGED), source=path) from error


def _starts_like_tiff(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def check_decoder_survives(path: Path, page: tifffile.TiffPage) -> None:
    """Decode a file in another process first, if a damaged one could crash the decoder and this program with it.

    Raises
    ------
    InputError
        If the other process crashes.
    """
    if page.compression not in _CRASHING_COMPRESSIONS:
        return
    done = subprocess.run([sys.executable, "-c", _DECODE, str(path)], capture_output=True, check=False)  # noqa: S603
    if done.returncode not in (0, 1):  # 1 is an error that reading the file here explains
        raise InputError(DAMAGED, source=path)


@contextmanager
def decoder_kept_quiet(page: tifffile.TiffPage) -> Iterator[None]:
    """Drop what the decoder of a page prints on standard error, if it is one that prints."""
    if page.compression not in _LOUD_COMPRESSIONS:
        yield
        return
    with _redirecting, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - not a path of its own
        try:
            kept = os.dup(2)
        except OSError:  # a program without standard error
            yield
            return
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


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
