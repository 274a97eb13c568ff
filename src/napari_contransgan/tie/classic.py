"""The solvers of the literature: one Poisson solve, two of them, and the inversion of the transfer function."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.tie.background import MOST_SAMPLED, background_median
from napari_contransgan.tie.focus_data import INTENSITY_FLOOR, FocusData, Solution
from napari_contransgan.tie.poisson import (
    COSINES,
    WAVES,
    Expansion,
    inverse_laplacian,
    smallest_squared_wavenumber,
    weighted_laplacian,
)
from napari_contransgan.tie.regularisation import choose_regularisation, propagated_noise
from napari_contransgan.tie.transfer import SHARPENING_FLOOR, frequency_line, on_frame, phase_transfer

Regularisation = Literal["auto"] | float


def solve_dct(data: FocusData, regularisation: Regularisation) -> Solution:
    """Solve Poisson's equation once for light that is even in focus, with no flux across the border (cosines)."""
    return _solve_once(data, regularisation, COSINES)


def solve_fft(data: FocusData, regularisation: Regularisation) -> Solution:
    """Solve Poisson's equation once for light that is even in focus, on a frame that repeats itself (waves)."""
    return _solve_once(data, regularisation, WAVES)


def _solve_once(data: FocusData, regularisation: Regularisation, expansion: Expansion) -> Solution:
    # phi = -k lap^-1 (dI/dz) / I, with I = 1 throughout
    coefficients = expansion.forward(data.derivative.yx_per_um.copy())
    squares = expansion.squared_wavenumbers(data.shape_yx, data.pixel_size_um)
    smallest = smallest_squared_wavenumber(data.shape_yx, data.pixel_size_um)
    if regularisation == "auto":
        regularisation = choose_regularisation(coefficients, squares, smallest, data.derivative.noise_per_um)
    inverse_laplacian(coefficients, squares, smallest, regularisation)
    del squares
    yx_phase_rad = expansion.inverse(coefficients, data.shape_yx)
    yx_phase_rad *= -np.float32(data.wave_number)
    return finished(data, yx_phase_rad, regularisation)


def solve_teague(data: FocusData, regularisation: Regularisation) -> Solution:
    """Solve Poisson's equation twice with the intensity in focus in between, for specimens that absorb."""
    coefficients, regularisation = teague_coefficients(data, regularisation)
    yx_phase_rad = COSINES.inverse(coefficients, data.shape_yx)
    return finished(data, yx_phase_rad, regularisation)


def teague_coefficients(data: FocusData, regularisation: Regularisation) -> tuple[NDArray[np.float32], float]:
    """Return the cosine coefficients of the phase, and the regularisation used.

    Eq. 3 of the paper: phi = -k lap^-1 div( I^-1 grad lap^-1 dI/dz ).

    In dark regions I^-1 falls back to zero instead of growing, so that noise there moves nothing (Paganin & Nugent,
    PRL 80, 2586 (1998), divide by I). The second inverse Laplacian carries the regularisation.
    """
    shape_yx, pixel_um = data.shape_yx, data.pixel_size_um
    smallest = smallest_squared_wavenumber(shape_yx, pixel_um)
    squares = COSINES.stepwise_squares(shape_yx, pixel_um)
    coefficients = COSINES.forward(data.derivative.yx_per_um.copy())
    if regularisation == "auto":
        regularisation = choose_regularisation(coefficients, squares, smallest, data.derivative.noise_per_um)
    inverse_laplacian(coefficients, squares, smallest)
    yx_potential = COSINES.inverse(coefficients, shape_yx)
    floored = np.maximum(data.yx_intensity, np.float32(INTENSITY_FLOOR))
    yx_inverse = np.divide(data.yx_intensity, np.square(floored, out=floored), out=floored)
    yx_source = weighted_laplacian(yx_inverse, yx_potential, pixel_um)
    del yx_inverse, yx_potential, floored
    coefficients = COSINES.forward(yx_source)
    # Differences cancel against the first inverse, so that where light is even this is one solve with exact waves.
    COSINES.squared_wavenumbers(shape_yx, pixel_um, out=squares)
    inverse_laplacian(coefficients, squares, smallest, regularisation)
    coefficients *= -np.float32(data.wave_number)
    return coefficients, float(regularisation)


def solve_wotf(data: FocusData, regularisation: Regularisation) -> Solution:
    """Fit the phase of a weak object to all planes by least squares, each with its own transfer function.

    phi = sum_z H_z D_z / (sum_z H_z^2 + r), with D_z the spectrum of plane z relative to the one in focus. Right for
    phases well below 1 rad; stronger ones are underestimated.
    """
    line = frequency_line(data.pixel_size_um)
    squares = COSINES.squared_wavenumbers(data.shape_yx, data.pixel_size_um)
    smallest = smallest_squared_wavenumber(data.shape_yx, data.pixel_size_um)
    if regularisation == "auto":
        coefficients = COSINES.forward(data.derivative.yx_per_um.copy())
        regularisation = choose_regularisation(coefficients, squares, smallest, data.derivative.noise_per_um)
    numerator = np.zeros(data.shape_yx, np.float32)
    power = np.zeros_like(line)
    for height_um, yx_plane in zip(data.z_um, data.zyx_planes, strict=True):
        if height_um == 0:
            continue
        transfer = phase_transfer(line, height_um, data.wavelength_um, data.aperture)
        power += transfer**2
        numerator += on_frame(line, transfer, squares) * COSINES.forward(yx_plane - data.yx_intensity)
    # At low frequencies H_z = wavelength z q^2 / 2 pi, so that this damps like -q^2 / (q^4 + r^2) of the others. What
    # the planes transfer with a tenth of that or less is not restored to the full.
    low = float(np.sum(np.square(data.z_um))) * (data.wavelength_um / (2 * np.pi)) ** 2
    power += SHARPENING_FLOOR * low * (2 * np.pi * line) ** 4
    weakest = low * max(regularisation * smallest, smallest) ** 2
    numerator *= np.float32(1 + SHARPENING_FLOOR)
    numerator /= on_frame(line, power, squares) + np.float32(weakest)
    numerator[0, 0] = 0
    yx_phase_rad = COSINES.inverse(numerator, data.shape_yx)
    return finished(data, yx_phase_rad, regularisation)


def finished(data: FocusData, yx_phase_rad: NDArray[np.floating], regularisation: float) -> Solution:
    """Put the background at zero, and propagate the noise: the same everywhere, and blind to what crosses the border.

    The constant that the equation leaves free is set so that the background's median is zero, see
    `napari_contransgan.tie.background.background_median`; dark regions are not asked.
    """
    stride = max(1, int(np.sqrt(yx_phase_rad.size / MOST_SAMPLED)))
    yx_sample, yx_lit = yx_phase_rad[::stride, ::stride], data.yx_lit()[::stride, ::stride]
    yx_phase_rad -= np.float32(background_median(yx_sample[yx_lit] if yx_lit.any() else yx_sample))
    noise = data.wave_number * data.derivative.noise_per_um
    std_rad = propagated_noise(data.shape_yx, data.pixel_size_um, regularisation, noise)
    yx_std_rad = np.broadcast_to(np.float32(std_rad), data.shape_yx)
    return Solution(np.asarray(yx_phase_rad, np.float32), yx_std_rad, float(regularisation))
