"""Fill in the fields of a form that describe the microscope: from the file, the layer, or what was typed before."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer

from napari_contransgan.gui.shared.fields import NumberLine
from napari_contransgan.gui.shared.form import origin_of
from napari_contransgan.gui.shared.preferences import FROM_PREFERENCES, preferences
from napari_contransgan.gui.shared.remembered import recall_optics, remember_optics
from napari_contransgan.io import Image
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM

REMEMBERED = "as typed before"
OF_SCALE = "scale, if in µm"


def state_optics(fields: Mapping[str, Any], image: Image, layer: ImageLayer) -> None:
    """Fill in pixel size, plane distance, aperture, S and wavelength, and say where each number comes from.

    What neither the file nor the layer states is proposed: a pixel size from a scale without a unit, everything else as
    it was typed for the last image of the same microscope. A proposed number counts as typed. A wavelength that was not
    typed either comes from the preferences.

    Parameters
    ----------
    fields : mapping of NumberLine
        Fields by the name of their setting; those that a form lacks are left out.
    image : Image
        The layer's image.
    layer : Image layer
        The layer.
    """
    origin, before = origin_of(layer), recall_optics(image)
    stated = {
        "pixel_size_um": image.pixel_size_um,
        "dz_um": image.z_step_um,
        "numerical_aperture": image.numerical_aperture,
        "coherence": image.coherence,
        "wavelength_um": image.wavelength_um,
    }
    for name, number in stated.items():
        field = fields.get(name)
        if not isinstance(field, NumberLine):
            continue
        if number is not None:
            field.state(number, origin)
        elif name == "pixel_size_um" and (scale := _scale_without_unit(layer)) is not None:
            field.propose(scale, OF_SCALE)
        elif name in before and not (name == "dz_um" and image.z_um is not None):
            field.propose(before[name], REMEMBERED)
        elif name == "wavelength_um":
            chosen_um = preferences().wavelength_um
            field.state(chosen_um, "default" if chosen_um == DEFAULT_WAVELENGTH_UM else FROM_PREFERENCES)
        else:
            field.state(None, "")


def remember_typed(fields: Mapping[str, Any], image: Image) -> None:
    """Remember the numbers that were typed, for the next image of this microscope."""
    names = ("pixel_size_um", "dz_um", "numerical_aperture", "coherence", "wavelength_um")
    typed = {name: fields[name] for name in names if isinstance(fields.get(name), NumberLine)}
    remember_optics(image, {name: field.number for name, field in typed.items() if field.typed})


def _scale_without_unit(layer: ImageLayer) -> float | None:
    """Return the size of square pixels from a scale that somebody set without a unit."""
    units = {str(unit) for unit in layer.units[-2:]}
    y, x = (float(step) for step in layer.scale[-2:])
    return x if units == {"pixel"} and x != 1.0 and np.isclose(x, y, rtol=1e-3) else None
