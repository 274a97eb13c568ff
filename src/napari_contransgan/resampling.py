"""Average over blocks of pixels."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM


def block_mean(yx_values: NDArray[np.generic], step: int) -> NDArray[np.float32]:
    """Return the mean of each whole `step` x `step` block; leftover rows and columns at the far edges are not used.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        Values of any real type.
    step : int
        Side of a block in pixels.

    Returns
    -------
    ndarray of float32, shape (Y // step, X // step)
    """
    rows, columns = (side // step for side in yx_values.shape)
    bands = yx_values[: rows * step, : columns * step].reshape(rows, step, columns * step)
    sums = bands.sum(axis=1, dtype=np.float32).reshape(rows, columns, step).sum(axis=2)  # faster than both at once
    return np.asarray(sums / step**2, np.float32)


def binned_to_model_grid(yx_values: NDArray[np.generic], pixel_size_um: float) -> NDArray[np.float32]:
    """Average a map with finer pixels, such as a 40x phase, over the pixels of the model's grid.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        Values of any real type.
    pixel_size_um : float
        Its pixel size, a whole fraction of the model's.
    """
    return block_mean(yx_values, round(MODEL_PIXEL_SIZE_UM / pixel_size_um))
