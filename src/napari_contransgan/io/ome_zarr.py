"""Read OME-Zarr 0.4 and 0.5: the full resolution of an image, with its axes, scale, units and position."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.annotation import restored
from napari_contransgan.io.damage import check_memory
from napari_contransgan.io.heights import settle_heights
from napari_contransgan.io.image import NAMESPACE, Image
from napari_contransgan.io.lazy import CHANGED, CHUNK_PX, arranged, computed, dask_array, standard_axes, whole_units
from napari_contransgan.io.names import image_stem
from napari_contransgan.io.tags import PLACEHOLDER_PIXEL, PLACEHOLDER_UM, PLACEHOLDERS, square
from napari_contransgan.io.units import in_s, in_um, positive
from napari_contransgan.io.zarr_store import (
    DAMAGED,
    attributes_of,
    open_array,
    stamp_of,
    zarr_failures_explained,
    zarr_package,
)

MOST_CHUNKS = 10_000_000
COUNTED_CHUNKS = 200_000
"""Number of chunks up to which missing ones are counted when an image is opened."""

_LETTER_OF_TYPE = {"time": "T", "channel": "C"}


@dataclass(frozen=True)
class _Level:
    """The full resolution of an image.

    Parameters
    ----------
    path : Path
        The image, for messages.
    folder : Path
        Folder of the array.
    axes : str
        Axis letters in the file's order; ``?`` for an axis that has no meaning here.
    names : tuple of str
        Their names in the file.
    units : tuple of str or None
        Their units.
    scale, translation : tuple of float
        Size of a step along each axis, and position of the first element.
    """

    path: Path
    folder: Path
    axes: str
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]

    def step(self, letter: str) -> tuple[float, str | None] | None:
        """Return the step along an axis and its unit."""
        place = self.axes.find(letter)
        return None if place < 0 else (self.scale[place], self.units[place])


def read_ome_zarr(path: Path, lazy: bool | Callable[[Image], bool], wanted: int | str | None) -> list[Image]:
    """Read the images of an OME-Zarr folder.

    Parameters
    ----------
    path : Path
        Folder of one image, or of several positions: the fields of a well, or a converted file with several series.
    lazy : bool or callable
        As for `napari_contransgan.io.read_image`; a chunk of the lazy array is read when it is computed.
    wanted : int, "all" or None
        Number of the position, or all of them. None reads the first, and says so in the notes if there are several.

    Raises
    ------
    InputError
        If the package zarr is missing, or the folder is damaged, or is not an OME-Zarr image that can be used.
    """
    zarr_package(path)
    with zarr_failures_explained(path):
        folders = _images_in(path)
        if wanted == "all":
            return [_image(path, folder, lazy, named=len(folders) > 1) for folder in folders]
        number = 0 if wanted is None else int(wanted)
        if not 0 <= number < len(folders):
            raise InputError(f"has no position {number}: it holds positions 0 to {len(folders) - 1}", source=path)
        image = _image(path, folders[number], lazy)
        if wanted is None and len(folders) > 1:
            note = f"The folder holds {len(folders)} positions; only the first was read."
            image = replace(image, notes=(note, *image.notes))
        return [image]


def _images_in(path: Path) -> list[Path]:
    attributes = attributes_of(path)
    ome = _ome(attributes)
    if "multiscales" in ome:
        return [path]
    if "plate" in ome:
        raise InputError("is a whole plate: give one of its wells, such as PLATE.zarr/A/1", source=path)
    if isinstance(ome.get("well"), Mapping):
        return _inside(path, [str(one["path"]) for one in ome["well"]["images"]])
    if "bioformats2raw.layout" in {*attributes, *ome}:
        numbers = [one.name for one in path.iterdir() if one.is_dir() and one.name.isdecimal()]
        return _inside(path, sorted(numbers, key=int))
    raise InputError(
        "is a Zarr folder without the metadata of an OME-Zarr image (multiscales): convert it to OME-Zarr", source=path
    )


def _inside(path: Path, names: Sequence[str]) -> list[Path]:
    if not names:
        raise InputError("holds no image: export it again", source=path)
    return [_child(path, path, name) for name in names]


def _child(path: Path, folder: Path, name: str) -> Path:
    """Return a folder within another one; names that lead elsewhere are damage."""
    child = folder / name
    if not child.is_dir() or folder.resolve() not in child.resolve().parents:
        raise InputError(DAMAGED, source=path)
    return child


def _ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the OME metadata: since version 0.5 under a key of their own."""
    own = attributes.get("ome")
    return own if isinstance(own, Mapping) else attributes


