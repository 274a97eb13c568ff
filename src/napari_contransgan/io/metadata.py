"""Pixel size, z step, time step and position out of OME-XML, ImageJ descriptions and resolution tags."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io.image import NAMESPACE, QUANTITY_UNITS, Image

COARSEST_TAGGED_PIXEL_UM = 20.0
LARGEST_APERTURE = 1.7
EVEN_SPACING = 0.02
"""Share of the step by which each distance of evenly spaced planes may differ from it."""

_UM_PER_UNIT = {
    **dict.fromkeys(("µm", "μm", "um", "\\u00b5m", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("inch", "in"), 25400.0),
    "pm": 1e-6,
    "m": 1e6,
}
_S_PER_UNIT = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}


def with_ome(path: Path, image: Image, tif: tifffile.TiffFile) -> Image:
    """Add what the OME-XML says; of the channels' wavelengths nothing, since they are fluorescence's."""
    root = ElementTree.fromstring(tif.ome_metadata or "")  # noqa: S314 (tifffile has parsed the same text already)
    pixels = root.find("{*}Image/{*}Pixels")
    if pixels is None:
        raise InputError(f"{path}: its OME description holds no image: export it again")
    plane = pixels.find("{*}Plane")

    def length_um(element: ElementTree.Element | None, name: str, default_unit: str | None) -> float | None:
        value = _number(element.get(name)) if element is not None else None
        unit = element.get(name + "Unit", default_unit) if element is not None else None
        return None if value is None else _in_um(value, unit)

    x_um, y_um = length_um(pixels, "PhysicalSizeX", "µm"), length_um(pixels, "PhysicalSizeY", "µm")
    z_um = _positive(length_um(pixels, "PhysicalSizeZ", "µm"))
    seconds = _number(pixels.get("TimeIncrement"))
    per_second = _S_PER_UNIT.get(pixels.get("TimeIncrementUnit", "s"))
    time_s = _positive(seconds * per_second) if seconds is not None and per_second is not None else None
    # OME's default unit of a position is "reference frame", which is no length
    position = length_um(plane, "PositionY", None), length_um(plane, "PositionX", None)
    own = _own_annotation(path, root)
    planes_step_um, z_falls = _plane_heights(pixels)
    image = replace(
        image,
        pixel_size_um=_square(path, x_um, y_um) or with_tags(path, image, tif).pixel_size_um,
        z_step_um=(z_um or planes_step_um) if own or "Z" in image.axes else None,
        time_step_s=time_s if own or "T" in image.axes else None,
        origin_yx_um=(0.0, 0.0) if position[0] is None or position[1] is None else (position[0], position[1]),
        numerical_aperture=_aperture(root),
        z_falls=z_falls and "Z" in image.axes,
    )
    return _restored(path, image, own) if own else image


def _aperture(root: ElementTree.Element) -> float | None:
    """Numerical aperture of the objective that the first image refers to."""
    settings = root.find("{*}Image/{*}ObjectiveSettings")
    wanted = None if settings is None else settings.get("ID")
    for objective in root.iterfind("{*}Instrument/{*}Objective"):
        if wanted is not None and objective.get("ID") == wanted:
            aperture = _positive(_number(objective.get("LensNA")))
            return aperture if aperture is not None and aperture < LARGEST_APERTURE else None
    return None


def _plane_heights(pixels: ElementTree.Element) -> tuple[float | None, bool]:
    """Even distance of the planes in um by their stated positions, and whether these fall from plane to plane.

    Every time point and channel that states all its positions must say the same.
    """
    heights: dict[tuple[str | None, str | None], dict[int, float]] = {}
    units = set()
    for plane in pixels.iterfind("{*}Plane"):
        index, z = _number(plane.get("TheZ")), _number(plane.get("PositionZ"))
        if index is not None and z is not None:
            heights.setdefault((plane.get("TheT"), plane.get("TheC")), {})[int(index)] = z
            units.add(plane.get("PositionZUnit"))
    count = _number(pixels.get("SizeZ"))
    stacks = [[z for _, z in sorted(stack.items())] for stack in heights.values() if len(stack) == count]
    if not stacks or count == 1 or len(units) > 1:
        return None, False
    distances = [upper - lower for stack in stacks for lower, upper in pairwise(stack)]
    falls = all(distance < 0 for distance in distances)
    if not falls and not all(distance > 0 for distance in distances):
        return None, False
    step = sum(distances) / len(distances)
    is_even = math.isfinite(step) and all(abs(distance - step) <= EVEN_SPACING * abs(step) for distance in distances)
    return (_positive(_in_um(float(f"{abs(step):.6g}"), units.pop())) if is_even else None), falls


def _own_annotation(path: Path, root: ElementTree.Element) -> dict[str, Any] | None:
    for annotation in root.iterfind("{*}StructuredAnnotations/{*}MapAnnotation"):
        if annotation.get("Namespace") == NAMESPACE:
            text = next((item.text for item in annotation.iter() if item.get("K") == "image"), None)
            try:
                values: dict[str, Any] = json.loads(text or "")
            except json.JSONDecodeError as error:
                raise InputError(f"{path}: its {NAMESPACE} annotation is damaged: export it again") from error
            return values
    return None


def _restored(path: Path, image: Image, own: Mapping[str, Any]) -> Image:
    """Take back what OME has no place for, and the axes of length one."""
    try:
        axes, shape = own["axes"], own["shape"]
        lengths = dict(zip(axes, shape, strict=True))
        if image.axes == "".join(a for a in axes if a in "YX" or lengths[a] > 1):
            places = tuple(slice(None) if letter in image.axes else None for letter in axes)
            image = replace(image, data=image.data[places], axes=axes)
        image = replace(
            image,
            wavelength_um=_optional_float(own["wavelength_um"]),
            name=str(own["name"]),
            settings=dict(own["settings"]),
            numerical_aperture=_optional_float(own.get("numerical_aperture")),
            coherence=_optional_float(own.get("coherence")),
            z_falls=bool(own.get("z_falls", False)),
            z_um=None if own.get("z_um") is None else tuple(float(z) for z in own["z_um"]),
            dark_counts=_optional_float(own.get("dark_counts")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: its {NAMESPACE} annotation is damaged: export it again") from error
    quantity = own.get("quantity", "intensity")
    if quantity not in QUANTITY_UNITS:
        raise InputError(f"{path}: holds the quantity {quantity!r}, unknown to this version: update napari-contransgan")
    dtype = image.data.dtype
    if quantity != "intensity" and dtype.kind != "f":
        unit = QUANTITY_UNITS[quantity]
        raise InputError(f"{path}: says {quantity} but holds {dtype} numbers, not {unit}: export it again")
    return replace(image, quantity=quantity)


def _optional_float(value: Any) -> float | None:
    return None if value is None else float(value)


def with_tags(path: Path, image: Image, tif: tifffile.TiffFile) -> Image:
    """Add what ImageJ's description and the resolution tags say."""
    text: Mapping[str, Any] = tif.imagej_metadata or (tif.shaped_metadata or ({},))[0]
    tags = tif.pages.first.tags
    unit = str(text.get("unit", "")).strip() or None
    if unit is None:
        unit = {2: "inch", 3: "cm"}.get(int(tags.valueof("ResolutionUnit", 1)))

    def pixel_um(name: str) -> float | None:
        numerator, denominator = tags.valueof(name, (1, 1))
        unset = numerator == 0 or (numerator, denominator) == (1, 1)  # 1/1 is what software writes that knows none
        size_um = None if unset else _in_um(denominator / numerator, unit)
        if size_um is None or (unit in ("inch", "in", "cm") and size_um > COARSEST_TAGGED_PIXEL_UM):
            return None
        return float(f"{size_um:.6g}")  # the tag holds about six digits: 0.65, not 0.64999987

    pixel_size_um = _square(path, pixel_um("XResolution"), pixel_um("YResolution"))
    spacing = _number(text.get("spacing")) if "Z" in image.axes else None
    interval = _number(text.get("finterval")) if "T" in image.axes else None
    x_px, y_px = _number(text.get("xorigin")) or 0.0, _number(text.get("yorigin")) or 0.0
    return replace(
        image,
        pixel_size_um=pixel_size_um,
        z_step_um=_positive(_in_um(spacing, unit)) if spacing is not None else None,
        time_step_s=_positive(interval),
        origin_yx_um=(0.0 - y_px * (pixel_size_um or 0.0), 0.0 - x_px * (pixel_size_um or 0.0)),
    )


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _in_um(value: float, unit: str | None) -> float | None:
    factor = _UM_PER_UNIT.get((unit or "").strip().lower())
    if factor is None:
        return None
    return value if factor == 1 else float(f"{value * factor:.12g}")


def _square(path: Path, x_um: float | None, y_um: float | None) -> float | None:
    x_um, y_um = _positive(x_um), _positive(y_um)
    if x_um is None or y_um is None:
        return None
    if not math.isclose(x_um, y_um, rel_tol=1e-3):
        raise InputError(f"{path}: its pixels are not square ({x_um:g} x {y_um:g} um): resample the image first")
    return x_um
