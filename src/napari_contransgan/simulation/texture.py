"""Draw Gaussian random fields, which model the inside of a cell below the size of its organelles."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

FloatMap = NDArray[np.float32]


def gaussian_texture(
    shape_px: int, pixel_size_um: float, rng: np.random.Generator, *, size_um: float = 6.0, falloff: float = 1.5
) -> FloatMap:
    """Draw a Gaussian random field of unit variance with the power spectrum (f^2 + 1 / size^2)^-falloff.

    Parameters
    ----------
    shape_px : int
        Side of the square map.
    pixel_size_um : float
        Pixel size.
    rng : Generator
        Random generator.
    size_um : float
        Size above which the field has no structure.
    falloff : float
        1.5 is rough, like cytoplasm; 4 is very smooth.

    Returns
    -------
    ndarray of float32, shape (shape_px, shape_px)
        Mean 0, standard deviation 1.
    """
    side = fft.next_fast_len(shape_px, real=True)
    noise = fft.rfft2(rng.standard_normal((side, side), np.float32))
    noise *= _amplitude(side, pixel_size_um, size_um, falloff)
    field = fft.irfft2(noise, (side, side), overwrite_x=True)[:shape_px, :shape_px]
    field -= field.mean()
    field /= field.std()
    return np.asarray(field, np.float32)


@lru_cache(maxsize=16)
def _amplitude(side: int, pixel_size_um: float, size_um: float, falloff: float) -> FloatMap:
    f_y = fft.fftfreq(side, pixel_size_um)[:, None]
    f_x = fft.rfftfreq(side, pixel_size_um)[None, :]
    return np.asarray((f_y**2 + f_x**2 + 1 / size_um**2) ** (-falloff / 2), np.float32)
