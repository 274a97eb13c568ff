"""The camera: uneven light, photon noise, read noise and 12-bit counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """A scientific camera.

    Parameters
    ----------
    photo_electrons : float
        Electrons that the empty field fills a pixel with.
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


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw a plausible exposure: 1e4 to 3e4 electrons, 2 to 5 electrons of read noise, no saturation below 2.5."""
    return Camera(rng.uniform(1e4, 3e4), rng.uniform(2, 5), rng.uniform(1000, 1600))


def uneven_light(shape_yx: tuple[int, int], amplitude: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Slow, smooth unevenness that a flat-field correction leaves: a random paraboloid around 1, +-`amplitude`."""
    y = np.linspace(-1, 1, shape_yx[0])[:, None]
    x = np.linspace(-1, 1, shape_yx[1])[None, :]
    a, b, c, d, e = rng.uniform(-1, 1, 5)
    surface = a * y + b * x + c * y * x + d * (y**2 - 1 / 3) + e * (x**2 - 1 / 3)
    return np.asarray(1 + amplitude * surface / max(float(np.abs(surface).max()), 1e-9), np.float32)


def expose(yx_intensity: NDArray[np.floating], camera: Camera, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Counts for an intensity in units of the empty field's: Poisson noise, read noise, quantisation, saturation."""
    electrons = rng.poisson(np.maximum(yx_intensity, 0) * camera.photo_electrons)
    electrons = electrons + rng.normal(0, camera.read_noise_e, electrons.shape)
    counts = electrons * (camera.background_counts / camera.photo_electrons)
    return np.asarray(np.clip(np.rint(counts), 0, camera.max_counts), np.uint16)
