"""A factor for the phase of each tile, from how strongly image and phase vary at each scale.

At another focus the same cells have another contrast, and a network trained at one focus gives too much or too little
phase there. The spatial frequencies of the contrast show where the focus is, and so by how much the phase is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

EDGES_PER_PX = (0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.125, 0.15, 0.175, 0.2, 0.23, 0.26)
"""Limits of the bands of spatial frequency on the model's grid, from structures of 30 um to those of 1.2 um."""
BANDS = len(EDGES_PER_PX) - 1
SHAPE_BANDS = 6
"""Bands in which the phase's own share of power counts too."""
DAMPING = 10.0
"""Ridge penalty of the fit, in tiles; between 3 and 30 the result hardly changes."""
LARGEST_DEVIATION = 2.5
"""Features further from their mean, in standard deviations, count as this far: nothing is extrapolated."""
FACTOR_RANGE = (0.5, 2.0)
LEAST_SLOPE = 0.2
LEAST_POWER = 1e-12

FloatMap = NDArray[np.floating]
Features = NDArray[np.float64]


class TileGain(BaseModel):
    """A linear model of the logarithm of the factor.

    Parameters
    ----------
    means, spreads, weights : tuple of float
        Mean and standard deviation of each feature, and its weight.
    bias : float
        Logarithm of the factor of a tile with mean features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def factor(self, yx_contrast: FloatMap, yx_output: FloatMap) -> float:
        """Return the factor for a network's output on a tile; shape (Y, X) each."""
        deviation = (features(yx_contrast, yx_output) - self.means) / self.spreads
        deviation = np.clip(deviation, -LARGEST_DEVIATION, LARGEST_DEVIATION)
        return float(np.clip(np.exp(deviation @ np.array(self.weights) + self.bias), *FACTOR_RANGE))

    def times(self, factor: float) -> "TileGain":
        """Return a gain that is larger by a factor."""
        return self.model_copy(update={"bias": self.bias + float(np.log(factor))})


@dataclass(frozen=True)
class GainSample:
    """One tile of known phase.

    Parameters
    ----------
    yx_contrast, yx_output : ndarray, shape (Y, X)
        Input and output of the network.
    slope : float
        Slope of the output against the known phase.
    weight : float
        How much the tile counts.
    """

    yx_contrast: FloatMap
    yx_output: FloatMap
    slope: float
    weight: float


def fit_gain(samples: Sequence[GainSample]) -> TileGain | None:
    """Fit a gain that brings the slopes to 1, by ridge regression; None from too few tiles with a specimen."""
    used = [one for one in samples if one.slope >= LEAST_SLOPE and one.weight > 0]
    if len(used) < 2 * BANDS:
        return None
    rows = np.array([features(one.yx_contrast, one.yx_output) for one in used])
    wanted = -np.log([one.slope for one in used])
    share = np.array([one.weight for one in used])
    share *= len(used) / share.sum()
    means = np.average(rows, axis=0, weights=share)
    spreads = np.sqrt(np.average((rows - means) ** 2, axis=0, weights=share)) + LEAST_POWER
    table = np.clip((rows - means) / spreads, -LARGEST_DEVIATION, LARGEST_DEVIATION)
    bias = float(np.average(wanted, weights=share))
    normal = (table.T * share) @ table + DAMPING * np.eye(table.shape[1])
    weights = np.linalg.solve(normal, (table.T * share) @ (wanted - bias))
    return TileGain(means=tuple(means), spreads=tuple(spreads), weights=tuple(weights), bias=bias)


def features(yx_contrast: FloatMap, yx_output: FloatMap) -> Features:
    """Return, for bands of spatial frequency, ratio and correlation of contrast and output, and the latter's shape."""
    window, band = _bands(*yx_output.shape)
    image, phase = (np.fft.rfft2((values - np.median(values)) * window).ravel() for values in (yx_contrast, yx_output))

    def power(values: NDArray[np.floating]) -> Features:
        return np.asarray(np.bincount(band, values, BANDS + 2)[1 : BANDS + 1] + LEAST_POWER, np.float64)

    of_image, of_phase = power(np.abs(image) ** 2), power(np.abs(phase) ** 2)
    both = power((image * phase.conj()).real)
    shape = np.log(of_phase / of_phase.sum())[:SHAPE_BANDS]
    return np.concatenate([np.log(of_image / of_phase) / 2, both / np.sqrt(of_image * of_phase), shape / 2])


@lru_cache(maxsize=8)
def _bands(height: int, width: int) -> tuple[Features, NDArray[np.intp]]:
    """Return the window of a tile, and the band of each of its spatial frequencies."""
    window = np.outer(np.hanning(height), np.hanning(width))
    f_per_px = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    return window, np.digitize(f_per_px.ravel(), EDGES_PER_PX)
