"""Find the pages of each image in a TIFF, and their order, in one file or in a set of files."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.damage import page_is_whole, pixels_are_whole
from napari_contransgan.io.directories import DAMAGED, Layout, pages_agree
from napari_contransgan.io.file_sets import SetOfFiles, set_of_files

ElementOrNone = ElementTree.Element | None
Page = tifffile.TiffPage | tifffile.TiffFrame


@dataclass(frozen=True)
class Found:
    """One image in an open TIFF.

    Parameters
    ----------
    series : tuple of TiffPageSeries
        One series, or several if each plane of the image is a series of its own.
    axes : str
        Axis letters in the order of the file.
    shape : tuple of int
        Length of each axis.
    keys : tuple of int or None
        Indices of the pages that belong to the image, in order; None for all pages.
    label : str
        Name if the file contains several images; otherwise empty.
    element : Element or None
        The image's element in the OME description.
    position : int
        Number of the stage position.
    notes : tuple of str
        What is missing, and how this was handled.
    """

    series: tuple[tifffile.TiffPageSeries, ...]
    axes: str
    shape: tuple[int, ...]
    keys: tuple[int, ...] | None = None
    label: str = ""
    element: ElementOrNone = None
    position: int = 0
    notes: tuple[str, ...] = ()

    @property
    def pages(self) -> list[Page | None]:
        """Return the pages in order; None for missing ones."""
        pages = [page for one in self.series for page in one]
        return pages if self.keys is None else [pages[key] for key in self.keys]


def images_in(path: Path, tif: tifffile.TiffFile) -> list[Found]:
    """Return the images of a TIFF whose chain of directories has been found complete.

    Micro-Manager files and OME-TIFFs may contain several positions; each is an image. For a set of files, only images
    that have pages in this file are returned.

    Raises
    ------
    InputError
        If there is no image, if there are several that are not positions, if pages differ in shape, or if pages are
        missing and no time point, channel or plane is complete.
    """
    every_series = [series for series in series_of(tif) if not series.keyframe.is_reduced]
    if not every_series:
        raise InputError("holds no image: export it again", source=path)
    kind = every_series[0].kind
    if kind in ("mmstack", "ndtiff"):
        return [_completed(path, found, None) for found in _positions(path, tif, every_series[0])]
    _check_micromanager(path, tif, kind)
    if tif.is_ome:
        own = [found for found in _ome_images(tif, every_series) if kind == "ome"]
        if own:
            _check_shapes(path, every_series)
            root = _ome_root(tif)
            return [_completed(path, found, set_of_files(path, root, found.element)) for found in own]
        return [_without_ome(path, tif, every_series)]
    if tif.is_imagej and kind != "imagej":
        raise InputError(DAMAGED, source=path)
    return [_plain(path, tif, every_series)]


def series_of(tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Return the series of a file; tifffile 2026.5.2 and later omit axes of length one unless asked not to."""
    return list(tif.series(squeeze=False) if callable(tif.series) else tif.series)


def axes_and_shape(series: tifffile.TiffPageSeries) -> tuple[str, tuple[int, ...]]:
    """Return the axis letters and the shape of a series of `series_of`, with the axes of length one."""
    get_axes, get_shape = getattr(series, "get_axes", None), getattr(series, "get_shape", None)
    if get_axes and get_shape:  # tifffile before 2026.5.2
        return get_axes(squeeze=False), get_shape(squeeze=False)
    return series.axes, series.shape


def _plain(path: Path, tif: tifffile.TiffFile, every_series: Sequence[tifffile.TiffPageSeries]) -> Found:
    _check_shapes(path, every_series)
    first = every_series[0]
    if len(every_series) == 1:
        return Found((first,), _named_axes(tif, first), axes_and_shape(first)[1])
    if all(other.kind == "shaped" and other.axes == "YX" for other in every_series):  # planes appended one by one
        return Found(tuple(every_series), "ZYX", (len(every_series), *first.shape))
    raise InputError(f"holds {len(every_series)} separate images: save each image to its own file", source=path)


def _check_shapes(path: Path, every_series: Sequence[tifffile.TiffPageSeries]) -> None:
    shapes = {
        tuple(n for letter, n in zip(*axes_and_shape(series), strict=True) if n > 1 or letter in "YX")
        for series in every_series
    }
    if len(shapes) > 1:
        text = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        raise InputError(
            f"holds images or planes of different shapes ({text}): save each shape to its own file", source=path
        )


