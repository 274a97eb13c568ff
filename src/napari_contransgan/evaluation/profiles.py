"""Sample a phase map along a line."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_contransgan.errors import InputError


def line_profile(
    yx_phase_rad: NDArray[np.floating],
    start_yx_um: tuple[float, float],
    end_yx_um: tuple[float, float],
    pixel_size_um: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sample a phase map along a straight line, with linear interpolation and at least one sample per pixel.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase in radians.
    start_yx_um, end_yx_um : tuple of float
        Ends of the line, relative to the centre of pixel (0, 0).
    pixel_size_um : float
        Pixel size.

    Returns
    -------
    distance_um : (N,) ndarray
        Distances from the start, up to and including the end.
    phase_rad : (N,) ndarray

    Raises
    ------
    InputError
        If the line has no length or leaves the map.
    """
    start, end = (np.asarray(point, dtype=np.float64) / pixel_size_um for point in (start_yx_um, end_yx_um))
    length_px = float(np.hypot(*(end - start)))
    if not length_px > 0:
        raise InputError("the profile's line has no length: give two different ends")
    last_pixel = np.asarray(yx_phase_rad.shape) - 1
    if np.any(np.minimum(start, end) < -0.5) or np.any(np.maximum(start, end) > last_pixel + 0.5):
        raise InputError(
            f"the profile's line from {start_yx_um} to {end_yx_um} um (y, x) leaves the map: draw it inside"
        )
    count = int(np.ceil(length_px)) + 1
    positions = np.linspace(start, end, count).T
    phase_rad = map_coordinates(np.asarray(yx_phase_rad, dtype=np.float64), positions, order=1, mode="nearest")
    return np.linspace(0.0, length_px * pixel_size_um, count), phase_rad
