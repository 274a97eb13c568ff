"""Read TIFF, OME-TIFF, OME-Zarr and folders of planes with their pixel size, z step, units, name and quantity."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_info, show_warning

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import LayerTuple, layer_tuple
from napari_contransgan.io import Image, find_images, natural_order, read_image, read_positions
from napari_contransgan.io.inputs import is_folder

Paths = str | Sequence[str]

NAMED = 10
"""Number of a stack's files that are listed by name."""

LAZY_BYTES = 512 * 2**20
"""Pixels of larger files are read only when they are shown or used."""


def get_reader(path: Paths) -> Callable[[Paths], list[LayerTuple]] | None:
    """Return the reader for TIFF files, OME-Zarr images and folders that hold some, and None for anything else."""
    paths = [path] if isinstance(path, str) else list(path)
    return read_layers if all(_is_readable(Path(one)) for one in paths) else None


def _is_readable(path: Path) -> bool:
    if not is_folder(path):
        return path.is_dir() or path.suffix.lower() in (".tif", ".tiff")
    try:
        return bool(find_images(path))
    except InputError:
        return False


def read_layers(path: Paths) -> list[LayerTuple]:
    """Read one image as one layer per stage position, or stack several files into one layer of planes.

    The images of a folder are stacked too. The order is the natural one, ``img_2`` before ``img_10``. It is shown, as
    are any doubts about a file.

    Raises
    ------
    InputError
        If a file cannot be read, or planes to be stacked differ in shape or pixel size.
    """
    if isinstance(path, str) and not is_folder(Path(path)):
        images = read_positions(Path(path), lazy=_is_large(Path(path)))
    else:
        planes = find_images(Path(path)) if isinstance(path, str) else natural_order(map(Path, path))
        images = [_stacked([read_image(one) for one in planes])]
    for note in dict.fromkeys(f"{note} ({image.name})" for image in images for note in image.notes):
        show_warning(note)
    return [layer_tuple(image) for image in images]


def _is_large(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and path.stat().st_size > LAZY_BYTES)


def _stacked(planes: Sequence[Image]) -> Image:
    first = planes[0]
    if len(planes) == 1:
        return first
    for plane in planes:
        if plane.axes != "YX":
            raise InputError(
                f"{plane.name}: has axes {plane.axes}, and only single planes can be stacked: open it on its own"
            )
        if plane.data.shape != first.data.shape or plane.pixel_size_um != first.pixel_size_um:
            raise InputError(
                f"{plane.name}: its shape {plane.data.shape} or pixel size differs from {first.name} "
                f"{first.data.shape}: open planes of the same shape and pixel size"
            )
    show_info(f"Stacked in this order: {_listed([plane.name for plane in planes])}")
    notes = dict.fromkeys(note for plane in planes for note in plane.notes)
    data = np.stack([plane.data for plane in planes])
    return replace(first, data=data, axes="ZYX", name=f"{first.name} stack", notes=tuple(notes))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names if len(names) <= NAMED else [*names[: NAMED - 2], "...", names[-1]])
