"""Simulate small objects above and below the focal plane, such as granules at other heights and floating debris.

Their images are fine diffraction patterns without information about the phase in focus.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_contransgan.simulation.image_formation import Optics
from napari_contransgan.simulation.texture import FloatMap, gaussian_texture

_LAYERS = 4
_DISTANCE_UM = (1.0, 8.0)
_PER_UM2 = (0.02, 0.4)
_SIZE_UM = (0.1, 0.45)
_PATCHY_SHARE, _PATCH_UM = 0.6, 12.0


def clutter(shape_px: int, pixel_um: float, contrast: float, optics: Optics, rng: np.random.Generator) -> FloatMap:
    """Return the contrast of weak phase grains in a few planes out of focus, clustered in patches in most images.

    A weak phase grain at distance z changes the intensity by its spectrum times 2 sin(pi wavelength z f^2). The
    condenser's angles shift the image by up to z NA S, which blurs it by a disc of that radius (whose transform is
    close to a Gaussian). Frequencies that the lens with this condenser does not pass, f > NA (1 + S) / wavelength, are
    zero.

    Parameters
    ----------
    shape_px : int
        Side of the square image.
    pixel_um : float
        Its pixel size.
    contrast : float
        Standard deviation of the result.
    optics : Optics
        Lens and illumination.
    rng : Generator
        Random generator for positions, sizes, distances and strengths.

    Returns
    -------
    ndarray, shape (shape_px, shape_px)
        Relative change of the intensity, with a mean of about 0.
    """
    f_per_um = fft.fftfreq(shape_px, pixel_um)
    squared = (f_per_um[:, None] ** 2 + f_per_um[None, : shape_px // 2 + 1] ** 2).astype(np.float32)
    cutoff_per_um = optics.numerical_aperture * (1 + optics.coherence) / optics.wavelength_um
    passed = np.clip(1 - squared / cutoff_per_um**2, 0, 1)
    total = np.zeros((shape_px, shape_px // 2 + 1), np.complex64)
    for _ in range(_LAYERS):
        z_um = float(rng.uniform(*_DISTANCE_UM) * rng.choice((-1.0, 1.0)))
        size_um = float(rng.uniform(*_SIZE_UM))
        blur_um = abs(z_um) * optics.numerical_aperture * optics.coherence
        transfer = np.sin(np.pi * optics.wavelength_um * z_um * squared)
        transfer *= np.exp(-((np.pi * blur_um) ** 2 / 2 + 2 * (np.pi * size_um) ** 2) * squared)
        total += fft.rfft2(_grains(shape_px, pixel_um, rng)) * transfer
    change = fft.irfft2(total * passed, (shape_px, shape_px))
    if rng.random() < _PATCHY_SHARE:
        change *= 1 / (1 + np.exp(-3 * gaussian_texture(shape_px, pixel_um, rng, size_um=_PATCH_UM, falloff=4)))
    spread = float(change.std())
    return np.asarray(change * (contrast / spread) if spread > 0 else change, np.float32)


def _grains(shape_px: int, pixel_um: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw points of various strengths."""
    low, high = np.log(_PER_UM2)
    count = max(1, int(np.exp(rng.uniform(low, high)) * (shape_px * pixel_um) ** 2))
    places = rng.integers(shape_px**2, size=count)
    strengths = rng.lognormal(0, 0.6, count)
    points = np.bincount(places, strengths, shape_px**2)
    return points.reshape(shape_px, shape_px).astype(np.float32)
