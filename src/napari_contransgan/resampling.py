"""Average over blocks of pixels, or over larger pixels of any size."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM


def block_mean(yx_values: NDArray[np.number | np.bool_], step: int) -> NDArray[np.float32]:
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
    sums = np.sum(bands, axis=1, dtype=np.float32).reshape(rows, columns, step).sum(axis=2)  # faster than both at once
    return np.asarray(sums / step**2, np.float32)


def area_mean(yx_values: NDArray[np.number | np.bool_], ratio: float) -> NDArray[np.float32]:
    """Return the mean over each larger pixel; a pixel on its border counts with the share of its area inside.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        Values of any real type.
    ratio : float
        Side of a larger pixel in pixels, at least 1.

    Returns
    -------
    ndarray of float32
        From the same corner; larger pixels that are not covered wholly are left out.
    """
    rows, columns = (_shares(side, ratio) for side in yx_values.shape)
    return np.asarray((columns @ (rows @ yx_values.astype(np.float64)).T).T, np.float32)


def _shares(side: int, ratio: float) -> sparse.csr_array:
    """Return the share of each pixel along an axis in each larger one, shape (larger, side)."""
    count = int(side / ratio + 1e-6)
    first = np.arange(count)[:, None] * ratio
    pixels = np.floor(first + 1e-9).astype(int) + np.arange(int(np.ceil(ratio)) + 1)
    overlap = np.minimum(pixels + 1, first + ratio) - np.maximum(pixels, first)
    used = (overlap > 1e-9) & (pixels < side)
    larger = np.broadcast_to(np.arange(count)[:, None], pixels.shape)
    return sparse.csr_array((overlap[used] / ratio, (larger[used], pixels[used])), shape=(count, side))


def binned_to_model_grid(yx_values: NDArray[np.number | np.bool_], pixel_size_um: float) -> NDArray[np.float32]:
    """Average a map with finer pixels, such as a 40x phase, over the pixels of the model's grid.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        Values of any real type.
    pixel_size_um : float
        Its pixel size, a whole fraction of the model's.
    """
    return block_mean(yx_values, round(MODEL_PIXEL_SIZE_UM / pixel_size_um))
