"""TIFF and OME-TIFF in and out, with pixel size, z step, units and position."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Quantity = Literal["intensity", "phase"]


@dataclass(frozen=True)
class Image:
    """An image with its physical meaning.

    Parameters
    ----------
    data : ndarray
        Pixels; one axis for each letter of `axes`.
    axes : str
        Axis letters out of T, Z, C, Y, X and S (samples of an RGB image, always last), for example ``"ZYX"``.
    pixel_size_um : float or None
        Lateral pixel size; pixels are square. None where the file states none.
    z_step_um : float or None
        Distance of neighbouring planes, positive; None where unknown or there is no Z axis.
    time_step_s : float or None
        Time between frames.
    origin_yx_um : tuple of float
        Position of the centre of pixel (0, 0).
    quantity : {"intensity", "phase"}
        What the numbers are. Phase is float32 radians.
    wavelength_um : float or None
        Vacuum wavelength, where known.
    name : str
        For layers and messages.
    settings : mapping
        How the image came about, as plain JSON values; kept in the file.
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
