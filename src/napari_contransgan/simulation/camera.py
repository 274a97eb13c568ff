"""Simulate a camera exposure: photon noise, read noise and counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import Variation
from napari_contransgan.config.microscope import CameraModel


@dataclass(frozen=True)
class Camera:
    """Camera settings for one image.

    Parameters
    ----------
    photo_electrons : float
        Electrons per pixel in the empty field.
    read_noise_e : float
        Standard deviation of the read noise, in electrons.
    background_counts : float
        Counts of the empty field.
    max_counts : int
        Counts at which a pixel saturates; 4095 is 12 bit.
    """

    photo_electrons: float = 2e4
    read_noise_e: float = 3.0
    background_counts: float = 1300.0
    max_counts: int = 4095


def draw_camera(model: CameraModel, variation: Variation, rng: np.random.Generator) -> Camera:
    """Draw the camera settings of one image."""
    exposure = model.exposure * rng.uniform(*variation.exposure_factor)
    gain = rng.uniform(*variation.gain_factor)
    max_counts = 2**model.bit_depth - 1
    return Camera(
        photo_electrons=exposure * model.full_well_e,
        read_noise_e=model.read_noise_e * rng.uniform(*variation.read_noise_factor),
        background_counts=exposure * gain * max_counts,
        max_counts=max_counts,
    )


def expose(yx_intensity: NDArray[np.floating], camera: Camera, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the counts for an intensity relative to the empty field, with photon noise, read noise and saturation."""
    electrons = rng.poisson(np.maximum(yx_intensity, 0) * camera.photo_electrons)
    electrons = electrons + rng.normal(0, camera.read_noise_e, electrons.shape)
    counts = electrons * (camera.background_counts / camera.photo_electrons)
    return np.asarray(np.clip(np.rint(counts), 0, camera.max_counts), np.uint16)
