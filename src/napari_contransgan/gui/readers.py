"""Reader of TIFF and OME-TIFF: pixel size, z step, units, name and quantity come along."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_contransgan.errors import InputError
from napari_contransgan.gui.layers import LayerTuple, layer_tuple
from napari_contransgan.io import Image, read_image

Paths = str | Sequence[str]

LAZY_BYTES = 512 * 2**20
"""Pixels of larger files stay in the file until they are shown or computed with."""


def get_reader(path: Paths) -> Callable[[Paths], list[LayerTuple]] | None:
    """Offer the reader for names that end in .tif or .tiff; None leaves other files to other plugins."""
    paths = [path] if isinstance(path, str) else list(path)
    if all(Path(one).suffix.lower() in (".tif", ".tiff") for one in paths):
        return read_layers
    return None


def read_layers(path: Paths) -> list[LayerTuple]:
    """Read one file as one layer, or several files that napari was told to stack as one layer of planes.

    Raises
    ------
    InputError
        If a file cannot be read, or planes to be stacked differ in shape or pixel size.
    """
    if isinstance(path, str):
        return [layer_tuple(read_image(Path(path), lazy=_is_large(Path(path))))]
    return [layer_tuple(_stacked([read_image(Path(one)) for one in path]))]


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > LAZY_BYTES


def _stacked(planes: Sequence[Image]) -> Image:
    first = planes[0]
    if len(planes) == 1:
        return first
    for plane in planes:
        if plane.axes != "YX":
            raise InputError(f"{plane.name}: has axes {plane.axes}; only single planes can be stacked: open it alone")
        if plane.data.shape != first.data.shape or plane.pixel_size_um != first.pixel_size_um:
            raise InputError(
                f"{plane.name}: its shape {plane.data.shape} or pixel size differs from {first.name} "
                f"{first.data.shape}: planes of one stack must be alike"
            )
    return replace(first, data=np.stack([plane.data for plane in planes]), axes="ZYX", name=f"{first.name} stack")
