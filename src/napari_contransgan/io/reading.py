"""Reading TIFF, ImageJ TIFF and OME-TIFF."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io.damage import DAMAGED, directories_are_whole, failures_explained, pixels_are_whole
from napari_contransgan.io.image import Image
from napari_contransgan.io.lazy import arranged, lazy_pixels, wrapped
from napari_contransgan.io.metadata import with_ome, with_tags


def read_image(path: Path, *, lazy: bool = False) -> Image:
    """Read a TIFF, ImageJ TIFF or OME-TIFF.

    Axes of length one are dropped, except Y and X; a file that `write_image` wrote comes back as it was.

    Parameters
    ----------
    path : Path
        The file.
    lazy : bool
        Leave the pixels in the file: `Image.data` is then a dask array with one chunk for each time point, or, without
        a T axis, for each index of the first axis. A chunk opens the file anew and reads its own pages only. Files
        whose pages do not lie so, or that consist of several files, are read at once and wrapped.

    Returns
    -------
    Image
        Pixels in the file's type and the machine's byte order; lengths in micrometres, times in seconds.

    Raises
    ------
    InputError
        If the file is missing, no TIFF, cut short or damaged, compressed in a way that cannot be read, holds no image
        or several of different shapes, an axis that is none of T, Z, C, Y, X and S, or pixels that are not square.
        With `lazy`, computing a chunk raises it too: for damaged pixels, and for a file that is gone or was changed.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name one TIFF file")
    with failures_explained(path):
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes): copy or export it again")
        with tifffile.TiffFile(path) as tif:
            return _image_of(path, tif, lazy)


def _image_of(path: Path, tif: tifffile.TiffFile, lazy: bool) -> Image:
    if not directories_are_whole(path, tif.byteorder, tif.is_bigtiff):
        raise InputError(DAMAGED.format(path=path))
    every_series = [series for series in tif.series if not series.keyframe.is_reduced]
    if not every_series:
        raise InputError(f"{path}: holds no image: export it again")
    shapes = {series.shape for series in every_series}
    if len(shapes) > 1:
        text = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        raise InputError(f"{path}: holds images or planes of different shapes ({text}): save one shape to a file")
    series = every_series[0]
    are_planes = all(other.kind == "shaped" and other.axes == "YX" for other in every_series)
    if len(every_series) > 1 and not are_planes:
        raise InputError(f"{path}: holds {len(every_series)} separate images: save one image to a file")
    if (tif.is_ome, tif.is_imagej) != (series.kind == "ome", series.kind == "imagej"):
        raise InputError(DAMAGED.format(path=path))
    if not all(pixels_are_whole(series) for series in every_series):
        raise InputError(DAMAGED.format(path=path))
    if series.keyframe.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        raise InputError(f"{path}: its smallest number means white: invert it and save it as min-is-black")

    if len(every_series) > 1:  # planes that were appended one by one
        shape, axes = (len(every_series), *series.shape), "ZYX"
    else:
        shape, axes = series.get_shape(squeeze=False), _named_axes(path, tif, series)
    ordered = _standard_axes(path, shape, axes)
    data = lazy_pixels(path, tif, every_series, shape, axes, ordered) if lazy else None
    if data is None:
        pixels = series.asarray() if len(every_series) == 1 else np.stack([one.asarray() for one in every_series])
        data = arranged(pixels.reshape(shape), axes, ordered)
        data = wrapped(data, ordered) if lazy else data
    image = Image(data, ordered, name=image_stem(path) or path.name)
    return with_ome(path, image, tif) if series.kind == "ome" else with_tags(path, image, tif)


def _named_axes(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> str:
    """Axis letters of a series, with the axes that the file leaves unnamed called Z, or else T."""
    axes: str = series.get_axes(squeeze=False)
    if series.kind == "shaped" and axes.startswith("S") and "axes" not in (tif.shaped_metadata or ({},))[0]:
        axes = "Z" + axes[1:]  # three planes that tifffile stored as planar RGB of its own accord
    named = ""
    for letter, length in zip(axes, series.get_shape(squeeze=False), strict=True):
        if letter in "IQ" and length > 1:
            free = [other for other in "ZT" if other not in axes + named]
            named += free[0] if free else letter
        else:
            named += letter
    unknown = [
        letter
        for letter, length in zip(named, series.get_shape(squeeze=False), strict=True)
        if length > 1 and letter not in "TZCYXS"
    ]
    if unknown:
        raise InputError(f"{path}: has an axis {unknown[0]!r}, which has no meaning here: save it as T, Z, C, Y, X")
    return named


def _standard_axes(path: Path, shape: Sequence[int], axes: str) -> str:
    """Axis letters without those of length one, except Y and X, and with Y, X and S at the end."""
    if "Y" not in axes or "X" not in axes:
        raise InputError(f"{path}: holds no image: export it again")
    kept = "".join(letter for letter, length in zip(axes, shape, strict=True) if letter in "YX" or length > 1)
    return "".join(letter for letter in kept if letter not in "YXS") + "YX" + ("S" if "S" in kept else "")


def find_images(folder: Path) -> list[Path]:
    """List the TIFF files of a folder (not of its sub-folders) by name.

    Raises
    ------
    InputError
        If there is no such folder or no TIFF in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder: check the path")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in (".tif", ".tiff") and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise InputError(f"{folder}: holds no .tif or .tiff file: name a folder with images")
    return found


def image_stem(path: Path) -> str:
    """Name of an image file without ``.tif`` or ``.ome.tif``."""
    return path.name.removesuffix(path.suffix).removesuffix(".ome")
