"""Wave optics written for the tests alone: scalar propagation of fields, without any code of the package."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

WAVELENGTH_UM = 0.55


@pytest.fixture(scope="session")
def propagated() -> Callable[..., NDArray[np.complex128]]:
    def propagate(field: NDArray, distance_um: float, pixel_um: float, wavelength_um: float) -> NDArray:
        f_y, f_x = (np.fft.fftfreq(count, pixel_um) for count in field.shape)
        k_z = 2 * np.pi * np.sqrt(np.maximum(1 / wavelength_um**2 - f_y[:, None] ** 2 - f_x**2, 0))
        return np.fft.ifft2(np.fft.fft2(field) * np.exp(1j * k_z * distance_um))

    return propagate


@pytest.fixture(scope="session")
def bright_field_stack() -> Callable[..., NDArray[np.float64]]:
    """Koehler bright field: images by tilted plane waves, added over the condenser."""

    def image(phase: NDArray, z_um: float, pixel_um: float, coherence: float, aperture: float) -> NDArray:
        count = 24
        frequency = np.fft.fftfreq(len(phase), pixel_um)
        spectrum = np.fft.fft2(np.exp(1j * phase))
        turns = np.arange(count) * np.pi * (3 - np.sqrt(5))
        radii = coherence * aperture / WAVELENGTH_UM * np.sqrt((np.arange(count) + 0.5) / count)
        intensity = np.zeros(phase.shape)
        for tilt_y, tilt_x in zip(radii * np.sin(turns), radii * np.cos(turns), strict=True):
            total = np.hypot(frequency[:, None] + tilt_y, frequency[None, :] + tilt_x)
            pupil = np.clip((aperture / WAVELENGTH_UM - total) / frequency[1] + 0.5, 0, 1)
            defocus = np.exp(2j * np.pi * z_um * np.sqrt(np.maximum(1 / WAVELENGTH_UM**2 - total**2, 0)))
            intensity += np.abs(np.fft.ifft2(spectrum * pupil * defocus)) ** 2
        return intensity / count

    def stack(phase: NDArray, z_um: tuple[float, ...], pixel_um: float) -> NDArray:
        return np.stack([image(phase, z, pixel_um, coherence=0.3, aperture=0.65) for z in z_um])

    return stack


@pytest.fixture(scope="session")
def cell_phase() -> NDArray[np.float64]:
    """Two cells of up to 3.5 rad inside a frame of 256 px of 0.1625 um, with some texture; 0 around them."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:256, :256] * 0.1625
    texture = gaussian_filter(random.normal(size=y.shape), 3)
    phase = np.zeros(y.shape)
    for centre_y, centre_x, radius, peak in ((15.0, 13.0, 7.0, 3.5), (27.0, 28.0, 8.0, 2.5)):
        angle = np.arctan2(y - centre_y, x - centre_x)
        outline = radius * (1 + 0.1 * np.cos(2 * angle + 1) + 0.05 * np.cos(3 * angle))
        rho = np.hypot(y - centre_y, x - centre_x) / outline
        phase = np.maximum(phase, peak * (1 - np.minimum(rho, 1) ** 2) ** 0.6)
    return gaussian_filter(phase * (1 + 0.05 * texture / texture.std()), 1)


WIDE_PIXEL_UM = 0.325
WIDE_Z_UM = (-3.0, 0.0, 3.0)


@pytest.fixture(scope="session")
def wide_phase() -> NDArray[np.float64]:
    """Nine cells of up to 3 rad, apart from each other, in a frame of 256 px of 0.325 um."""
    random = np.random.default_rng(2)
    side = 256
    y, x = np.mgrid[:side, :side] * WIDE_PIXEL_UM
    texture = gaussian_filter(random.normal(size=y.shape), 2)
    phase, placed = np.zeros(y.shape), []
    while len(placed) < 9:
        (centre_y, centre_x), radius = random.uniform(6, side * WIDE_PIXEL_UM - 6, 2), random.uniform(6, 9)
        if all(np.hypot(centre_y - y_0, centre_x - x_0) > radius + r_0 + 2 for y_0, x_0, r_0 in placed):
            placed.append((centre_y, centre_x, radius))
    for centre_y, centre_x, radius in placed:
        angle = np.arctan2(y - centre_y, x - centre_x)
        outline = radius * (1 + 0.1 * np.cos(2 * angle + random.uniform(0, 6)) + 0.05 * np.cos(3 * angle))
        rho = np.hypot(y - centre_y, x - centre_x) / outline
        phase += random.uniform(1.5, 3) * (1 - np.minimum(rho, 1) ** 2) ** 0.6
    return gaussian_filter(phase * (1 + 0.05 * texture / texture.std()), 1)


@pytest.fixture(scope="session")
def wide_stack(bright_field_stack: Callable[..., NDArray], wide_phase: NDArray) -> NDArray[np.float64]:
    """Noiseless bright-field planes of these cells at -3, 0 and 3 um."""
    planes: NDArray[np.float64] = bright_field_stack(wide_phase, WIDE_Z_UM, WIDE_PIXEL_UM)
    return planes
