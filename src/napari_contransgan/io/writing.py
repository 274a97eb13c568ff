"""Write OME-TIFF, and OME-Zarr if the name says so."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.annotation import own_values
from napari_contransgan.io.atomic import check_names, empty_folders_removed, replaced_atomically
from napari_contransgan.io.image import NAMESPACE, QUANTITY_UNITS, Image
from napari_contransgan.io.zarr_store import is_zarr_name
from napari_contransgan.io.zarr_writing import write_zarr


def write_image(path: Path, image: Image) -> None:
    """Write an OME-TIFF, or an OME-Zarr folder, that `read_image` reads back field by field.

    The file is written completely or not at all; an older file of that name is replaced. Missing parent folders are
    created. All quantities except intensity are stored as float32. Name, wavelength, aperture, coherence, quantity,
    heights and direction of z, dark level and settings are stored as JSON in a structured annotation of the namespace
    ``napari-contransgan``. A dask array is computed and written one row of chunks along its first axis at a time, so
    that it need not fit into memory.

    Parameters
    ----------
    path : Path
        Ends in ``.tif`` or ``.tiff``, or in ``.zarr``, which needs the package zarr.
    image : Image
        The image; its axes end in YX or, for OME-TIFF, YXS.

    Raises
    ------
    InputError
        If the name has another ending, the file cannot be written, or OME-TIFF does not support the pixel type.
    """
    if hasattr(image.data, "__dask_graph__"):
        dtype = _stored_dtype(image, image.data.dtype)
        _write(path, image, _frames_of_lazy(image.data, _frame_axes(image)), image.data.shape, dtype)
    else:
        data = np.ascontiguousarray(image.data)
        dtype = _stored_dtype(image, data.dtype)
        _write(path, image, data.astype(dtype, copy=False), data.shape, dtype)


def write_frames(path: Path, image: Image, yx_frames: Iterable[NDArray[Any]], shape: Sequence[int]) -> None:
    """Write frames one at a time into the same OME-TIFF that `write_image` would write for all of them.

    Each frame is stored before the next one is requested, and none is kept in memory. The file is written completely or
    not at all, even if `yx_frames` raises an error or the process is interrupted.

    Parameters
    ----------
    path : Path
        Ends in ``.tif`` or ``.tiff``.
    image : Image
        Describes the frames; its data are ignored.
    yx_frames : iterable of (Y, X) or (Y, X, S) ndarray
        The frames in the order of `shape`, all of the same number type.
    shape : sequence of int
        Full shape, one length for each of the image's axes, for example (T, Y, X).

    Raises
    ------
    InputError
        As for `write_image`, and if a frame cannot be read.
    ValueError
        If the shape does not fit the axes, there are too few or too many frames, or a frame has the wrong shape or
        type.
    """
    if len(shape) != len(image.axes):
        raise ValueError(f"{image.name}: the shape {tuple(shape)} does not fit the axes {image.axes}")
    frames = iter(yx_frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{image.name}: there is no frame to write")
    dtype = _stored_dtype(image, first.dtype)
    rejoined = _rejoined(first, frames)
    del first
    _write(path, image, rejoined, shape, dtype)


def _write(
    path: Path, image: Image, pixels: NDArray[Any] | Iterator[NDArray[Any]], shape: Sequence[int], dtype: np.dtype[Any]
) -> None:
    path, shape = Path(path), tuple(shape)
    if not is_zarr_name(path):
        check_ending(path)
    if 0 in shape:
        raise InputError(f"an image of shape {shape} has no pixels and cannot be written", source=image.name)
    is_whole = isinstance(pixels, np.ndarray)
    if is_zarr_name(path):
        frames = iter(pixels.reshape(-1, *shape[-2:])) if isinstance(pixels, np.ndarray) else pixels
        with _folder_made(path):
            write_zarr(path, image, _one_by_one(image, frames, shape, dtype), shape, dtype)
        return
    metadata = ome_metadata(image, shape)
    is_rgb = image.axes.endswith("S") and shape[-1] in (3, 4)
    resolution = None if image.pixel_size_um is None else (1e4 / image.pixel_size_um,) * 2
    check_names([path])
    try:
        with _folder_made(path), replaced_atomically(path) as part:
            tifffile.imwrite(
                part,
                pixels if is_whole else _one_by_one(image, iter(pixels), shape, dtype),
                shape=shape,
                dtype=dtype,
                ome=True,
                bigtiff=math.prod(shape) * dtype.itemsize > 3_900_000_000,
                photometric="rgb" if is_rgb else "minisblack",
                planarconfig="contig" if image.axes.endswith("S") else None,
                compression="zlib",
                predictor=dtype.kind in "ui",
                maxworkers=None if is_whole else 1,  # more threads would request frames ahead
                resolution=resolution,
                resolutionunit=None if resolution is None else "CENTIMETER",
                metadata=metadata,
            )
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", source=path) from error


def check_ending(path: Path) -> None:
    """Raise an error for a name that does not end like a TIFF.

    Raises
    ------
    InputError
        Naming the endings.
    """
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise InputError("the name of an image must end in .tif, .ome.tif or .ome.zarr", source=path)


@contextmanager
def _folder_made(path: Path) -> Iterator[None]:
    with empty_folders_removed(path.parent):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"its folder cannot be created: {error.strerror or error}: choose another", source=path
            ) from error
        yield


def _stored_dtype(image: Image, dtype: DTypeLike) -> np.dtype[Any]:
    given = np.dtype(dtype)
    if given.kind not in "uifc" or given.name in ("int64", "uint64", "float16"):
        raise InputError(f"{given} pixels cannot be written: convert them to float32", source=image.name)
    if image.quantity == "intensity":
        return given.newbyteorder("=")
    if given.kind != "f":
        unit = QUANTITY_UNITS[image.quantity]
        raise InputError(
            f"{image.quantity} must be floating-point numbers in {unit}, not {given}: convert it", source=image.name
        )
    return np.dtype(np.float32)


def _frame_axes(image: Image) -> int:
    return 3 if image.axes.endswith("S") else 2


def _frames_of_lazy(data: Any, frame_axes: int) -> Iterator[NDArray[Any]]:
    """Yield the frames of a dask array; each chunk is computed once if chunks follow the order of the frames."""
    if data.ndim == frame_axes:
        yield np.asarray(data)
    elif len(data.chunks[0]) == 1 and any(len(sizes) > 1 for sizes in data.chunks[1:-frame_axes]):
        for part in data:
            yield from _frames_of_lazy(part, frame_axes)
    else:
        start = 0
        for length in data.chunks[0]:
            slab = np.asarray(data[start : start + length])
            yield from slab.reshape(-1, *data.shape[-frame_axes:])
            del slab  # before the next one is computed
            start += length


def _rejoined(first: NDArray[Any] | None, frames: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    while first is not None:
        yield first
        first = None  # otherwise the frame would stay in memory while the next one is computed
        first = next(frames, None)


def _one_by_one(
    image: Image, frames: Iterator[NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """Yield frames through one buffer, because tifffile keeps references to the first frame and to the previous one."""
    count, frame_shape = math.prod(shape[: -_frame_axes(image)]), shape[-_frame_axes(image) :]
    buffer = np.empty(frame_shape, dtype)
    for index in range(count):
        try:
            frame = next(frames, None)
        except OSError as error:
            raise InputError(f"frame {index} cannot be read: {error.strerror or error}", source=image.name) from error
        if frame is None:
            raise ValueError(f"{image.name}: expected {count} frames, got {index}")
        if frame.shape != frame_shape or _stored_dtype(image, frame.dtype) != dtype:
            raise ValueError(f"{image.name}: frame {index} is {frame.dtype} {frame.shape}, not {dtype} {frame_shape}")
        np.copyto(buffer, frame)
        del frame
        if index == count - 1 and next(frames, None) is not None:
            raise ValueError(f"{image.name}: expected {count} frames, got more")
        yield buffer


def own_annotation(image: Image, shape: Sequence[int]) -> str:
    """Return what OME has no place for as JSON: name, optics, quantity, heights, dark level and settings."""
    return json.dumps(own_values(image, shape))


def ome_metadata(image: Image, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the description that tifffile writes as OME-XML."""
    metadata: dict[str, Any] = {
        "axes": image.axes,
        "Name": "".join(letter if letter.isprintable() else " " for letter in image.name),
        "MapAnnotation": {"Namespace": NAMESPACE, "image": own_annotation(image, shape)},
    }
    for key, value, unit in (
        ("PhysicalSizeX", image.pixel_size_um, "µm"),
        ("PhysicalSizeY", image.pixel_size_um, "µm"),
        ("PhysicalSizeZ", image.z_step_um, "µm"),
        ("TimeIncrement", image.time_step_s, "s"),
    ):
        if value is not None:
            metadata |= {key: float(value), key + "Unit": unit}
    if tuple(image.origin_yx_um) != (0.0, 0.0):
        planes = math.prod(shape[: image.axes.index("Y")])
        y_um, x_um = (float(value) for value in image.origin_yx_um)
        metadata["Plane"] = {
            "PositionX": [x_um] * planes,
            "PositionXUnit": ["µm"] * planes,
            "PositionY": [y_um] * planes,
            "PositionYUnit": ["µm"] * planes,
        }
    if image.quantity != "intensity":
        channels = shape[image.axes.index("C")] if "C" in image.axes else 1
        text = f"{image.quantity} ({QUANTITY_UNITS[image.quantity]})"
        metadata["Channel"] = {"Name": [text] * channels}
        metadata["Description"] = f"{text}, one number per pixel."
    return metadata
