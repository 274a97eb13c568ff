"""Follow the dry mass of each object of a time series, and fit its growth rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.measuring.objects import MeasuredObject

SECONDS_PER_HOUR = 3600.0

_LEAST_FRAMES_OF_A_RATE = 3


@dataclass(frozen=True)
class Growth:
    """Dry mass of one object over time.

    Parameters
    ----------
    track : int
        Number of the object.
    time : (N,) ndarray
        Time since the first frame of the series, in hours, or the frame number if the series states no time step.
    in_hours : bool
        Whether `time` is in hours.
    dry_mass_pg : (N,) ndarray
        Dry mass.
    dry_mass_std_pg : (N,) ndarray
        Its standard error; NaN where it is unknown.
    rate_pg : float or None
        Slope of the line of least squares, in pg per hour or pg per frame; None with fewer than three frames.
    rate_std_pg : float or None
        Standard error of the slope, from the scatter around the line. Errors that are the same in all frames do not
        change the slope and are not included.
    """

    track: int
    time: NDArray[np.float64]
    in_hours: bool
    dry_mass_pg: NDArray[np.float64]
    dry_mass_std_pg: NDArray[np.float64]
    rate_pg: float | None
    rate_std_pg: float | None


def growth_of(objects: Sequence[MeasuredObject], time_step_s: float | None = None) -> tuple[Growth, ...]:
    """Return the dry mass over time of each object that is seen in several frames.

    Parameters
    ----------
    objects : sequence of MeasuredObject
        Linked objects of a time series. Objects that are cut are left out, since their dry mass is not that of the
        whole object.
    time_step_s : float, optional
        Time between frames, in seconds.

    Returns
    -------
    tuple of Growth
        In the order of the tracks.
    """
    tracks: dict[int, list[MeasuredObject]] = {}
    for one in objects:
        if one.track is not None and not one.touches_edge:
            tracks.setdefault(one.track, []).append(one)
    return tuple(
        _growth(track, sorted(seen, key=lambda one: one.frame), time_step_s)
        for track, seen in sorted(tracks.items())
        if len(seen) > 1
    )


def _growth(track: int, seen: Sequence[MeasuredObject], time_step_s: float | None) -> Growth:
    step = 1.0 if time_step_s is None else time_step_s / SECONDS_PER_HOUR
    time = np.array([one.frame * step for one in seen], np.float64)
    mass_pg = np.array([one.dry_mass_pg for one in seen], np.float64)
    std_pg = np.array([np.nan if one.dry_mass_std_pg is None else one.dry_mass_std_pg for one in seen], np.float64)
    rate_pg = rate_std_pg = None
    if len(seen) >= _LEAST_FRAMES_OF_A_RATE:
        from_mean = time - time.mean()
        spread = float(np.sum(from_mean**2))
        rate_pg = float(np.sum(from_mean * mass_pg)) / spread
        residuals_pg = mass_pg - mass_pg.mean() - rate_pg * from_mean
        rate_std_pg = float(np.sqrt(np.sum(residuals_pg**2) / (len(seen) - 2) / spread))
    return Growth(track, time, time_step_s is not None, mass_pg, std_pg, rate_pg, rate_std_pg)
