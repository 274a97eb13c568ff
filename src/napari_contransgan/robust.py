"""Estimate standard deviations from medians, which a specimen or dirt in some of the values does not affect."""

import numpy as np
from numpy.typing import NDArray

MEDIAN_OF_UNIT_NORMAL = 0.6745
"""Median absolute value of a normal distribution with a standard deviation of 1."""


def robust_sigma(deviations: NDArray[np.floating]) -> float:
    """Return the standard deviation of normally distributed deviations, from the median of their absolute values.

    Parameters
    ----------
    deviations : ndarray
        Differences from the expected value, of any shape; those on one side of it are enough.

    Returns
    -------
    float
        In the unit of `deviations`; 0 if there are none.
    """
    return float(np.median(np.abs(deviations))) / MEDIAN_OF_UNIT_NORMAL if deviations.size else 0.0


def quieter_sigma(deviations: NDArray[np.floating]) -> float:
    """Return the robust standard deviation on the quieter side of zero.

    A specimen raises or lowers the values in one direction, so the other side shows the noise of the background.

    Parameters
    ----------
    deviations : ndarray
        Differences from the level of the background, of any shape.

    Returns
    -------
    float
        In the unit of `deviations`; 0 if there are none.
    """
    sides = deviations[deviations <= 0], deviations[deviations >= 0]
    return min((robust_sigma(side) for side in sides if side.size), default=0.0)
