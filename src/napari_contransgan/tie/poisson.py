"""Poisson's equation on a frame: expansions in cosines (no flux across the border) or in waves (periodic).

Cosines cos(q_i y) cos(q_j x) on pixel centres, with q_i = pi i / (N pixel), continue the frame by its even mirror
image: the discrete cosine transform (Zuo et al., Opt. Express 22, 9220 (2014)). Waves continue it by copies of itself:
the discrete Fourier transform. All transforms keep float32 and run on all processors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.floating]
Coefficients = NDArray[Any]


@dataclass(frozen=True)
class Expansion:
    """A pair of transforms and the wavenumbers that belong to their coefficients.

    Parameters
    ----------
    forward, inverse : callable
        From pixels to coefficients, and back to an array of the given shape; orthonormal. They may overwrite their
        input.
    wavenumbers : callable
        Wavenumbers along the two axes, in rad/um, of the coefficients of a frame (shape, pixel size).
    """

    forward: Callable[[Floats], Coefficients]
    inverse: Callable[[Coefficients, tuple[int, int]], Floats]
    wavenumbers: Callable[[tuple[int, int], float], tuple[Floats, Floats]]

    def squared_wavenumbers(
        self, shape_yx: tuple[int, int], pixel_size_um: float, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the squared wavenumber of each coefficient, in rad^2/um^2: the negative Laplacian."""
        return _sum_of_squares(*self.wavenumbers(shape_yx, pixel_size_um), out)

    def stepwise_squares(self, shape_yx: tuple[int, int], pixel_size_um: float) -> NDArray[np.float32]:
        """Return the negative Laplacian of neighbouring pixels' differences: sum of (2/pixel sin(q pixel/2))^2.

        It undoes `weighted_laplacian` with equal weights to rounding.
        """
        y, x = self.wavenumbers(shape_yx, pixel_size_um)
        half = pixel_size_um / 2
        return _sum_of_squares(np.sin(y * half) / half, np.sin(x * half) / half, None)


def _sum_of_squares(y: Floats, x: Floats, out: NDArray[np.float32] | None) -> NDArray[np.float32]:
    y_squares, x_squares = np.square(y).astype(np.float32), np.square(x).astype(np.float32)
    squares: NDArray[np.float32] = np.add(y_squares[:, None], x_squares[None, :], out=out)
    return squares


def _cosines_forward(yx_values: Floats) -> Coefficients:
    coefficients: Coefficients = fft.dctn(yx_values, norm="ortho", workers=-1, overwrite_x=True)
    return coefficients


def _cosines_inverse(coefficients: Coefficients, _shape: tuple[int, int]) -> Floats:
    yx_values: Floats = fft.idctn(coefficients, norm="ortho", workers=-1, overwrite_x=True)
    return yx_values


def _cosine_wavenumbers(shape_yx: tuple[int, int], pixel_size_um: float) -> tuple[Floats, Floats]:
    y, x = (np.pi / (count * pixel_size_um) * np.arange(count) for count in shape_yx)
    return y, x


def _waves_forward(yx_values: Floats) -> Coefficients:
    coefficients: Coefficients = fft.rfftn(yx_values, norm="ortho", workers=-1)
    return coefficients


def _waves_inverse(coefficients: Coefficients, shape: tuple[int, int]) -> Floats:
    yx_values: Floats = fft.irfftn(coefficients, s=shape, norm="ortho", workers=-1, overwrite_x=True)
    return yx_values


def _wave_wavenumbers(shape_yx: tuple[int, int], pixel_size_um: float) -> tuple[Floats, Floats]:
    y = 2 * np.pi * fft.fftfreq(shape_yx[0], pixel_size_um)
    x = 2 * np.pi * fft.rfftfreq(shape_yx[1], pixel_size_um)
    return y, x


COSINES = Expansion(_cosines_forward, _cosines_inverse, _cosine_wavenumbers)
WAVES = Expansion(_waves_forward, _waves_inverse, _wave_wavenumbers)


def smallest_squared_wavenumber(shape_yx: tuple[int, int], pixel_size_um: float) -> float:
    """Return the square of the frame's smallest wavenumber, pi / (longer side), in rad^2/um^2."""
    return float((np.pi / (max(shape_yx) * pixel_size_um)) ** 2)


def inverse_laplacian(
    coefficients: Coefficients, squares: NDArray[np.float32], smallest_square: float, regularisation: float = 0.0
) -> Coefficients:
    """Apply the inverse Laplacian in place, with Tikhonov's damping -q^2 / (q^4 + r^2).

    r is `regularisation` times `smallest_square`. The mean of the result, which Poisson's equation leaves free, is
    zero.

    Parameters
    ----------
    coefficients : ndarray
        Of an `Expansion`; overwritten.
    squares : ndarray
        Squared wavenumbers that belong to them.
    smallest_square : float
        Of `smallest_squared_wavenumber`.
    regularisation : float
        0 gives the plain inverse -1 / q^2.

    Returns
    -------
    ndarray
        The same array, in um^2 times the input's unit.
    """
    mean = coefficients[0, 0]
    if regularisation == 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(coefficients, -squares, out=coefficients)
    else:
        damped = squares + (regularisation * smallest_square) ** 2 / np.maximum(squares, 1e-30)
        np.divide(coefficients, -damped, out=coefficients)
    coefficients[0, 0] = 0 * mean
    return coefficients


def weighted_laplacian(yx_weights: Floats, yx_values: Floats, pixel_size_um: float) -> Floats:
    """Compute div(w grad f) from differences between neighbouring pixels; nothing flows across the frame's border.

    Parameters
    ----------
    yx_weights : (Y, X) ndarray
        w, averaged onto the border between two pixels.
    yx_values : (Y, X) ndarray
        f.
    pixel_size_um : float
        Pixel size.

    Returns
    -------
    (Y, X) ndarray
        In the unit of w f / um^2.
    """
    result = np.zeros_like(yx_values)
    for axis in (0, 1):
        values, weights, sums = (np.moveaxis(array, axis, 0) for array in (yx_values, yx_weights, result))
        flux = values[1:] - values[:-1]
        flux *= weights[1:] + weights[:-1]
        flux *= 0.5 / pixel_size_um**2
        sums[:-1] += flux
        sums[1:] -= flux
    return result
