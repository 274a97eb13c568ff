"""Sample the phase along a line through one or several maps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import line_profile
from napari_contransgan.io import Image
from napari_contransgan.optics import check_pixel_size


@dataclass(frozen=True)
class Profile:
    """Phase along a line.

    Parameters
    ----------
    name : str
        Name of the map.
    distance_um, phase_rad : (N,) ndarray
        Distance from the start of the line, and the phase there.
    """

    name: str
    distance_um: NDArray[np.float64]
    phase_rad: NDArray[np.float64]


def profile_along(phase: Image, start_yx_um: tuple[float, float], end_yx_um: tuple[float, float]) -> Profile:
    """Sample one frame of a phase map along a straight line.

    Parameters
    ----------
    phase : Image
        Phase in radians, axes YX, with a pixel size.
    start_yx_um, end_yx_um : tuple of float
        Ends of the line in the coordinates of the image's origin.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        If the image is not one frame of phase or states no pixel size, or if the line leaves the image or has no
        length.
    """
    if phase.quantity != "phase" or phase.axes != "YX":
        raise InputError(
            f"{phase.name}: holds {phase.quantity} with axes {phase.axes}: give one frame of phase (axes YX)"
        )
    pixel_size_um = check_pixel_size(phase.pixel_size_um, phase.name)
    ends = [(float(y - phase.origin_yx_um[0]), float(x - phase.origin_yx_um[1])) for y, x in (start_yx_um, end_yx_um)]
    try:
        distance_um, phase_rad = line_profile(np.asarray(phase.data), ends[0], ends[1], pixel_size_um)
    except InputError as error:
        raise InputError(f"{phase.name}: {error}") from None
    return Profile(phase.name, distance_um, phase_rad)
