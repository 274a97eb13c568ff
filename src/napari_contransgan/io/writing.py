"""Writing OME-TIFF."""

import json
import math
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.image import NAMESPACE, Image


def write_image(path: Path, image: Image) -> None:
    """Write an OME-TIFF that `read_image` gives back field by field.

    The file appears whole or not at all; an older one of that name is replaced. Missing parent folders are made.
    Phase of any floating type is stored as float32. Name, wavelength, quantity and settings stand as JSON in a
    structured annotation of the namespace ``napari-contransgan``.

    Parameters
    ----------
    path : Path
        Ends in ``.tif`` or ``.tiff``.
    image : Image
        The image; its axes end in YX or YXS.

    Raises
    ------
    InputError
        If the name does not end so, the place cannot be written, or OME-TIFF has no such pixel type.
    """
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise InputError(f"{path}: the name of an image must end in .tif or .ome.tif")
    data = np.ascontiguousarray(image.data)
    if data.dtype.kind not in "uifc" or data.dtype.name in ("int64", "uint64", "float16") or data.size == 0:
        raise InputError(f"{image.name}: {data.dtype} pixels {data.shape} cannot be written: convert them to float32")
    if image.quantity == "phase":
        if data.dtype.kind != "f":
            raise InputError(f"{image.name}: phase must be floating-point radians, not {data.dtype}: convert it")
        data = data.astype(np.float32, copy=False)
    metadata = _ome_metadata(image, data)
    is_rgb = image.axes.endswith("S") and data.shape[-1] in (3, 4)
    resolution = None if image.pixel_size_um is None else (1e4 / image.pixel_size_um,) * 2
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: its folder cannot be made: {error.strerror or error}: choose another") from error
    try:
        tifffile.imwrite(
            part,
            data,
            ome=True,
            bigtiff=data.nbytes > 3_900_000_000,
            photometric="rgb" if is_rgb else "minisblack",
            planarconfig="contig" if image.axes.endswith("S") else None,
            compression="zlib",
            predictor=data.dtype.kind in "ui",
            resolution=resolution,
            resolutionunit=None if resolution is None else "CENTIMETER",
            metadata=metadata,
        )
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _ome_metadata(image: Image, data: NDArray[Any]) -> dict[str, Any]:
    own = {
        "axes": image.axes,
        "shape": data.shape,
        "quantity": image.quantity,
        "wavelength_um": image.wavelength_um,
        "name": image.name,
        "settings": dict(image.settings),
    }
    metadata: dict[str, Any] = {
        "axes": image.axes,
        "Name": "".join(letter if letter.isprintable() else " " for letter in image.name),
        "MapAnnotation": {"Namespace": NAMESPACE, "image": json.dumps(own)},
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
        planes = math.prod(data.shape[: image.axes.index("Y")])
        y_um, x_um = (float(value) for value in image.origin_yx_um)
        metadata["Plane"] = {
            "PositionX": [x_um] * planes,
            "PositionXUnit": ["µm"] * planes,
            "PositionY": [y_um] * planes,
            "PositionYUnit": ["µm"] * planes,
        }
    if image.quantity == "phase":
        channels = data.shape[image.axes.index("C")] if "C" in image.axes else 1
        metadata["Channel"] = {"Name": ["phase (rad)"] * channels}
        metadata["Description"] = "Phase in radians."
    return metadata
