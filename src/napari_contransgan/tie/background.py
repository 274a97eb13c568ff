"""The level of a phase map's empty background."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.robust import quieter_sigma

COMMON_FRACTION = 0.1
"""Share of the pixels whose narrowest range marks the most common value."""

BACKGROUND_SIGMAS = 2.5
"""Values within so many robust standard deviations of the most common value count as background."""

MOST_SAMPLED = 250_000
"""In larger maps, about this many evenly spaced pixels are used."""


def background_median(values: NDArray[np.floating]) -> float:
    """Return the median of the background, found from the values alone.

    The background is flat, so its values crowd together: the narrowest range that holds a tenth of the pixels lies in
    it, even where cells cover most of the frame. Around that range's median, everything within `BACKGROUND_SIGMAS`
    robust standard deviations counts as background. The deviation is taken on the quieter side, since specimens lie
    on one side only (above, or below in a medium of a higher index). Where no background is left, the most common
    value takes its place.

    Parameters
    ----------
    values : ndarray
        Phase or any other finite map, of any shape.

    Returns
    -------
    float
        In the unit of `values`.
    """
    sample = values if values.size <= MOST_SAMPLED else np.ravel(values)[:: values.size // MOST_SAMPLED]
    ordered = np.sort(np.asarray(sample, dtype=np.float64), axis=None)
    width = min(max(int(COMMON_FRACTION * ordered.size), 8), ordered.size - 1)
    start = int(np.argmin(ordered[width:] - ordered[: ordered.size - width]))
    centre = float(np.median(ordered[start : start + width + 1]))
    for _ in range(5):
        sigma = quieter_sigma(ordered - centre)
        if sigma == 0:  # a background without noise, as in simulated truth
            break
        low, high = centre - BACKGROUND_SIGMAS * sigma, centre + BACKGROUND_SIGMAS * sigma
        first, last = np.searchsorted(ordered, low, side="left"), np.searchsorted(ordered, high, side="right")
        centre = float(np.median(ordered[first:last]))
    return centre
