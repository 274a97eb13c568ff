"""The universal solution of Zhang et al. (Opt. Lett. 45, 3649 (2020)): iterated solves with the brightest intensity."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.tie.classic import Regularisation, finished
from napari_contransgan.tie.focus_data import FocusData, Solution
from napari_contransgan.tie.poisson import WAVES, inverse_laplacian, smallest_squared_wavenumber
from napari_contransgan.tie.regularisation import choose_regularisation

MOST_ITERATIONS = 20
SMALL_RESIDUAL = 1e-3
LARGEST_RISE = 1.05


def solve_us_tie(data: FocusData, regularisation: Regularisation) -> Solution:
    """Solve as if light were everywhere as bright as at its brightest, and again for what that leaves unexplained.

    The sum converges to the solution for the real intensity, dark regions included. It stops when the largest
    unexplained derivative falls under a thousandth of the first, rises by a twentieth, or after 20 rounds; each round
    undoes some of the regularisation.
    """
    shape_yx, pixel_um = data.shape_yx, data.pixel_size_um
    squares = WAVES.squared_wavenumbers(shape_yx, pixel_um)
    smallest = smallest_squared_wavenumber(shape_yx, pixel_um)
    if regularisation == "auto":
        coefficients = WAVES.forward(data.derivative.yx_per_um)
        regularisation = choose_regularisation(coefficients, squares, smallest, data.derivative.noise_per_um)
    brightest = float(data.yx_intensity.max())
    yx_unexplained = data.derivative.yx_per_um * np.float32(-data.wave_number)
    first = before = float(np.abs(yx_unexplained).max())
    yx_phase_rad = np.zeros(shape_yx, np.float32)
    rounds = 0
    while rounds < MOST_ITERATIONS:
        rounds += 1
        step = WAVES.forward(yx_unexplained)
        inverse_laplacian(step, squares, smallest, regularisation)
        step /= np.float32(brightest)
        yx_phase_rad += WAVES.inverse(step.copy(), shape_yx)
        yx_unexplained -= _transported(data, step)
        largest = float(np.abs(yx_unexplained).max())
        if largest < SMALL_RESIDUAL * first or largest > LARGEST_RISE * before:
            break
        before = largest
    solution = finished(data, yx_phase_rad, float(regularisation))
    solution.figures["rounds"] = rounds
    return solution


def _transported(data: FocusData, coefficients: NDArray[np.complexfloating]) -> NDArray[np.float32]:
    """Compute div(I grad phi) of a phase given by its wave coefficients, on a frame that repeats itself."""
    y, x = WAVES.wavenumbers(data.shape_yx, data.pixel_size_um)
    total = np.zeros_like(coefficients)
    for steps in (_odd(y, data.shape_yx[0])[:, None], _odd(x, data.shape_yx[1])[None, :]):
        slope = np.asarray(1j * steps, np.complex64)
        yx_flux = WAVES.inverse(slope * coefficients, data.shape_yx)
        yx_flux *= data.yx_intensity
        total += slope * WAVES.forward(yx_flux)
    yx_sources: NDArray[np.float32] = WAVES.inverse(total, data.shape_yx)
    return yx_sources


def _odd(wavenumbers: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Return wavenumbers for a first derivative, which the highest wave of an even number of pixels does not have."""
    highest = count // 2
    return np.where(np.arange(wavenumbers.size) == highest, 0, wavenumbers) if count % 2 == 0 else wavenumbers
