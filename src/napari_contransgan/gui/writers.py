"""Writer of one image layer as OME-TIFF, with nothing lost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_contransgan.gui.layers import image_from_layer_data, in_memory
from napari_contransgan.io import write_image


def write_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer with pixel size, z step, time step, position, quantity, wavelength, name and settings.

    Raises
    ------
    InputError
        If the layer's pixels are not square, or the place cannot be written.
    """
    write_image(Path(path), in_memory(image_from_layer_data(data, attributes)))
    return [path]
