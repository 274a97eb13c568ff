"""Read pixel size, z step, time step and position from ImageJ's description and the resolution tags."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io.heights import settle_heights
from napari_contransgan.io.image import Image
from napari_contransgan.io.units import in_s, in_um, number_in, positive

COARSEST_TAGGED_PIXEL_UM = 20.0
FINEST_PIXEL_UM = 0.005
UM_PER_INCH = 25400.0
LARGEST_PRINTED_DPI = 9600

PLACEHOLDER_UM = 1.0
PLACEHOLDERS = (
    "The file states {what} of exactly 1 µm, which software writes when it does not know them: "
    "these values were not used, so state the real ones."
)
PLACEHOLDER_PIXEL = (
    "The file states a pixel size of exactly 1 µm, which software writes when it does not know it: check it."
)


def description_of(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return ImageJ's description, or tifffile's own; an empty mapping if there is none."""
    text: Mapping[str, Any] = tif.imagej_metadata or (tif.shaped_metadata or ({},))[0]
    return text


def with_tags(path: Path, image: Image, tif: tifffile.TiffFile) -> Image:
    """Add the properties in ImageJ's description and the resolution tags.

    Raises
    ------
    InputError
        If the pixels are not square.
    """
    text = description_of(tif)
    pixel_size_um = tagged_pixel_size(path, tif)
    spacing = number_in(text.get("spacing")) if "Z" in image.axes else None
    step_um = in_um(spacing, _text(text, "zunit") or _text(text, "unit"))
    notes: tuple[str, ...] = ()
    if pixel_size_um is None and step_um == PLACEHOLDER_UM:
        step_um, notes = None, (PLACEHOLDERS.format(what="a plane distance"),)
    heights = settle_heights(step_um, None)
    interval = number_in(text.get("finterval")) if "T" in image.axes else None
    x_px, y_px = number_in(text.get("xorigin")) or 0.0, number_in(text.get("yorigin")) or 0.0
    return replace(
        image,
        pixel_size_um=pixel_size_um,
        z_step_um=heights.z_step_um,
        z_falls=heights.z_falls,
        time_step_s=positive(in_s(interval, _text(text, "tunit") or "s")),
        origin_yx_um=(0.0 - y_px * (pixel_size_um or 0.0), 0.0 - x_px * (pixel_size_um or 0.0)),
        notes=(*image.notes, *notes),
    )


def tagged_pixel_size(path: Path, tif: tifffile.TiffFile) -> float | None:
    """Return the pixel size from ImageJ's description and the resolution tags.

    The resolution of a printer, a scanner or a screen is not used, and neither is the placeholder 1/1.

    Raises
    ------
    InputError
        If the pixels are not square.
    """
    text = description_of(tif)
    unit = _text(text, "unit")
    x_um = _tagged_um(tif, "XResolution", unit)
    y_um = _tagged_um(tif, "YResolution", _text(text, "yunit") or unit)
    return square(path, x_um, y_um)


def square(path: Path, x_um: float | None, y_um: float | None) -> float | None:
    """Return the size of square pixels, or None if a side is not stated.

    Raises
    ------
    InputError
        If the sides differ.
    """
    x_um, y_um = positive(x_um), positive(y_um)
    if x_um is None or y_um is None:
        return None
    if not math.isclose(x_um, y_um, rel_tol=1e-3):
        raise InputError(f"its pixels are not square ({x_um:g} x {y_um:g} um): resample the image first", source=path)
    return x_um


def _text(text: Mapping[str, Any], key: str) -> str | None:
    return str(text.get(key, "")).strip() or None


def _tagged_um(tif: tifffile.TiffFile, name: str, stated_unit: str | None) -> float | None:
    tags = tif.pages.first.tags
    numerator, denominator = tags.valueof(name, (1, 1))
    if numerator == 0 or (numerator, denominator) == (1, 1):
        return None
    size = denominator / numerator
    tag_unit = {2: "inch", 3: "cm"}.get(int(tags.valueof("ResolutionUnit", 1)))
    size_um = in_um(size, stated_unit or tag_unit)
    if stated_unit and tag_unit and size_um is not None and size_um < FINEST_PIXEL_UM:
        # ImageJ's unit is for display; the tags have their own: 50,000 pixels per cm are 0.2 um, not 1/50,000 um
        stated_unit, size_um = None, in_um(size, tag_unit)
    if size_um is None or _is_printed(size_um, stated_unit or tag_unit):
        return None
    return float(f"{size_um:.6g}")  # the tag has about six significant digits: 0.65, not 0.64999987


def _is_printed(size_um: float, unit: str | None) -> bool:
    """Return whether a size in inches or centimetres is that of a printer, a scanner or a screen."""
    if (unit or "").lower() not in ("inch", "inches", "in", "cm"):
        return False
    dpi = UM_PER_INCH / size_um
    is_round = math.isclose(dpi, 100 * round(dpi / 100), rel_tol=1e-4)
    return size_um > COARSEST_TAGGED_PIXEL_UM or (round(dpi) <= LARGEST_PRINTED_DPI and is_round)
