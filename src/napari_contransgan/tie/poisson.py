"""Poisson's equation on a frame whose borders let no flux through (homogeneous Neumann condition).

Functions are expanded in cosines cos(q_i y) cos(q_j x) on pixel centres, with q_i = pi i / (N pixel): the discrete
cosine transform, which continues the frame by its even mirror image. A derivative turns cosines into sines (the
discrete sine transform), so that divergence, gradient and inverse Laplacian fit each other to rounding.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]


def cosine_transform(yx_values: NDArray[np.floating]) -> Array:
    """Coefficients of the cosines, orthonormal; the transform runs on all processors."""
    coefficients: Array = fft.dctn(np.asarray(yx_values, dtype=np.float64), norm="ortho", workers=-1)
    return coefficients


def inverse_cosine_transform(coefficients: Array) -> Array:
    """Undo `cosine_transform`."""
    yx_values: Array = fft.idctn(coefficients, norm="ortho", workers=-1)
    return yx_values


def wavenumbers(count: int, pixel_size_um: float) -> Array:
    """Wavenumbers q_i = pi i / (N pixel) of the cosines along one axis, in rad/um."""
    return np.pi / (count * pixel_size_um) * np.arange(count, dtype=np.float64)


def squared_wavenumbers(shape_yx: tuple[int, int], pixel_size_um: float) -> Array:
    """Squared wavenumber of each cosine of a frame, in rad^2/um^2: the negative Laplacian."""
    y_wavenumbers, x_wavenumbers = (wavenumbers(count, pixel_size_um) for count in shape_yx)
    squares: Array = y_wavenumbers[:, None] ** 2 + x_wavenumbers[None, :] ** 2
    return squares


def smallest_squared_wavenumber(shape_yx: tuple[int, int], pixel_size_um: float) -> float:
    """Square of the frame's smallest wavenumber, pi / (longer side), in rad^2/um^2."""
    return float((np.pi / (max(shape_yx) * pixel_size_um)) ** 2)


def inverse_laplacian(coefficients: Array, pixel_size_um: float, regularisation: float = 0.0) -> Array:
    """Apply the inverse Laplacian to cosine coefficients, with Tikhonov's damping -q^2 / (q^4 + r^2).

    r is `regularisation` times the square of the frame's smallest wavenumber. The mean of the result, which Poisson's
    equation leaves free, is zero.

    Parameters
    ----------
    coefficients : (Y, X) ndarray
        Of `cosine_transform`.
    pixel_size_um : float
        Pixel size.
    regularisation : float
        0 gives the plain inverse -1 / q^2.

    Returns
    -------
    (Y, X) ndarray
        Coefficients, in um^2 times the input's unit.
    """
    shape_yx = (coefficients.shape[0], coefficients.shape[1])
    squares = squared_wavenumbers(shape_yx, pixel_size_um)
    damping = regularisation * smallest_squared_wavenumber(shape_yx, pixel_size_um)
    denominator = squares**2 + damping**2
    denominator[0, 0] = np.inf
    solved: Array = -squares / denominator * coefficients
    return solved


def gradient(coefficients: Array, pixel_size_um: float) -> tuple[Array, Array]:
    """Gradient of a function given by its cosine coefficients.

    Returns
    -------
    y_slope, x_slope : (Y, X) ndarray
        On the pixels, per um; the part across the frame's border vanishes there.
    """
    y_slope = _cosines_to_slope(coefficients, pixel_size_um)
    x_slope = _cosines_to_slope(coefficients.T, pixel_size_um).T
    return y_slope, x_slope


def divergence(y_flux: Array, x_flux: Array, pixel_size_um: float) -> Array:
    """Cosine coefficients of the divergence of a vector field given on the pixels.

    Parameters
    ----------
    y_flux, x_flux : (Y, X) ndarray
        Components; no flux crosses the frame's border.
    pixel_size_um : float
        Pixel size.

    Returns
    -------
    (Y, X) ndarray
        Coefficients, per um.
    """
    total: Array = _flux_to_cosines(y_flux, pixel_size_um) + _flux_to_cosines(x_flux.T, pixel_size_um).T
    return total


def _cosines_to_slope(coefficients: Array, pixel_size_um: float) -> Array:
    sines = np.zeros_like(coefficients)  # sine i of the transform has wavenumber q_(i + 1)
    sines[:-1] = -wavenumbers(len(coefficients), pixel_size_um)[1:, None] * coefficients[1:]
    along_first = fft.idst(sines, type=2, norm="ortho", axis=0, workers=-1)
    slope: Array = fft.idct(along_first, type=2, norm="ortho", axis=1, workers=-1)
    return slope


def _flux_to_cosines(flux: Array, pixel_size_um: float) -> Array:
    sines = fft.dst(flux, type=2, norm="ortho", axis=0, workers=-1)
    sines = fft.dct(sines, type=2, norm="ortho", axis=1, workers=-1)
    coefficients = np.zeros_like(flux)
    coefficients[1:] = wavenumbers(len(flux), pixel_size_um)[1:, None] * sines[:-1]
    return coefficients
