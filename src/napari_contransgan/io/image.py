"""The image with its physical meaning, and checks of its pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError

Quantity = Literal["intensity", "phase", "path", "height", "dry-mass", "phase-std"]

QUANTITY_UNITS: Mapping[Quantity, str] = MappingProxyType(
    {
        "intensity": "counts",
        "phase": "rad",
        "path": "nm",
        "height": "um",
        "dry-mass": "pg/um^2",
        "phase-std": "rad",
    }
)
"""Unit of each quantity."""

NAMESPACE = "napari-contransgan"
"""Namespace of the structured annotation in our OME-TIFFs."""

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Image:
    """An image with its physical meaning.

    Parameters
    ----------
    data : ndarray or dask array
        Pixels; one axis for each letter of `axes`. A dask array reads them from the file when they are computed.
    axes : str
        Axis letters out of T, Z, C, Y, X and S (samples of an RGB image, always last), for example ``"ZYX"``.
    pixel_size_um : float or None
        Lateral pixel size; pixels are square. None if the file states none.
    z_step_um : float or None
        Distance between neighbouring planes, positive; None if it is unknown or there is no Z axis.
    time_step_s : float or None
        Time between frames.
    origin_yx_um : tuple of float
        Position of the centre of pixel (0, 0).
    quantity : {"intensity", "phase", "path", "height", "dry-mass", "phase-std"}
        What the numbers mean: intensity in counts, phase in radians, optical path difference in nm, height in um, dry
        mass per area in pg/um^2, standard deviation of the phase in radians. All but intensity are stored as float32.
    wavelength_um : float or None
        Vacuum wavelength, if known.
    name : str
        Name for layers and messages.
    settings : mapping
        How the image was made, as plain JSON values; saved with the file.
    numerical_aperture : float or None
        NA of the objective, if known.
    coherence : float or None
        Condenser aperture S, the condenser's NA divided by the objective's, if known.
    z_falls : bool
        Whether the file's own plane positions show that its planes are in order of falling z.
    z_um : tuple of float or None
        Height of each plane along Z as the file states it, if planes are unevenly spaced; `z_step_um` is then None.
    dark_counts : float or None
        Dark level: the camera's counts without light, if the file states them. They are not subtracted from the pixels.
    notes : tuple of str
        Doubts about the file and its contradictions, in plain words, one or two sentences each. Never saved.
    """

    data: NDArray[Any]
    axes: str
    pixel_size_um: float | None = None
    z_step_um: float | None = None
    time_step_s: float | None = None
    origin_yx_um: tuple[float, float] = (0.0, 0.0)
    quantity: Quantity = "intensity"
    wavelength_um: float | None = None
    name: str = "image"
    settings: Mapping[str, Any] = field(default_factory=dict)
    numerical_aperture: float | None = None
    coherence: float | None = None
    z_falls: bool = False
    z_um: tuple[float, ...] | None = None
    dark_counts: float | None = None
    notes: tuple[str, ...] = ()


def check_pixels(image: Image) -> None:
    """Raise an error for pixels that cannot be used.

    Raises
    ------
    InputError
        If there are none, if they are complex or not numbers, if one is NaN or infinite, or if all are equal.
    """
    data = image.data
    if data.size == 0:
        raise InputError(f"has no pixels (shape {data.shape}): choose another image", source=image.name)
    if data.dtype.kind not in "uifb":
        raise InputError(f"holds {data.dtype} numbers: give an image of integers or real numbers", source=image.name)
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        count = int(data.size - np.count_nonzero(np.isfinite(data)))
        raise InputError(f"{count} of {data.size} pixels are NaN or infinite: replace them first", source=image.name)
    lowest = data.min()
    if lowest == data.max():
        raise InputError(
            f"every pixel has the same value ({float(lowest):g}): there is nothing in it", source=image.name
        )


def to_luminance(image: Image) -> tuple[Image, bool]:
    """Convert an RGB image to luminance, 0.2126 R + 0.7152 G + 0.0722 B (ITU-R BT.709); alpha is ignored.

    Returns
    -------
    Image
        float32 without the S axis, in the range of the input; other images are returned unchanged.
    bool
        Whether the image was converted.

    Raises
    ------
    InputError
        If there are neither three nor four samples.
    """
    if not image.axes.endswith("S"):
        return image, False
    samples = image.data.shape[-1]
    if samples not in (3, 4):
        raise InputError(f"has {samples} samples per pixel: give an RGB or a greyscale image", source=image.name)
    luminance = image.data[..., :3].astype(np.float32) @ np.asarray(LUMINANCE_WEIGHTS, np.float32)
    return replace(image, data=luminance, axes=image.axes[:-1]), True
