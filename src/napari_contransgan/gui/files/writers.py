"""Write one image layer as OME-TIFF or OME-Zarr with all its metadata."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import image_from_layer_data
from napari_contransgan.gui.shared.saving import with_ending
from napari_contransgan.io import write_image


def write_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer with pixel size, z step, time step, position, quantity, wavelength, name and settings.

    A lazily loaded layer is written part by part, without loading all of it. A name without an ending, such as napari
    suggests, gets ``.ome.tif``.

    Raises
    ------
    InputError
        If the layer's pixels are not square, the place cannot be written, or the name with the ending added, which
        nobody was asked about, is that of another file.
    """
    target = with_ending(Path(path))
    if target != Path(path) and target.exists():
        raise InputError("is there already: type the whole name to replace it, or choose another", source=target)
    write_image(target, image_from_layer_data(data, attributes))
    return [str(target)]
