"""Read the structured annotation of our own OME-TIFFs: quantity, wavelength, heights and settings."""

import json
from collections.abc import Mapping
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
            except json.JSONDecodeError as error:
                raise InputError(f"its {NAMESPACE} annotation is damaged: export it again", source=path) from error
            return values
    return None


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


def _optional_float(value: Any) -> float | None:
    return None if value is None else float(value)
