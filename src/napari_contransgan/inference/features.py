"""Describe squares of an image and its predicted phase by numbers: spectra, transfer function, and brightness."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

SIDE_PX = 224
"""Side of a square on the model's grid; smaller images are described as a whole."""
LEAST_PX = 64
RINGS = (0.004, 0.012, 0.022, 0.035, 0.05, 0.07, 0.095, 0.13, 0.18, 0.25, 0.35, 0.5)
"""Limits of the rings of spatial frequency, in cycles per pixel of the model's grid."""
JOINT_RINGS = 8
"""Rings, from the inside, in which contrast and phase are compared."""
FINE, CAUSE, VALUES = "fine", "cause", "values"
"""Groups of features: spectra, how the contrast follows from the phase, and the distribution of brightness."""

_POWERS = len(RINGS) - 1
GROUPS = {
    FINE: slice(0, _POWERS),
    CAUSE: slice(_POWERS, _POWERS + 3 * JOINT_RINGS),
    VALUES: slice(_POWERS + 3 * JOINT_RINGS, _POWERS + 3 * JOINT_RINGS + 9),
}


def features_of(yx_contrast: NDArray[np.float32], yx_phase_rad: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the features of a square.

    Parameters
    ----------
    yx_contrast, yx_phase_rad : (Y, X) ndarray of float32
        Input of a network, and its phase.
    """
    height, width = yx_contrast.shape
    window, rings, counts = _rings(height, width)
    spectra = [
        fft.rfft2((values - values.mean()) * window, workers=1).ravel() for values in (yx_contrast, yx_phase_rad)
    ]
    of_contrast, of_phase = (_by_ring(np.square(np.abs(one)), rings, counts) for one in spectra)
    joint = _by_ring((spectra[0] * spectra[1].conj()).real, rings, counts)
    scale = 1.0 / (height * width)
    floor_contrast, floor_phase = 1e-5, 1e-6
    of_contrast, of_phase, joint = of_contrast * scale, of_phase * scale, joint * scale
    inner = slice(0, JOINT_RINGS)
    transfer = joint[inner] / (of_phase[inner] + 1e-4)
    coherence = joint[inner] / np.sqrt((of_contrast[inner] + 1e-4) * (of_phase[inner] + 1e-4))
    low, low_5, middle, high_5, high = _percentiles(yx_contrast[::2, ::2], (0.5, 5, 50, 95, 99.5))
    p_low, p_middle, p_high = _percentiles(yx_phase_rad[::2, ::2], (0.5, 50, 99.5))
    spread = high_5 - low_5 + 0.02
    values = [
        np.log(spread),
        np.log((high - middle + 0.02) / (middle - low + 0.02)),
        np.log((high - low + 0.02) / spread),
        np.log((high_5 - middle + 0.02) / (middle - low_5 + 0.02)),
        middle / spread,
        np.log(p_high - p_middle + 0.03),
        np.log(p_middle - p_low + 0.03),
        np.arcsinh(10 * p_middle) / 3,
        np.log((p_high - p_low + 0.03) / spread),
    ]
    features = [
        np.log(of_contrast + floor_contrast),
        np.log(of_phase[inner] + floor_phase),
        np.arcsinh(transfer),
        2 * coherence,
        np.array(values),
    ]
    return np.concatenate(features).astype(np.float32)


def _percentiles(values: NDArray[np.float32], wanted: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the numbers of `numpy.percentile`, in a ninth of its time."""
    ordered = np.sort(values, axis=None)
    return np.interp(np.asarray(wanted) / 100 * (ordered.size - 1), np.arange(ordered.size), ordered)


def squares_of(shape_yx: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return the squares of a tile or field that are described."""
    spans = []
    for side in shape_yx:
        if side < LEAST_PX:
            return []
        count = max(1, side // SIDE_PX)
        length = min(side, SIDE_PX)
        spans.append([slice(number * length, (number + 1) * length) for number in range(count)])
    return [(rows, columns) for rows in spans[0] for columns in spans[1]]


@lru_cache(maxsize=8)
def _rings(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float64]]:
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    window /= np.sqrt(np.mean(window**2))
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :])
    rings = np.digitize(frequency.ravel(), RINGS)
    counts = np.bincount(rings, minlength=len(RINGS) + 1)[1:-1].astype(np.float64)
    return window.astype(np.float32), rings, counts


def _by_ring(values: NDArray[np.floating], rings: NDArray[np.intp], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.bincount(rings, weights=values, minlength=len(RINGS) + 1)[1:-1]
    return sums / np.maximum(counts, 1)
