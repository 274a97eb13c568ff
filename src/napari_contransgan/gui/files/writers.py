"""Write one image layer as OME-TIFF with all its metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_contransgan.gui.shared.layers import image_from_layer_data
from napari_contransgan.io import write_image


def write_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer with pixel size, z step, time step, position, quantity, wavelength, name and settings.

    A lazily loaded layer is written part by part, without loading all of it.

    Raises
    ------
    InputError
        If the layer's pixels are not square, or the place cannot be written.
    """
    write_image(Path(path), image_from_layer_data(data, attributes))
    return [path]
