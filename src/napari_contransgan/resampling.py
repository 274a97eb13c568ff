"""Averaging over blocks of pixels."""

import numpy as np
from numpy.typing import NDArray


def block_mean(yx_values: NDArray[np.generic], step: int) -> NDArray[np.float32]:
    """Mean of each whole `step` x `step` block; rows and columns left over at the far edges are not used.

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
    sums = bands.sum(axis=1, dtype=np.float32).reshape(rows, columns, step).sum(axis=2)  # quicker than both at once
    return np.asarray(sums / step**2, np.float32)
