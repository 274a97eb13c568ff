"""Whether a phase agrees with the direction in which the planes are said to stand."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.robust import quieter_sigma
from napari_contransgan.tie.background import background_median

Verdict = Literal["agrees", "contradicts", "cannot tell"]

CLEAR_SHARE = 0.8
"""Share of all phase beside the background that must have one sign."""

_SIGMAS = 5.0
_LEAST_AREA = 1e-3

NOTES = {
    "contradicts": "The specimen comes out with less phase than its surroundings. Cells and beads usually have "
    "more, so the planes probably stand in order of falling z: flip z, unless the specimen's index is below "
    "its medium's. Images whose bright and dark were exchanged look the same: record them anew, or invert them back.",
    "cannot tell": "The planes do not tell whether their order is right: if cells come out as hollows, flip z.",
}


def check_direction(
    yx_phase_rad: NDArray[np.floating],
    figures: dict[str, Any],
    std_rad: float = 0.0,
    yx_measured: NDArray[np.bool_] | None = None,
) -> Verdict:
    """Judge the direction by the sign of the specimen.

    Cells and beads have a higher index than what surrounds them, and so more phase; planes in the wrong order turn its
    sign. A solver that tried both signs has decided already; else the sign of most of the phase counts that stands out
    from the background.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase.
    figures : dict
        Of the solution: ``specimen_sign`` is 1, -1, or 0 where the solver could not tell.
    std_rad : float
        Standard deviation of the phase by noise, so that clouds of noise are not taken for a specimen.
    yx_measured : (Y, X) ndarray of bool or None
        Where there is phase; None for everywhere.

    Returns
    -------
    {"agrees", "contradicts", "cannot tell"}
    """
    sign = figures.get("specimen_sign")
    if sign is None:
        sign = _sign_of_most(yx_phase_rad, std_rad, yx_measured)
    return "agrees" if sign > 0 else "contradicts" if sign < 0 else "cannot tell"


def _sign_of_most(yx_phase_rad: NDArray[np.floating], std_rad: float, yx_measured: NDArray[np.bool_] | None) -> int:
    stride = max(1, int(np.sqrt(yx_phase_rad.size / 250_000)))
    values = yx_phase_rad[::stride, ::stride].astype(np.float64)
    if yx_measured is not None:
        values = values[yx_measured[::stride, ::stride]]
    values = values - background_median(values)
    spread = quieter_sigma(values)
    standing_out = values[np.abs(values) > _SIGMAS * max(spread, std_rad)]
    if standing_out.size < _LEAST_AREA * values.size:
        return 0
    share = float(np.maximum(standing_out, 0).sum() / np.abs(standing_out).sum())
    return 1 if share > CLEAR_SHARE else -1 if share < 1 - CLEAR_SHARE else 0