def _named_axes(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> str:
    """Return the axis letters of a series; axes that the file does not name become Z, or else T."""
    axes, shape = axes_and_shape(series)
    if series.kind == "shaped" and axes.startswith("S") and "axes" not in (tif.shaped_metadata or ({},))[0]:
        axes = "Z" + axes[1:]  # three planes that tifffile stored as planar RGB by default
    named = ""
    for letter, length in zip(axes, shape, strict=True):
        if letter in "IQ" and length > 1:
            free = [other for other in "ZT" if other not in axes + named]
            named += free[0] if free else letter
        else:
            named += letter
    return named


# --- OME-TIFF ---


def _ome_root(tif: tifffile.TiffFile) -> ElementTree.Element:
    return ElementTree.fromstring(tif.ome_metadata or "")  # noqa: S314 (tifffile has parsed the same text already)


def _ome_images(tif: tifffile.TiffFile, every_series: Sequence[tifffile.TiffPageSeries]) -> Iterator[Found]:
    """Return the images that have pages in this file, each with its own description."""
    waiting = list(every_series)
    elements = [element for element in _ome_root(tif).iterfind("{*}Image") if element.find("{*}Pixels") is not None]
    paired = len(waiting) == len(elements)  # tifffile omits images whose files are all missing
    for position, element in enumerate(elements):
        if not waiting or not (paired or waiting[0].name == element.get("Name", "")):
            continue
        series = waiting.pop(0)
        if any(page is not None and page.parent is tif for page in series):
            yield Found(
                (series,),
                *axes_and_shape(series),
                label=element.get("Name") or f"image {position + 1}",
                element=element,
                position=position,
            )


def _without_ome(path: Path, tif: tifffile.TiffFile, every_series: Sequence[tifffile.TiffPageSeries]) -> Found:
    """Return the pages of an OME-TIFF whose description does not list them (renamed, or described elsewhere)."""
    root = _ome_root(tif)
    companion = root.find("{*}BinaryOnly")
    if companion is not None:
        name = companion.get("MetadataFile", "another file")
        note = f"The file is described in {name}, which is not read: state the pixel size and plane distance yourself."
        return replace(_plain(path, tif, every_series), notes=(note,))
    elements = [element for element in root.iterfind("{*}Image") if element.find("{*}Pixels") is not None]
    own = set_of_files(path, root, elements[0]) if len(elements) == 1 else None
    if own is None or len(own.names) != 1 or own.names[0] == path.name:
        if tif.is_imagej and every_series[0].kind == "imagej":
            note = "The OME description of the file cannot be used; its ImageJ description was used instead."
            return replace(_plain(path, tif, every_series), notes=(note,))
        if own is not None and own.names and path.name not in own.names:
            raise InputError(
                f"is described as a set of {len(own.names)} files, none of which has this name: "
                f"rename it ({', '.join(own.names[:3])})",
                source=path,
            )
        raise InputError(DAMAGED, source=path)
    (pixels,) = elements[0].iterfind("{*}Pixels")
    axes = "".join(reversed(pixels.get("DimensionOrder", "XYCZT")))
    shape = tuple(int(pixels.get("Size" + letter, "0")) for letter in axes)
    pages = list(tif.pages)
    if math.prod(shape[:-2]) != len(pages) or (shape[-2], shape[-1]) != pages[0].shape:
        raise InputError(DAMAGED, source=path)
    first = every_series[0]
    note = f"The file's description names it {own.names[0]}, so it was probably renamed."
    return Found(
        tuple(every_series) if len(every_series) > 1 else (first,), axes, shape, element=elements[0], notes=(note,)
    )


# --- Micro-Manager ---


def _positions(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Iterator[Found]:
    """Return the stage positions in this file."""
    axes, shape = axes_and_shape(series)
    elements: list[ElementTree.Element] = []
    root = _ome_root(tif) if tif.is_ome else None
    if root is not None:
        elements = [element for element in root.iterfind("{*}Image") if element.find("{*}Pixels") is not None]
    leading = leading_axes(axes)
    numbers = np.arange(math.prod(shape[:leading])).reshape(shape[:leading])
    pages = list(series)
    axis = axes.find("R")
    count = shape[axis] if axis >= 0 else 1
    stated = (tif.micromanager_metadata or {}).get("IndexMap")
    first = int(stated[:, 3].min()) if stated is not None and axis >= 0 else 0
    if first + count > (int(stated[:, 3].max()) + 1 if stated is not None and axis >= 0 else count):
        first = 0  # the series counts all positions of the set
    for number in range(count):
        own = numbers if axis < 0 else numbers.take([number], axis=axis)
        if not any(_is_own(pages[key], path) for key in own.ravel()):
            continue
        position = number + first
        element = _own_element(elements, path, position)
        label = f"position {position}" if element is None else element.get("Name") or f"position {position}"
        yield Found(
            (series,),
            axes,
            (*own.shape, *shape[leading:]),
            keys=None if own.size == numbers.size else tuple(map(int, own.ravel())),
            label=label,
            element=element,
            position=position,
        )


def leading_axes(axes: str) -> int:
    """Return the number of axes that count pages."""
    return min(axes.index(letter) for letter in "YXS" if letter in axes)


def _is_own(page: Page | None, path: Path) -> bool:
    return page is not None and page.parent.filename == path.name


def _own_element(elements: Sequence[ElementTree.Element], path: Path, position: int) -> ElementOrNone:
    """Return the description of a position, found by the name of its file if that is unique, else by its number."""
    named = [
        element
        for element in elements
        if any(uuid.get("FileName") == path.name for uuid in element.iterfind("{*}Pixels/{*}TiffData/{*}UUID"))
    ]
    if len(named) == 1:
        return named[0]
    return elements[position] if position < len(elements) else elements[0] if len(elements) == 1 else None


def _check_micromanager(path: Path, tif: tifffile.TiffFile, kind: str) -> None:
    """Raise an error for Micro-Manager files in which the order of the pages is unknown."""
    about = (tif.micromanager_metadata if tif.is_micromanager else None) or {}
    if about.get("MajorVersion", 0) >= 2:
        raise InputError(
            "belongs to an NDTiff data set whose NDTiff.index is missing: "
            "put the index into the same folder, or export the images as OME-TIFF",
            source=path,
        )
    index_map = about.get("IndexMap")
    if kind not in ("ome", "imagej") and index_map is not None and (np.ptp(index_map[:, [0, 2, 3]], axis=0) > 0).any():
        raise InputError(
            "Micro-Manager's summary of the file is incomplete, so the order of its pages is not known: "
            "export the images as OME-TIFF",
            source=path,
        )


# --- what is missing ---


def _completed(path: Path, found: Found, others: SetOfFiles | None) -> Found:
    """Leave out time points, channels or planes with missing pages, as long as complete ones remain.

    Raises
    ------
    InputError
        If pages of this file are missing, or nothing complete is left.
    """
    (series,) = found.series
    pages = list(series)
    keys = np.arange(len(pages)) if found.keys is None else np.asarray(found.keys)
    leading = leading_axes(found.axes)
    if math.prod(found.shape[:leading]) != keys.size:
        if any(page is None for page in pages):
            raise InputError(DAMAGED, source=path)
        return found
    grid = keys.reshape(found.shape[:leading])
    foreign = set() if others is None else set(others.foreign)
    there = np.array([_is_there(pages[key], foreign) for key in keys]).reshape(grid.shape)
    if there.all():
        return found
    if others is not None and not (others.missing or others.foreign):
        raise InputError(DAMAGED, source=path)
    kept, axis = _complete_indices(there, found.axes)
    why = "some pages were never recorded, as in an aborted acquisition" if others is None else others.described()
    if not kept.size:
        raise InputError(f"{why}, and nothing complete is left: put the files of the set into one folder", source=path)
    names = {"T": "time points", "C": "channels", "Z": "planes", "R": "positions"}
    what = names.get(found.axes[axis], f"indices of axis {found.axes[axis]}")
    note = f"{_sentence(why)}. Only complete ones were read: {kept.size} of {grid.shape[axis]} {what}."
    grid = grid.take(kept, axis=axis)
    return replace(
        found,
        shape=(*grid.shape, *found.shape[leading:]),
        keys=tuple(map(int, grid.ravel())),
        notes=(*found.notes, note),
    )


def _is_there(page: Page | None, foreign: set[str]) -> bool:
    return page is not None and page.parent.filename not in foreign


def _complete_indices(there: NDArray[np.bool_], axes: str) -> tuple[NDArray[np.intp], int]:
    """Return the axis that has complete indices left, and these indices; whole time points come before whole planes."""
    for axis in sorted(range(there.ndim), key=lambda axis: "TRCZ".find(axes[axis])):
        kept = np.flatnonzero(there.all(axis=tuple(other for other in range(there.ndim) if other != axis)))
        if kept.size:
            return kept, axis
    return np.zeros(0, np.intp), 0


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def check_whole(path: Path, found: Found, layouts: dict[Path, dict[int, Layout]]) -> None:
    """Raise an error for an image with missing strips or tiles, or with pages that differ from its first page.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    if 0 in found.shape or not all(pages_agree(series, layouts) for series in found.series):
        raise InputError(DAMAGED, source=path)
    if found.keys is None:
        is_whole = all(pixels_are_whole(series) for series in found.series)
    else:
        is_whole = all(page is not None and page_is_whole(page) for page in found.pages)
    if not is_whole:
        raise InputError(DAMAGED, source=path)
