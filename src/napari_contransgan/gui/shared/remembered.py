"""What the user typed before, kept in one small file: the optics of each microscope, and the values of each form."""

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from napari_contransgan.io import Image
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.plain_files import plain_json, read_text

MOST_MICROSCOPES = 50

_log = logging.getLogger(__name__)


def recall_optics(image: Image) -> dict[str, float]:
    """Return the numbers that were typed for earlier images of the same microscope.

    Images belong to one microscope if they state the same pixel size and aperture; images that state no pixel size, if
    they have the same number of pixels.

    Parameters
    ----------
    image : Image
        Image whose file or layer does not state everything.

    Returns
    -------
    dict
        Numbers by the name of their setting, such as ``"wavelength_um"``.
    """
    microscopes = _read().get("microscopes")
    known = microscopes.get(_key(image)) if isinstance(microscopes, dict) else None
    if not isinstance(known, dict):
        return {}
    return {name: float(number) for name, number in known.items() if _is_number(number)}


def remember_optics(image: Image, numbers: Mapping[str, float]) -> None:
    """Remember numbers that were typed for an image; if they cannot be written, only log it.

    A typed pixel size leads from images that state none to those of that pixel size, so these get the numbers too.
    """
    if not numbers:
        return
    everything = _read()
    microscopes = everything.get("microscopes")
    microscopes = dict(microscopes) if isinstance(microscopes, dict) else {}
    keys = {_key(image)}
    if image.pixel_size_um is None and "pixel_size_um" in numbers:
        keys.add(_key(image, numbers["pixel_size_um"]))
    for key in keys:
        known = microscopes.pop(key, {})
        microscopes[key] = (known if isinstance(known, dict) else {}) | dict(numbers)  # the latest is the last
    _write(everything | {"microscopes": dict(list(microscopes.items())[-MOST_MICROSCOPES:])})


def recall_form(name: str) -> dict[str, Any]:
    """Return the values that a form had when it was used last."""
    forms = _read().get("forms", {})
    values = forms.get(name, {}) if isinstance(forms, dict) else {}
    return dict(values) if isinstance(values, dict) else {}


def remember_form(name: str, values: Mapping[str, Any]) -> None:
    """Remember the values of a form, which must be what JSON can hold; if they cannot be written, only log it."""
    everything = _read()
    forms = everything.get("forms")
    _write(everything | {"forms": (forms if isinstance(forms, dict) else {}) | {name: dict(values)}})


def _key(image: Image, pixel_size_um: float | None = None) -> str:
    pixel_size_um = image.pixel_size_um if pixel_size_um is None else pixel_size_um
    if pixel_size_um is None:
        y_axis = image.axes.index("Y")
        return f"{image.data.shape[y_axis]} x {image.data.shape[y_axis + 1]} px"
    aperture = "" if image.numerical_aperture is None else f", NA {image.numerical_aperture:.3g}"
    return f"{pixel_size_um:.3g} um{aperture}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _file() -> Path:
    return user_data_path("napari-contransgan", appauthor=False) / "window.json"


def _read() -> dict[str, Any]:
    try:
        found = plain_json(read_text(_file()))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(everything: Mapping[str, Any]) -> None:
    try:
        write_atomically(_file(), json.dumps(everything, indent=1).encode())
    except OSError as error:
        _log.warning("%s: cannot be written, so the window will not remember its settings: %s", _file(), error)
