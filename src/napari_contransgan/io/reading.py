"""Read TIFF, ImageJ TIFF, OME-TIFF and Micro-Manager files, and OME-Zarr folders."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.counts import calibrated, check_meaning
from napari_contransgan.io.damage import check_decoder_survives, check_memory, decoder_kept_quiet, failures_explained
from napari_contransgan.io.directories import Layout, layouts_of
from napari_contransgan.io.file_sets import named_files
from napari_contransgan.io.image import Image
from napari_contransgan.io.lazy import arranged, lazy_pixels, standard_axes, wrapped
from napari_contransgan.io.micromanager import with_micromanager
from napari_contransgan.io.names import image_stem
from napari_contransgan.io.ome import with_ome
from napari_contransgan.io.ome_zarr import read_ome_zarr
from napari_contransgan.io.order import natural_order
from napari_contransgan.io.pages import Found, check_whole, images_in
from napari_contransgan.io.tags import with_tags
from napari_contransgan.io.zarr_store import SUFFIX, is_zarr


def read_image(path: Path, *, lazy: bool | Callable[[Image], bool] = False, position: int | None = None) -> Image:
    """Read a TIFF, ImageJ TIFF, OME-TIFF or Micro-Manager file, or an OME-Zarr folder.

    Axes of length one are dropped, except Y and X; a file written by `write_image` is read back unchanged.

    Parameters
    ----------
    path : Path
        The file.
    lazy : bool or callable
        Leave the pixels in the file: `Image.data` is then a dask array with one chunk for each time point or, without a
        T axis, for each index of the first axis. Each chunk reopens the file and reads only its own pages. Other
        arrangements of pages, and sets of several files, are read at once and wrapped. The chunks of an OME-Zarr image
        are those of its folder, or several of them. A function is given the lazy image and returns whether to leave it
        so; the file is opened once in either case.
    position : int or None
        Stage position to read, counted from 0; None reads the first, and says so in the notes if there are several.

    Returns
    -------
    Image
        Pixels in the file's number type and the machine's byte order; lengths in micrometres, times in seconds. Its
        notes list doubts about the file.

    Raises
    ------
    InputError
        If the file is missing, is not a TIFF, is truncated or damaged, or has a compression that cannot be read; if it
        contains no image, several images of different shapes, numbers that do not increase with the light, an axis
        other than T, Z, C, Y, X and S, pixels that are not square, or no such position. With `lazy`, computing a chunk
        raises it too if pixels are damaged or the file has been removed or changed.
    """
    return _read(path, lazy, position)[0]


def read_positions(path: Path, *, lazy: bool = False) -> list[Image]:
    """Read every stage position of a file as an image of its own; see `read_image`.

    If there are several, each is named after the file and its position.
    """
    return _read(path, lazy, "all")


def _read(path: Path, lazy: bool | Callable[[Image], bool], wanted: int | str | None) -> list[Image]:
    path = Path(path)
    with failures_explained(path):
        if is_zarr(path):
            return read_ome_zarr(path, lazy, wanted)
        if path.is_dir():
            raise InputError("is a folder: name one TIFF file or OME-Zarr image", source=path)
        if path.stat().st_size == 0:
            raise InputError("the file is empty (0 bytes): copy or export it again", source=path)
        with tifffile.TiffFile(path) as tif:
            layouts = {one.resolve(): layouts_of(one) for one in (path, *named_files(path, tif))}
            every = images_in(path, tif)
            is_lazy = lazy is not False
            if wanted == "all":
                return [_image_of(path, tif, found, layouts, is_lazy, is_one_of=len(every)) for found in every]
            number = 0 if wanted is None else int(wanted)
            if not 0 <= number < len(every):
                raise InputError(f"has no position {number}: it holds positions 0 to {len(every) - 1}", source=path)
            image = _image_of(path, tif, every[number], layouts, is_lazy)
            if callable(lazy) and not lazy(image):
                image = _image_of(path, tif, every[number], layouts, lazy=False)
            if wanted is None and len(every) > 1:
                names = ", ".join(found.label for found in every)
                note = f"The file holds {len(every)} positions ({names}); only the first was read."
                image = replace(image, notes=(note, *image.notes))
            return [image]


def _image_of(
    path: Path,
    tif: tifffile.TiffFile,
    found: Found,
    layouts: dict[Path, dict[int, Layout]],
    lazy: bool,
    is_one_of: int = 1,
) -> Image:
    check_whole(path, found, layouts)
    check_meaning(path, found.series[0].keyframe)
    unknown = [
        letter for letter, length in zip(found.axes, found.shape, strict=True) if length > 1 and letter not in "TZCYXS"
    ]
    if unknown:
        raise InputError(
            f"has an axis {unknown[0]!r}, which has no meaning here: save it as T, Z, C, Y, X", source=path
        )
    check_decoder_survives(path, found.series[0].keyframe)
    ordered = standard_axes(path, found.shape, found.axes)
    data = lazy_pixels(path, tif, found, ordered) if lazy else None
    if data is None:
        first = found.series[0]
        check_memory(path, math.prod(found.shape) * first.dtype.itemsize)
        with decoder_kept_quiet(first.keyframe):
            data = _pixels(tif, found)
        data = arranged(data.reshape(found.shape), found.axes, ordered)
        data = wrapped(data, ordered) if lazy else data
    name = image_stem(path) or path.name
    data, notes = calibrated(data, tif.imagej_metadata or {})
    image = Image(data, ordered, name=name if is_one_of == 1 else f"{name} {found.label}", notes=found.notes + notes)
    kind = found.series[0].kind
    if found.element is not None:
        image = with_ome(path, image, tif, found.element)
    elif kind not in ("mmstack", "ndtiff") or tif.is_imagej:
        image = with_tags(path, image, tif)
    return with_micromanager(image, tif, found) if kind in ("mmstack", "ndtiff") else image


def _pixels(tif: tifffile.TiffFile, found: Found) -> NDArray[Any]:
    if len(found.series) > 1:
        return np.stack([one.asarray() for one in found.series])
    (series,) = found.series
    if found.keys is None:
        return np.asarray(series.asarray())
    return np.asarray(tif.asarray(series=series, key=list(found.keys)))


def find_images(folder: Path) -> list[Path]:
    """Return the TIFF files and OME-Zarr images of a folder, in natural order: 2 before 10.

    Raises
    ------
    InputError
        If there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("there is no such folder: check the path", source=folder)
    found = natural_order(path for path in folder.iterdir() if not path.name.startswith(".") and _is_image(path))
    if not found:
        raise InputError("holds no .tif, .tiff or .zarr image: name a folder with images", source=folder)
    return found


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    return (suffix in (".tif", ".tiff") and path.is_file()) or (suffix == SUFFIX and path.is_dir())
