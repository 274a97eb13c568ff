"""Whether a phase agrees with the direction in which the planes are said to be ordered."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.robust import quieter_sigma
from napari_contransgan.tie.background import background_median

Verdict = Literal["agrees", "contradicts", "cannot tell"]

CLEAR_SHARE = 0.8
"""Share of all phase that differs from the background that must have one sign."""

CLEAR_SCORE, CLEAR_SKEWNESS = 2.8, 2.0
"""Score of the specimen's sign, and standard errors of its fine structure alone (the sum of two scales), above which
the sign counts as known. See docs/background/tie-accuracy.md."""

STRONG_RAD, STRONG_SIDE_UM = 1.0, 24.0
"""Range of a phase, and side of a frame, above which the solver's sign and the sign of most of the phase suffice."""

_SKEWNESS_WEIGHT, _SIGN_WEIGHT, _SHARE_WEIGHT = 0.337, 2.851, 0.324  # logistic fit to 400 simulated fields
_SKEWNESS_UM = (0.3, 0.5)
_BAND = 1.6  # from one scale to the next
_MOST_SKEWNESS, _MOST_DEVIATION = 6.0, 6.0
_SKEWNESS_PX = 512
_BLOCK, _BLOCKS = 6.0, (3, 16)  # side of independent blocks, in scales; number along the shorter side
_FRAME_UM = (10.0, 30.0)  # sides below which the solver's sign counts for nothing, and above which in full
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
    pixel_size_um: float = 0.1625,
) -> Verdict:
    """Judge the direction by the sign of the specimen.

    Cells and beads have a higher index than what surrounds them, and so more phase; planes in the wrong order turn its
    sign. Three signs of it are weighed: that of most of the phase that differs from the background; the solver's own
    choice, if it tried both, where there is background; and fine structure, since granules, edges and beads are narrow
    rises and not narrow hollows. The first two suffice for a strong specimen in a frame with room for empty places.
    Else noise and changes of the light can mislead them, and fine structure must be clear. For a method that does not
    try both signs, the sign of most of the phase decides.

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
    pixel_size_um : float
        Pixel size.

    Returns
    -------
    {"agrees", "contradicts", "cannot tell"}
    """
    share = _share_of_rises(yx_phase_rad, std_rad, yx_measured)
    sign = figures.get("specimen_sign")
    if sign is None:
        clear = 2 * CLEAR_SHARE - 1
        return "agrees" if share > clear else "contradicts" if share < -clear else "cannot tell"
    side_um = min(yx_phase_rad.shape) * pixel_size_um
    has_background = figures.get("light_from_background", True)
    is_strong = has_background and side_um >= STRONG_SIDE_UM and float(np.ptp(yx_phase_rad)) > STRONG_RAD
    if is_strong and sign * share > CLEAR_SHARE:
        return "agrees" if sign > 0 else "contradicts"
    skewness = sum(_skewness(yx_phase_rad, yx_measured, scale_um / pixel_size_um) for scale_um in _SKEWNESS_UM)
    room = float(np.interp(side_um, _FRAME_UM, (0.0, 1.0)))
    score = _SKEWNESS_WEIGHT * skewness + (_SIGN_WEIGHT * sign * has_background + _SHARE_WEIGHT * share) * room
    if score > CLEAR_SCORE and skewness > CLEAR_SKEWNESS:
        return "agrees"
    return "contradicts" if score < -CLEAR_SCORE and skewness < -CLEAR_SKEWNESS else "cannot tell"


def _skewness(yx_phase_rad: NDArray[np.floating], yx_measured: NDArray[np.bool_] | None, scale_px: float) -> float:
    """Return the mean cube of the structure at a scale, in standard errors; those come from blocks of the frame."""
    window = tuple(
        slice(max(0, (side - _SKEWNESS_PX) // 2), max(0, (side - _SKEWNESS_PX) // 2) + _SKEWNESS_PX)
        for side in yx_phase_rad.shape
    )
    yx_values = np.asarray(yx_phase_rad[window], np.float32)
    yx_band = ndimage.gaussian_filter(yx_values, scale_px) - ndimage.gaussian_filter(yx_values, _BAND * scale_px)
    yx_used = np.ones(yx_band.shape, bool) if yx_measured is None else yx_measured[window]
    margin = int(1.5 * scale_px)
    if min(yx_band.shape) > 6 * margin:
        yx_used = ndimage.binary_erosion(yx_used, iterations=margin) if margin else yx_used
    if not yx_used.any():
        return 0.0
    spread = float(yx_band[yx_used].std())
    if spread == 0:
        return 0.0
    cubes = np.clip(yx_band / spread, -_MOST_DEVIATION, _MOST_DEVIATION) ** 3
    count = int(np.clip(min(yx_band.shape) / (_BLOCK * scale_px), *_BLOCKS))
    rows, columns = (np.arange(side) * count // side for side in yx_band.shape)
    blocks = (rows[:, None] * count + columns[None, :])[yx_used]
    sizes = np.bincount(blocks, minlength=count**2)
    means = np.bincount(blocks, cubes[yx_used], count**2)[sizes > 0] / sizes[sizes > 0]
    error = float(means.std()) / np.sqrt(means.size)
    return float(np.clip(means.mean() / error, -_MOST_SKEWNESS, _MOST_SKEWNESS)) if error > 0 else 0.0


def _share_of_rises(yx_phase_rad: NDArray[np.floating], std_rad: float, yx_measured: NDArray[np.bool_] | None) -> float:
    """Return -1 if all phase that differs from the background is below it, 1 if it is above; 0 if there is none."""
    stride = max(1, int(np.sqrt(yx_phase_rad.size / 250_000)))
    values = yx_phase_rad[::stride, ::stride].astype(np.float64)
    if yx_measured is not None:
        values = values[yx_measured[::stride, ::stride]]
    values = values - background_median(values)
    spread = quieter_sigma(values)
    differing = values[np.abs(values) > _SIGMAS * max(spread, std_rad)]
    if differing.size < _LEAST_AREA * values.size:
        return 0.0
    return float(differing.sum() / np.abs(differing).sum())
