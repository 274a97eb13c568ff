"""Reader of TIFF and OME-TIFF: pixel size, z step, units, name and quantity come along."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_info, show_warning

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import LayerTuple, layer_tuple
from napari_contransgan.io import Image, natural_order, read_image, read_positions

Paths = str | Sequence[str]

NAMED = 10
"""So many files of a stack are named."""

LAZY_BYTES = 512 * 2**20
"""Pixels of larger files stay in the file until they are shown or computed with."""


def get_reader(path: Paths) -> Callable[[Paths], list[LayerTuple]] | None:
    """Offer the reader for names that end in .tif or .tiff; None leaves other files to other plugins."""
    paths = [path] if isinstance(path, str) else list(path)
    if all(Path(one).suffix.lower() in (".tif", ".tiff") for one in paths):
        return read_layers
    return None


def read_layers(path: Paths) -> list[LayerTuple]:
    """Read one file as one layer for each stage position, or several files, to be stacked, as one layer of planes.

    Files are stacked in natural order, ``img_2`` before ``img_10``, which is shown. So is what a file leaves doubtful.

    Raises
    ------
    InputError
        If a file cannot be read, or planes to be stacked differ in shape or pixel size.
    """
    if isinstance(path, str):
        images = read_positions(Path(path), lazy=_is_large(Path(path)))
    else:
        images = [_stacked([read_image(one) for one in natural_order(map(Path, path))])]
    for note in dict.fromkeys(f"{note} ({image.name})" for image in images for note in image.notes):
        show_warning(note)
    return [layer_tuple(image) for image in images]


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
    show_info(f"Stacked in this order: {_listed([plane.name for plane in planes])}")
    notes = dict.fromkeys(note for plane in planes for note in plane.notes)
    data = np.stack([plane.data for plane in planes])
    return replace(first, data=data, axes="ZYX", name=f"{first.name} stack", notes=tuple(notes))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names if len(names) <= NAMED else [*names[: NAMED - 2], "...", names[-1]])
