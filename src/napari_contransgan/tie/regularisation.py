"""The choice of the regularisation from the noise of the derivative, and the noise that it lets through."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.tie.poisson import Coefficients

LARGEST_AUTOMATIC = 0.5
"""Beyond this, cells that fill a good part of the frame lose more than 3 % of their phase."""

_CANDIDATES = np.geomspace(1e-3, LARGEST_AUTOMATIC, 40)
_HIGHEST_SQUARE = 4000.0  # a damping of 0.5 changes wavenumbers above this by less than 1e-7


def choose_regularisation(
    coefficients: Coefficients, squares: NDArray[np.float32], smallest_square: float, noise: float
) -> float:
    """Choose the damping that makes the expected squared error of the phase smallest, up to a limit.

    White noise of variance v in each coefficient b of the derivative, with the damping f = q^4 / (q^4 + R^2) (q
    relative to the frame's smallest wavenumber), leaves the phase the expected squared error

        sum_q [ (1 - f)^2 (b^2 - v) + f^2 v ] / q^4,

    Stein's unbiased estimate of the risk. A clean stack is hardly damped; a noisy one more, but never beyond
    `LARGEST_AUTOMATIC`, so that the slope of the phase is kept and remaining clouds are left to the eye rather than to
    a loss of phase.

    Parameters
    ----------
    coefficients : ndarray
        Of the slope of intensity along z, orthonormal.
    squares : ndarray
        Squared wavenumbers that belong to them.
    smallest_square : float
        Square of the frame's smallest wavenumber.
    noise : float
        Standard deviation of the slope's white noise, in its own unit.

    Returns
    -------
    float
        In units of `smallest_square`.
    """
    low = (squares < _HIGHEST_SQUARE * smallest_square) & (squares > 0)
    relative = squares[low].astype(np.float64) / smallest_square
    powers = np.abs(coefficients[low]).astype(np.float64) ** 2
    risks = []
    for candidate in _CANDIDATES:
        kept = relative**2 / (relative**2 + candidate**2)
        risks.append(float(np.sum(((1 - kept) ** 2 * (powers - noise**2) + kept**2 * noise**2) / relative**2)))
    return float(_CANDIDATES[int(np.argmin(risks))])


def propagated_noise(shape_yx: tuple[int, int], pixel_size_um: float, regularisation: float, noise: float) -> float:
    """Return the standard deviation of white noise after a damped inverse Laplacian on cosines.

    It is the same in every pixel but for the border: the root of the mean over all frequencies of
    (q^2 / (q^4 + r^2))^2 times the noise's variance.

    Parameters
    ----------
    shape_yx : tuple of int
        The frame.
    pixel_size_um : float
        Pixel size.
    regularisation : float
        In units of the square of the frame's smallest wavenumber.
    noise : float
        Standard deviation of the noise in the source.

    Returns
    -------
    float
        In um^2 times the source's unit.
    """
    smallest_square = (np.pi / (max(shape_yx) * pixel_size_um)) ** 2
    # Noise falls with the fourth power of frequency: what lies above the first few hundred adds nothing.
    y, x = (np.pi / (count * pixel_size_um) * np.arange(min(count, 256)) for count in shape_yx)
    squares = np.add.outer(y**2, x**2)
    squares[0, 0] = np.inf
    passed = 1 / (squares + (regularisation * smallest_square) ** 2 / squares)
    return float(noise * np.sqrt(np.sum(passed**2) / (shape_yx[0] * shape_yx[1])))
