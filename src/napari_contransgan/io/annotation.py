"""What our own files say beyond OME: quantity, wavelength, heights and settings."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from napari_contransgan.errors import InputError
from napari_contransgan.io.image import NAMESPACE, QUANTITY_UNITS, Image


def own_annotation(path: Path, root: ElementTree.Element) -> dict[str, Any] | None:
    """Return the content of our annotation in an OME description; None if there is none.

    Raises
    ------
    InputError
        If the annotation is damaged.
    """
    for annotation in root.iterfind("{*}StructuredAnnotations/{*}MapAnnotation"):
        if annotation.get("Namespace") == NAMESPACE:
            text = next((item.text for item in annotation.iter() if item.get("K") == "image"), None)
            try:
                values: dict[str, Any] = json.loads(text or "")
            except (ValueError, RecursionError) as error:
                raise InputError(f"its {NAMESPACE} annotation is damaged: export it again", source=path) from error
            return values
    return None


def own_values(image: Image, shape: Sequence[int]) -> dict[str, Any]:
    """Return what OME has no place for: name, optics, quantity, heights, dark level and settings."""
    return {
        "axes": image.axes,
        "shape": tuple(shape),
        "quantity": image.quantity,
        "wavelength_um": image.wavelength_um,
        "name": image.name,
        "settings": dict(image.settings),
        "numerical_aperture": image.numerical_aperture,
        "coherence": image.coherence,
        "z_falls": image.z_falls,
        "z_um": image.z_um,
        "dark_counts": image.dark_counts,
    }


def restored(path: Path, image: Image, own: Mapping[str, Any]) -> Image:
    """Restore the properties that OME has no place for, and the axes of length one.

    Raises
    ------
    InputError
        If the annotation is damaged or was written by a later version.
    """
    try:
        axes, shape = own["axes"], own["shape"]
        lengths = dict(zip(axes, shape, strict=True))
        z_um = None if own.get("z_um") is None else tuple(map(_finite, own["z_um"]))
        if len(lengths) < len(axes) or set(axes) - set("TZCYXS") or (z_um and len(z_um) != lengths.get("Z")):
            raise ValueError(f"{axes} {shape} {z_um}")
        if image.axes == "".join(a for a in axes if a in "YX" or lengths[a] > 1):
            places = tuple(slice(None) if letter in image.axes else None for letter in axes)
            image = replace(image, data=image.data[places], axes=axes)
        image = replace(
            image,
            wavelength_um=_positive(own["wavelength_um"]),
            name=str(own["name"]).encode(errors="replace").decode(),  # JSON can hold half a character
            settings=dict(own["settings"]),
            numerical_aperture=_positive(own.get("numerical_aperture")),
            coherence=_positive(own.get("coherence")),
            z_falls=bool(own.get("z_falls", False)),
            z_um=z_um,
            dark_counts=None if own.get("dark_counts") is None else _finite(own["dark_counts"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"its {NAMESPACE} annotation is damaged: export it again", source=path) from error
    quantity = own.get("quantity", "intensity")
    if quantity not in QUANTITY_UNITS:
        raise InputError(
            f"holds the quantity {quantity!r}, which this version does not know: update napari-contransgan", source=path
        )
    dtype = image.data.dtype
    if quantity != "intensity" and dtype.kind != "f":
        unit = QUANTITY_UNITS[quantity]
        raise InputError(
            f"is marked as {quantity} but holds {dtype} numbers instead of {unit}: export it again", source=path
        )
    return replace(image, quantity=quantity)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    return number


def _positive(value: Any) -> float | None:
    if value is not None and _finite(value) <= 0:
        raise ValueError(f"{value} is not above 0")
    return None if value is None else _finite(value)
