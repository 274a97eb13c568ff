"""Reduce a long curve to about as many points as a screen can show.

pyqtgraph can do this too, but a single value that is not finite makes a whole group of its averages disappear: a
curve in which every seventh value is zero, on a logarithmic axis, would not be drawn at all.
"""

import numpy as np
from numpy.typing import NDArray

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def thinned(steps: NDArray[np.float64], values: NDArray[np.float64], most_points: int) -> Curve:
    """Average neighbours until no more than `most_points` are left, ignoring values that are not finite.

    Parameters
    ----------
    steps, values : ndarray, shape (n,)
        The curve, with rising steps.
    most_points : int
        Largest number of points in the result.

    Returns
    -------
    steps, values : ndarray
        The curve itself if it is short enough; nan where no value of a group is finite.
    """
    if len(steps) <= most_points:
        return steps, values
    starts = np.linspace(0, len(steps), most_points, endpoint=False).astype(np.intp)
    finite = np.isfinite(values)
    counts = np.add.reduceat(finite.astype(np.float64), starts)
    sums = np.add.reduceat(np.where(finite, values, 0.0), starts)
    sizes = np.diff(np.append(starts, len(steps)))
    means = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return np.add.reduceat(steps, starts) / sizes, means


def thinned_around(curve: Curve, seen: tuple[float, float] | None, most_points: int) -> Curve:
    """Thin a curve separately between the steps `seen` and outside, so that zooming in shows more detail."""
    steps, values = curve
    if seen is None:
        return thinned(steps, values, most_points)
    low, high = np.searchsorted(steps, seen[0], "left"), np.searchsorted(steps, seen[1], "right")
    parts = [
        thinned(steps[part], values[part], most_points) for part in (slice(low), slice(low, high), slice(high, None))
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
