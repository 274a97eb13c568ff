"""Write files like acquisition software: Micro-Manager's image stacks and NDTiff data sets."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Index = tuple[int, int, int, int]
"""Channel, plane, time point and position of a page."""

_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5


def write_micromanager(
    path: Path,
    pages: Mapping[Index, np.ndarray],
    summary: Mapping[str, Any],
    *,
    descriptions: Sequence[str] = (),
    heights_um: Mapping[Index, float] | None = None,
    pixel_size_um: float | None = None,
) -> None:
    """Write uint16 pages with an index map and a summary, as Micro-Manager's "image stack file" does.

    The first page has one ImageDescription tag for each of `descriptions`; each page has the metadata tag.
    """
    text = json.dumps({"MicroManagerVersion": "2.0.3", "MetadataVersion": 10, **summary}).encode()
    about = [_metadata(index, heights_um, pixel_size_um) for index in pages]
    body = _Body(40 + len(text))
    offsets = body.add_pages(list(pages.values()), about, descriptions)
    index_map = struct.pack("<II", 3453623, len(pages))
    for index, offset in zip(pages, offsets, strict=True):
        index_map += struct.pack("<5I", *index, offset)
    index_at = body.end
    header = struct.pack("<2sHI", b"II", 42, offsets[0])
    header += struct.pack("<8I", 54773648, index_at, 483765892, 0, 99384722, 0, 2355492, len(text)) + text
    path.write_bytes(header + body.content + index_map)


def write_ndtiff(
    folder: Path,
    pages: Mapping[tuple[tuple[str, int], ...], np.ndarray],
    summary: Mapping[str, Any],
    heights_um: Sequence[float] = (),
) -> Path:
    """Write an NDTiff data set (version 3) of one file, and give that file; axes are pairs such as ``("z", 0)``."""
    path, text = folder / "scan_NDTiffStack.tif", json.dumps(summary).encode()
    about = [json.dumps({"ZPositionUm": z}) for z in heights_um] or [json.dumps({"Binning": 1})] * len(pages)
    body = _Body(28 + len(text))
    offsets = body.add_pages(list(pages.values()), about, ())
    header = struct.pack("<2sHI5I", b"II", 42, offsets[0], 483729, 3, 3, 2355492, len(text)) + text
    path.write_bytes(header + body.content)
    index = b""
    for axes, plane, one, (data_at, text_at) in zip(pages, pages.values(), about, body.places, strict=True):
        name, keys = path.name.encode(), json.dumps(dict(axes)).encode()
        index += struct.pack("<I", len(keys)) + keys + struct.pack("<I", len(name)) + name
        index += struct.pack("<8I", data_at, plane.shape[1], plane.shape[0], 1, 0, text_at, len(one), 0)
    (folder / "NDTiff.index").write_bytes(index)
    return path


class _Body:
    """Return pages one after another: directory, pixels, and the data of the tags."""

    def __init__(self, start: int) -> None:
        self.start, self.content = start, b""
        self.places: list[tuple[int, int]] = []

    @property
    def end(self) -> int:
        return self.start + len(self.content)

    def add_pages(self, planes: Sequence[np.ndarray], about: Sequence[str], descriptions: Sequence[str]) -> list[int]:
        offsets = []
        for number, (plane, text) in enumerate(zip(planes, about, strict=True)):
            offsets.append(self.end)
            is_last = number == len(planes) - 1
            self.content += self._page(plane, text, descriptions if number == 0 else (), is_last)
        return offsets

    def _page(self, plane: np.ndarray, text: str, descriptions: Sequence[str], is_last: bool) -> bytes:
        pixels = plane.astype("<u2").tobytes()
        data_at = self.end + 2 + 12 * (13 + len(descriptions)) + 4
        extra_at = data_at + len(pixels)
        extra = b""
        entries = []

        def put(tag: int, kind: int, count: int, value: bytes) -> None:
            nonlocal extra
            if len(value) > 4:
                entries.append(struct.pack("<HHII", tag, kind, count, extra_at + len(extra)))
                extra += value + b"\0" * (len(value) % 2)
            else:
                entries.append(struct.pack("<HHI4s", tag, kind, count, value.ljust(4, b"\0")))

        def number(tag: int, value: int, kind: int = _LONG) -> None:
            put(tag, kind, 1, struct.pack("<I" if kind == _LONG else "<H", value))

        rows, columns = plane.shape
        for tag, value in ((256, columns), (257, rows)):
            number(tag, value)
        for tag, value in ((258, 16), (259, 1), (262, 1)):
            number(tag, value, _SHORT)
        for description in descriptions:
            encoded = description.encode() + b"\0"
            put(270, _ASCII, len(encoded), encoded)
        number(273, data_at)
        number(277, 1, _SHORT)
        number(278, rows)
        number(279, len(pixels))
        put(282, _RATIONAL, 1, struct.pack("<II", 1, 1))
        put(283, _RATIONAL, 1, struct.pack("<II", 1, 1))
        number(296, 1, _SHORT)
        text_at = extra_at + len(extra)
        encoded = text.encode() + b"\0"
        put(51123, _ASCII, len(encoded), encoded)
        self.places.append((data_at, text_at))
        following = 0 if is_last else extra_at + len(extra)
        return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following) + pixels + extra


def _metadata(index: Index, heights_um: Mapping[Index, float] | None, pixel_size_um: float | None) -> str:
    channel, plane, time, position = index
    values: dict[str, Any] = {"ChannelIndex": channel, "Slice": plane, "Frame": time, "PositionIndex": position}
    if heights_um is not None:
        values["ZPositionUm"] = heights_um[index]
    if pixel_size_um is not None:
        values["PixelSizeUm"] = pixel_size_um
    return json.dumps(values)