def _image(path: Path, folder: Path, lazy: bool | Callable[[Image], bool], *, named: bool = False) -> Image:
    attributes = attributes_of(folder)
    level = _level(path, folder, _ome(attributes))
    array = open_array(path, level.folder)
    shape = tuple(int(length) for length in array.shape)
    if len(shape) != len(level.axes) or 0 in shape:
        raise InputError(DAMAGED, source=path)
    for letter, name, length in zip(level.axes, level.names, shape, strict=True):
        if letter == "?" and length > 1:
            raise InputError(f"has an axis {name!r}, which has no meaning here: save it as T, Z, C, Y, X", source=path)
    own = attributes.get(NAMESPACE)
    ordered = standard_axes(path, shape, level.axes)
    if isinstance(own, Mapping):
        of_own = "".join(letter for letter in str(own.get("axes")) if letter in ordered)
        ordered = of_own if sorted(of_own) == sorted(ordered) else ordered
    image = Image(_lazy_pixels(level, array, ordered), ordered, name=image_stem(path) or path.name)
    image = _with_places(level, image, is_own=own is not None)
    image = replace(image, notes=(*image.notes, *([] if own is not None else _missing_chunks(path, array))))
    if own is not None:
        image = restored(path, image, own)
    if named:
        image = replace(image, name=f"{image_stem(path)} {folder.name}")
    if lazy is False or (callable(lazy) and not lazy(image)):
        check_memory(path, math.prod(shape) * array.dtype.itemsize)
        image = replace(image, data=computed(image.data))
    return image


def _level(path: Path, folder: Path, ome: Mapping[str, Any]) -> _Level:
    if "image-label" in ome:
        raise InputError("holds labels, not an image: give the image itself", source=path)
    multiscale = ome["multiscales"][0]
    axes = multiscale.get("axes")
    if not axes or any(isinstance(axis, str) for axis in axes):
        version = multiscale.get("version", "of an old version")
        raise InputError(f"is OME-Zarr {version}, and 0.4 or 0.5 is needed: convert it", source=path)
    dataset = multiscale["datasets"][0]
    steps = [*dataset.get("coordinateTransformations", ()), *multiscale.get("coordinateTransformations", ())]
    scale, translation = [1.0] * len(axes), [0.0] * len(axes)
    for step in steps:
        kind = str(step["type"])
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in step:
            raise InputError(f"its coordinate transformation {kind!r} cannot be used: export it again", source=path)
        values = [float(value) for value in step[kind]]
        if len(values) != len(axes) or not all(map(math.isfinite, values)):
            raise InputError(DAMAGED, source=path)
        translation = [
            old * value if kind == "scale" else old + value for old, value in zip(translation, values, strict=True)
        ]
        if kind == "scale":
            scale = [old * value for old, value in zip(scale, values, strict=True)]
    names = tuple(str(axis["name"]) for axis in axes)
    letters = "".join(_letter(name, axis.get("type")) for name, axis in zip(names, axes, strict=True))
    known = letters.replace("?", "")
    if len(set(known)) < len(known):
        raise InputError(f"has two axes with the same meaning ({', '.join(names)}): export it again", source=path)
    units = tuple(None if axis.get("unit") is None else str(axis["unit"]) for axis in axes)
    place = _child(path, folder, str(dataset["path"]))
    return _Level(path, place, letters, names, units, tuple(scale), tuple(translation))


def _letter(name: str, kind: object) -> str:
    upper = name.upper()
    return _LETTER_OF_TYPE.get(str(kind)) or (upper if upper in tuple("TZCYX") else "?")


