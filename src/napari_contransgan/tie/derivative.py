"""The derivative of intensity along z, in the plane in focus."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.errors import InputError


def equalise_sums(zyx_stack: NDArray[np.floating], focus_index: int) -> NDArray[np.float64]:
    """Scale each plane to the sum of the plane in focus.

    Light is neither made nor lost between planes, so unequal sums come from the lamp or the exposure. Left alone, the
    difference would act as a source over the whole frame.

    Parameters
    ----------
    zyx_stack : (Z, Y, X) ndarray
        Intensities of any scale, without offset.
    focus_index : int
        Plane whose sum the others take.

    Returns
    -------
    (Z, Y, X) ndarray of float64

    Raises
    ------
    InputError
        If a plane carries no light.
    """
    zyx = np.asarray(zyx_stack, dtype=np.float64)
    z_means = zyx.mean(axis=(1, 2))
    if not np.all(z_means > 0):
        plane = int(np.argmin(z_means > 0))
        raise InputError(
            f"plane {plane} carries no light (mean {z_means[plane]:g}): "
            "give intensities as the camera recorded them, without subtracting the background"
        )
    zyx_scaled: NDArray[np.float64] = zyx * (z_means[focus_index] / z_means)[:, None, None]
    return zyx_scaled


def derivative_weights(z_um: Sequence[float], focus_index: int) -> NDArray[np.float64]:
    """Weights of the planes whose sum is the least-squares slope of intensity in the plane in focus.

    A polynomial in z is fitted through each pixel: a line through two planes, a parabola through three or four, a
    cubic through five or more. For three evenly spaced planes this is (I(+dz) - I(-dz)) / (2 dz), Eq. 2 of the paper.

    Parameters
    ----------
    z_um : sequence of float
        Height of each plane, all different, evenly spaced or not.
    focus_index : int
        Plane in which the slope is wanted.

    Returns
    -------
    (Z,) ndarray
        In 1/um.
    """
    relative_z_um = np.asarray(z_um, dtype=np.float64) - z_um[focus_index]
    span_um = np.abs(relative_z_um).max()
    count = relative_z_um.size
    degree = 1 if count == 2 else 2 if count < 5 else 3
    powers = np.vander(relative_z_um / span_um, degree + 1, increasing=True)
    weights: NDArray[np.float64] = np.linalg.pinv(powers)[1] / span_um
    return weights


def axial_derivative(zyx_stack: NDArray[np.floating], z_um: Sequence[float], focus_index: int) -> NDArray[np.float64]:
    """Slope of intensity along z in the plane in focus, in intensity / um; see `derivative_weights`.

    Parameters
    ----------
    zyx_stack : (Z, Y, X) ndarray
        Intensities of at least two planes.
    z_um : sequence of float
        Height of each plane.
    focus_index : int
        Plane in focus.

    Returns
    -------
    (Y, X) ndarray of float64
    """
    zyx = np.asarray(zyx_stack, dtype=np.float64)
    slope: NDArray[np.float64] = np.tensordot(derivative_weights(z_um, focus_index), zyx, axes=1)
    return slope
