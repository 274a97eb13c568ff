"""The choice of the regularisation from the noise of the derivative."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.tie.poisson import cosine_transform, smallest_squared_wavenumber, squared_wavenumbers

LARGEST_AUTOMATIC = 0.5
"""Beyond this, cells that fill a good part of the frame lose more than 3 % of their phase."""

_CANDIDATES = np.geomspace(1e-3, LARGEST_AUTOMATIC, 40)
_HIGHEST_SQUARE = 4000.0  # a damping of 0.5 changes wavenumbers above this by less than 1e-7


def choose_regularisation(yx_derivative: NDArray[np.floating]) -> float:
    """Choose the damping that makes the expected squared error of the phase smallest, up to a limit.

    White noise of variance v in each cosine coefficient b of the derivative, with the damping
    f = q^4 / (q^4 + R^2) (q relative to the frame's smallest wavenumber), leaves the phase the expected squared error

        sum_q [ (1 - f)^2 (b^2 - v) + f^2 v ] / q^4,

    Stein's unbiased estimate of the risk. v is measured where the microscope passes no signal, in the corner of the
    highest wavenumbers. A clean stack is hardly damped; a noisy one more, but never beyond `LARGEST_AUTOMATIC`, so
    that the slope of the phase is kept and remaining clouds are left to the eye rather than to a loss of phase.

    Parameters
    ----------
    yx_derivative : (Y, X) ndarray
        Slope of intensity along z, of any scale.

    Returns
    -------
    float
        In units of the square of the frame's smallest wavenumber.
    """
    powers = cosine_transform(yx_derivative) ** 2
    height, width = powers.shape
    noise = float(np.median(powers[3 * height // 4 :, 3 * width // 4 :])) / 0.4549  # median of chi^2, 1 degree
    squares = squared_wavenumbers((height, width), 1.0) / smallest_squared_wavenumber((height, width), 1.0)
    low = (squares < _HIGHEST_SQUARE) & (squares > 0)
    squares, powers = squares[low], powers[low]
    risks = []
    for candidate in _CANDIDATES:
        kept = squares**2 / (squares**2 + candidate**2)
        risks.append(float(np.sum(((1 - kept) ** 2 * (powers - noise) + kept**2 * noise) / squares**2)))
    return float(_CANDIDATES[int(np.argmin(risks))])
