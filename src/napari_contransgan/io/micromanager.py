"""Read pixel size, plane heights and times from Micro-Manager's own metadata if no OME description states them."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import tifffile

from napari_contransgan.io.heights import Positions, settle_heights
from napari_contransgan.io.image import Image
from napari_contransgan.io.pages import Found, Page, leading_axes
from napari_contransgan.io.units import number_in, positive

_METADATA_TAG = 51123


def with_micromanager(image: Image, tif: tifffile.TiffFile, found: Found) -> Image:
    """Add the properties from the data set's summary and the first stack's planes that the image does not have yet.

    Parameters
    ----------
    image : Image
        Its pixels and axes, and the properties from other descriptions.
    tif : TiffFile
        The file, open.
    found : Found
        The image's pages.
    """
    summary: Mapping[str, Any] = (tif.micromanager_metadata or {}).get("Summary") or {}
    planes = _planes(tif, found) if image.pixel_size_um is None or image.z_step_um is None else []
    pixel_size_um = image.pixel_size_um or _first(summary, "PixelSize_um", "PixelSizeUm")
    if pixel_size_um is None and planes:
        pixel_size_um = _first(planes[0], "PixelSizeUm", "PixelSize_um")
    if "Z" in image.axes and image.z_step_um is None and image.z_um is None:
        heights_um = tuple(number_in(plane.get("ZPositionUm")) for plane in planes)
        count = image.data.shape[image.axes.index("Z")]
        known = tuple(z for z in heights_um if z is not None)
        positions = Positions((known,), is_um=True) if len(known) == count else None
        heights = settle_heights(number_in(summary.get("z-step_um")), positions)
        image = replace(
            image,
            z_step_um=heights.z_step_um,
            z_um=heights.z_um,
            z_falls=heights.z_falls,
            notes=(*image.notes, *heights.notes),
        )
    interval_ms = positive(number_in(summary.get("Interval_ms")))
    if "T" in image.axes and image.time_step_s is None and interval_ms is not None:
        image = replace(image, time_step_s=interval_ms / 1000)
    return replace(image, pixel_size_um=pixel_size_um)


def _first(values: Mapping[str, Any], *names: str) -> float | None:
    return next((size for name in names if (size := positive(number_in(values.get(name)))) is not None), None)


def _planes(tif: tifffile.TiffFile, found: Found) -> list[Mapping[str, Any]]:
    """Read the metadata of the planes of the first time point and channel."""
    series = found.series[0]
    if series.kind == "ndtiff":
        return _indexed_planes(tif)
    stride = 1
    counted = [*zip(found.axes, found.shape, strict=True)][: leading_axes(found.axes)]
    for letter, length in reversed(counted):
        if letter == "Z":
            return [_tagged(tif, page) for page in found.pages[: stride * length : stride]]
        stride *= length
    return [_tagged(tif, found.pages[0])]


def _tagged(tif: tifffile.TiffFile, page: Page | None) -> Mapping[str, Any]:
    if page is None or page.parent is not tif:
        return {}
    tif.filehandle.seek(page.offset)
    value = tifffile.TiffPage(tif, 0).tags.valueof(_METADATA_TAG)
    return value if isinstance(value, Mapping) else {}


def _indexed_planes(tif: tifffile.TiffFile) -> list[Mapping[str, Any]]:
    """Read the metadata of the planes of an NDTiff data set's first time point, channel and position."""
    folder = Path(tif.filehandle.dirname)
    found: dict[Any, Mapping[str, Any]] = {}
    elsewhere: dict[str, Any] | None = None
    for axes, name, *_, start, length, compression in tifffile.read_ndtiff_index(folder / "NDTiff.index"):
        others = {axis: index for axis, index in axes.items() if axis != "z"}
        elsewhere = others if elsewhere is None else elsewhere
        if others != elsewhere or compression != 0:
            continue
        with suppress(OSError, ValueError), (folder / name).open("rb") as handle:
            handle.seek(start)
            found[axes.get("z", 0)] = json.loads(handle.read(length))
    return [found[index] for index in sorted(found)]
