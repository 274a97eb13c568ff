"""Resample parts of a frame to the model's grid, with the same result as `to_model_grid` gives for the whole frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_contransgan.models.normalisation import UNCHANGED, shape_on_model_grid
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

_SHARP, _SMOOTH = -0.75, -0.5
"""Coefficients of the bicubic kernels of PyTorch without and with a low-pass filter."""


@dataclass(frozen=True)
class AxisWeights:
    """Weights of the pixels of a frame, along one axis, for pixels of the model's grid.

    Parameters
    ----------
    first : int
        First pixel of the frame that has a weight.
    matrix : sparse array, shape (pixels of the grid, pixels of the frame)
        The weights; each row adds up to 1.
    """

    first: int
    matrix: Any

    @property
    def stop(self) -> int:
        """Return the pixel after the last one that has a weight."""
        return self.first + int(self.matrix.shape[1])


def axis_weights(side_px: int, pixel_size_um: float, start: int, stop: int) -> AxisWeights:
    """Return the weights for the pixels `start` to `stop` (exclusive) of the model's grid.

    Parameters
    ----------
    side_px : int
        Pixels of the frame along the axis.
    pixel_size_um : float
        Its pixel size.
    start, stop : int
        Pixels of the grid.
    """
    scale = pixel_size_um / MODEL_PIXEL_SIZE_UM
    wanted = np.arange(start, stop)
    if abs(scale - 1) < UNCHANGED:
        return AxisWeights(start, sparse.csr_array(sparse.identity(stop - start, dtype=np.float32, format="csr")))
    if scale > 1:
        positions = (wanted + 0.5) / scale - 0.5
        taps = np.floor(positions).astype(int)[:, None] + np.arange(-1, 3)
        weights = _cubic(positions[:, None] - taps, _SHARP)
        taps = np.clip(taps, 0, side_px - 1)
    else:
        side_on_grid = shape_on_model_grid((side_px, side_px), pixel_size_um)[0]
        covered = max(1, round(side_on_grid / scale))
        ratio = covered / side_on_grid
        centres = ratio * (wanted + 0.5)
        first = np.maximum((centres - 2 * ratio + 0.5).astype(int), 0)[:, None]
        last = np.minimum((centres + 2 * ratio + 0.5).astype(int), covered)[:, None]
        taps = first + np.arange(int(np.max(last - first)))
        weights = np.where(taps < last, _cubic((taps - centres[:, None] + 0.5) / ratio, _SMOOTH), 0)
        weights /= weights.sum(axis=1, keepdims=True)
        taps = np.minimum(taps, last - 1)
    begin = int(taps.min())
    rows = np.repeat(np.arange(len(wanted)), taps.shape[1])
    entries = (weights.ravel().astype(np.float32), (rows, (taps - begin).ravel()))
    return AxisWeights(begin, sparse.csr_array(entries, shape=(len(wanted), int(taps.max()) - begin + 1)))


def nearest_pixels(side_px: int, side_on_grid: int, start: int, stop: int) -> NDArray[np.intp]:
    """Return the pixel of the frame, along one axis, that covers each pixel of the model's grid."""
    nearest = np.floor(np.arange(start, stop, dtype=np.float32) * np.float32(side_px / side_on_grid)).astype(np.intp)
    return np.asarray(np.minimum(nearest, side_px - 1), np.intp)


def resampled(
    yx_values: NDArray[np.float32], y_weights: AxisWeights, x_weights: AxisWeights, origin_yx: tuple[int, int]
) -> NDArray[np.float32]:
    """Resample a part of a frame, of which the first pixel is `origin_yx`, to the pixels that the weights stand for."""
    rows = slice(y_weights.first - origin_yx[0], y_weights.stop - origin_yx[0])
    columns = slice(x_weights.first - origin_yx[1], x_weights.stop - origin_yx[1])
    across = x_weights.matrix @ np.ascontiguousarray(yx_values[rows, columns].T)
    return np.asarray(y_weights.matrix @ np.ascontiguousarray(across.T), np.float32)


def _cubic(distance: NDArray[np.floating], sharpness: float) -> NDArray[np.floating]:
    """Return the bicubic convolution kernel (Keys 1981)."""
    far = np.abs(distance)
    inner = ((sharpness + 2) * far - (sharpness + 3)) * far * far + 1
    outer = (((far - 5) * far + 8) * far - 4) * sharpness
    return np.where(far <= 1, inner, np.where(far < 2, outer, 0.0))
