"""Walk the chain of a TIFF's directories before anything else reads them.

tifffile follows a chain with a loop without end, fills what is missing with zeros, and decodes every page of a series
as its first page says.
"""

import itertools
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import tifffile

from napari_contransgan.errors import InputError

DAMAGED = "the file is damaged or cut short: copy or export it again"

Layout = tuple[tuple[int, ...] | None, ...]

_TAGS_TO_CHECK = {270, 273, 279, 282, 283, 324, 325}  # description, offsets, byte counts and resolution
_BYTES_PER_TAG_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8, 18: 8}
_WHOLE_NUMBERS = {3: "H", 4: "I", 16: "Q"}  # not bytes, which tifffile does not take for numbers
_ROWS, _ROWS_PER_STRIP, _KIND_OF_PAGE = 257, 278, 254
_NOT_THE_IMAGE = 1 | 4  # a page of reduced size, a mask
_DEFAULTS: Mapping[int, tuple[int, ...] | None] = {
    **dict.fromkeys((256, _ROWS, _ROWS_PER_STRIP, 262, 322, 323, 338), None),
    **dict.fromkeys((258, 259, 266, 277, 284, 317, 339, 32997, 32998), (1,)),
    _KIND_OF_PAGE: (0,),
}
"""Tags that say how the pixels of a page are stored, with the values of pages that lack them."""
_MOST_VALUES = 16


def layouts_of(path: Path) -> dict[int, Layout]:
    """Return how the pixels of each page are stored, by the offset of its directory, in the order of the chain.

    Raises
    ------
    InputError
        If the chain does not end, or a directory or a needed value of one is not inside the file.
    """
    with path.open("rb") as handle:
        try:
            return _layouts(handle, path.stat().st_size)
        except (struct.error, KeyError, OverflowError):
            raise InputError(DAMAGED, source=path) from None


def pages_agree(series: tifffile.TiffPageSeries, known: dict[Path, dict[int, Layout]]) -> bool:
    """Return whether all pages of a series are stored as its first page says.

    Parameters
    ----------
    series : TiffPageSeries
        The series.
    known : dict
        Results of `layouts_of` by resolved path; those of other files of the series are added.
    """
    of_file: dict[tifffile.TiffFile, dict[int, Layout]] = {}

    def layouts(file: tifffile.TiffFile) -> dict[int, Layout]:
        if file not in of_file:
            path = Path(file.filehandle.path).resolve()
            of_file[file] = known[path] = known.get(path) or layouts_of(path)
        return of_file[file]

    keyframe = series.keyframe
    own = layouts(keyframe.parent)
    expected = own.get(keyframe.offset)
    if series.dataoffset is not None:  # one contiguous run of pixels, whose pages tifffile does not look at
        later = itertools.dropwhile(lambda offset: offset != keyframe.offset, own)
        return all(own[offset] == expected for offset in itertools.islice(later, len(series)))
    # Indices of NDTiff list pages outside the chain, which have no directory.
    pages = (page for page in series if page is not None)
    return all(layouts(page.parent).get(page.offset, expected) == expected for page in pages)


def _layouts(handle: BinaryIO, file_size: int) -> dict[int, Layout]:
    byteorder = {b"II": "<", b"MM": ">"}[handle.read(2)]
    (number,) = struct.unpack(byteorder + "H", handle.read(2))
    is_bigtiff = number == 43
    count_format, entry_format, offset_format = ("Q", "HHQ8s", "Q") if is_bigtiff else ("H", "HHI4s", "I")
    entry_size = struct.calcsize("<" + entry_format)

    def read(form: str) -> tuple[Any, ...]:
        return struct.unpack(byteorder + form, handle.read(struct.calcsize("<" + form)))

    handle.seek(8 if is_bigtiff else 4)
    (offset,) = read(offset_format)
    layouts: dict[int, Layout] = {}
    raw_layouts: dict[tuple[Any, ...], Layout] = {}
    read_bytes = 0
    while offset:
        if offset in layouts:
            raise struct.error("a chain with a loop never ends")
        handle.seek(offset)
        (count,) = read(count_format)
        read_bytes += count * entry_size
        if read_bytes > file_size:
            raise struct.error("directories that overlap")
        found: list[tuple[Any, ...]] = []
        entries = handle.read(count * entry_size)
        (next_offset,) = read(offset_format)
        for tag, kind, length, inline in struct.iter_unpack(byteorder + entry_format, entries):
            if tag in _DEFAULTS:
                found.append((tag, kind, length, inline))
            elif tag in _TAGS_TO_CHECK:
                size = _BYTES_PER_TAG_TYPE.get(kind, 1) * length
                if size > len(inline) and struct.unpack(byteorder + offset_format, inline)[0] + size > file_size:
                    raise struct.error("a value outside the file")
        key = tuple(found)
        if key not in raw_layouts:
            raw_layouts[key] = _layout(handle, byteorder, offset_format, found)
        layouts[offset] = raw_layouts[key]
        offset = next_offset
    return layouts


def _layout(handle: BinaryIO, byteorder: str, offset_format: str, found: list[tuple[Any, ...]]) -> Layout:
    """Return the values of the tags that describe how pixels are stored, in one form for all writers."""
    values = dict(_DEFAULTS)
    for tag, kind, length, inline in found:
        if kind not in _WHOLE_NUMBERS or length > _MOST_VALUES:
            values[tag] = (kind, length, *inline)
            continue
        form = f"{byteorder}{length}{_WHOLE_NUMBERS[kind]}"
        size = struct.calcsize(form)
        if size > len(inline):
            handle.seek(struct.unpack(byteorder + offset_format, inline)[0])
            inline = handle.read(size)  # noqa: PLW2901
        numbers: tuple[int, ...] = struct.unpack(form, inline[:size])
        values[tag] = numbers[:1] if len(set(numbers)) == 1 else numbers
    kind_of_page = values[_KIND_OF_PAGE] or (0,)
    values[_KIND_OF_PAGE] = (kind_of_page[0] & _NOT_THE_IMAGE,) if kind_of_page else (0,)
    rows, per_strip = values[_ROWS], values[_ROWS_PER_STRIP]
    if rows and (per_strip is None or per_strip > rows):
        values[_ROWS_PER_STRIP] = rows  # one strip
    return tuple(values.values())