def _with_places(level: _Level, image: Image, *, is_own: bool) -> Image:
    """Add pixel size, plane distance, time step and origin."""
    y, x, z = (level.step(letter) or (1.0, None) for letter in "YXZ")
    y_um, x_um, z_um = in_um(*y), in_um(*x), in_um(*z)
    notes = []
    if not is_own and x_um is None and x[0] != 1:
        notes.append(f"The file states a scale of {x[0]:g} without a unit of length, so it is not used as pixel size.")
    if not is_own and x_um == y_um == PLACEHOLDER_UM:
        if z_um in (PLACEHOLDER_UM, None):
            notes.append(PLACEHOLDERS.format(what="a pixel size and a plane distance" if z_um else "a pixel size"))
            x_um = y_um = z_um = None
        else:
            notes.append(PLACEHOLDER_PIXEL)
    heights = settle_heights(z_um if "Z" in image.axes else None, None)
    time = level.step("T") if "T" in image.axes else None
    origin = [in_um(level.translation[level.axes.index(one)], level.units[level.axes.index(one)]) for one in "YX"]
    return replace(
        image,
        pixel_size_um=square(level.path, x_um, y_um),
        z_step_um=heights.z_step_um,
        z_falls=heights.z_falls,
        time_step_s=None if time is None else positive(in_s(*time)),
        origin_yx_um=(origin[0] or 0.0, origin[1] or 0.0),
        notes=(*image.notes, *notes),
    )


def _missing_chunks(path: Path, array: Any) -> list[str]:
    """Return a note if chunks are missing, which Zarr reads as its fill value; raise an error if all are.

    Raises
    ------
    InputError
        If no chunk is there.
    """
    count = int(array.nchunks)
    if count > COUNTED_CHUNKS:
        return []
    there = int(array.nchunks_initialized)
    if there == 0:
        raise InputError("none of its pixels are there, only their description: copy it again", source=path)
    if there < count and array.shards is None:  # some versions of zarr count shards here, and chunks above
        return [f"{count - there} of {count} chunks of the image are missing, and are read as {array.fill_value}."]
    return []


def _lazy_pixels(level: _Level, array: Any, ordered: str) -> Any:
    """Return the pixels as a dask array: its chunks are those of the file or, along Y and X, several of them."""
    length = dict(zip(level.axes, map(int, array.shape), strict=True))
    unit = dict(zip(level.axes, map(int, array.chunks), strict=True))
    if math.prod(-(-side // px) for side, px in zip(array.shape, array.chunks, strict=True)) > MOST_CHUNKS:
        raise InputError("is cut into too many chunks: save it with larger ones", source=level.path)
    chunk = {one: whole_units(CHUNK_PX, unit[one]) if one in "YX" else unit[one] for one in ordered}
    chunks = tuple(
        tuple(min(chunk[one], length[one] - start) for start in range(0, length[one], chunk[one])) for one in ordered
    )
    dtype = np.dtype(array.dtype).newbyteorder("=")
    starts = {one: chunk[one] for one in ordered}
    read = partial(_read_part, level, stamp_of(level.folder), ordered, starts, math.prod(array.chunks))
    return dask_array().map_blocks(read, chunks=chunks, dtype=dtype, meta=np.empty((0,) * len(ordered), dtype))


def _read_part(
    level: _Level,
    stamp: tuple[int, int],
    ordered: str,
    chunk: Mapping[str, int],
    chunk_px: int,
    *,
    block_id: tuple[int, ...],
) -> NDArray[Any]:
    with zarr_failures_explained(level.path):
        if stamp_of(level.folder) != stamp:
            raise InputError(CHANGED, source=level.path)
        array = open_array(level.path, level.folder)
        start = dict(zip(ordered, block_id, strict=True))
        window = tuple(
            slice(start[one] * chunk[one], (start[one] + 1) * chunk[one]) if one in start else slice(None)
            for one in level.axes
        )
        wanted = math.prod(chunk.values())
        check_memory(level.path, max(wanted, chunk_px) * array.dtype.itemsize)
        return arranged(np.asarray(array[window]), level.axes, ordered)
