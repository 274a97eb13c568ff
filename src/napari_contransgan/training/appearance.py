"""Describe a run's images in plain words with units, and point out signs that they are the wrong ones."""

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_contransgan.io import Image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.training.place import Place, place_of

FAR_APART = 10.0
"""Pixel sizes of one kind that differ by this factor are reported as a doubt."""


@dataclass(frozen=True)
class Appearance:
    """Properties of one image that was read.

    Parameters
    ----------
    shape_yx : (int, int)
        On the model's grid.
    pixel_size_um : float
        As the file states it.
    lowest, highest : float
        Its values, in counts or radians.
    dtype : str
        As the file holds them.
    checksum : int
        Of its values as float32.
    place : Place or None
        Its field of view and position.
    """

    shape_yx: tuple[int, int]
    pixel_size_um: float
    lowest: float
    highest: float
    dtype: str
    checksum: int
    place: Place | None = None


def appearance_of(image: Image, shape_yx: tuple[int, int]) -> Appearance:
    """Return the properties of an image of known size on the model's grid."""
    values = np.ascontiguousarray(image.data, np.float32)
    return Appearance(
        shape_yx=shape_yx,
        pixel_size_um=image.pixel_size_um or math.nan,
        lowest=float(values.min()),
        highest=float(values.max()),
        dtype=str(image.data.dtype),
        checksum=zlib.crc32(values.data),
        place=place_of(image),
    )


def described(kind: str, images: Sequence[Appearance]) -> str:
    """Describe the images of a kind, ``"lr"`` or ``"phase"``, in one line; return an empty text if there are none."""
    if not images:
        return ""
    name, unit = ("low-resolution images", "counts") if kind == "lr" else ("phase maps", "rad")
    sides = [side for image in images for side in image.shape_yx]
    lowest, highest = min(image.lowest for image in images), max(image.highest for image in images)
    return (
        f"{name}: sides of {_range(sides)} px on the grid of {MODEL_PIXEL_SIZE_UM:g} um, "
        f"pixels of {_range(image.pixel_size_um for image in images)} um, "
        f"{_number(lowest)} to {_number(highest)} {unit} ({', '.join(sorted({_bits(one.dtype) for one in images}))})"
    )


def doubts(lr: Sequence[Appearance], phase: Sequence[Appearance]) -> tuple[str, ...]:
    """List probable mistakes: swapped or identical folders, empty phase maps, widely differing pixel sizes."""
    found = []
    same = len({image.checksum for image in lr} & {image.checksum for image in phase})
    if same:
        they = "1 image is" if same == 1 else f"{same} images are"
        found.append(f"{they} in both the low-resolution and the phase folders: check the folders")
    if lr and phase and all(i.lowest < 0 for i in lr) and all(i.lowest > 0 for i in phase):
        found.append(
            "the folders look swapped: all low-resolution images go below 0, as phase does, and no phase map does"
        )
    if phase and all(image.lowest == image.highest for image in phase):
        found.append("every phase map is empty: there is nothing to learn from them")
    for name, images in (("low-resolution images", lr), ("phase maps", phase)):
        sizes = [image.pixel_size_um for image in images]
        if sizes and max(sizes) > FAR_APART * min(sizes):
            found.append(f"pixel sizes of the {name} differ widely, {_range(sizes)} um: check the values in the files")
    return tuple(found)


def _range(values: Iterable[float]) -> str:
    numbers = sorted(values)
    low, high = _number(numbers[0]), _number(numbers[-1])
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _bits(dtype: str) -> str:
    kind: np.dtype[Any] = np.dtype(dtype)
    return f"{8 * kind.itemsize} bit{' float' if kind.kind == 'f' else ''}"
