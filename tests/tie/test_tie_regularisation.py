import numpy as np
import pytest

from napari_contransgan.tie.poisson import COSINES, inverse_laplacian, smallest_squared_wavenumber
from napari_contransgan.tie.regularisation import LARGEST_AUTOMATIC, choose_regularisation, propagated_noise

SIDE = 128
SHAPE = (SIDE, SIDE)
SQUARES = COSINES.squared_wavenumbers(SHAPE, 0.2)
SMALLEST = smallest_squared_wavenumber(SHAPE, 0.2)


def derivative_of_a_bump() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    square = (y**2 + x**2) / 12**2
    return (2 - square) * np.exp(-square / 2)  # the negative Laplacian of a Gaussian


def chosen(derivative: np.ndarray, noise: float) -> float:
    return choose_regularisation(COSINES.forward(derivative.copy()), SQUARES, SMALLEST, noise)


def test_a_clean_stack_is_hardly_damped():
    assert chosen(derivative_of_a_bump(), 1e-6) < 0.02


def test_noise_raises_the_damping_up_to_its_limit():
    noise = np.random.default_rng(0).normal(size=SHAPE)

    low, middle, high = (chosen(derivative_of_a_bump() + scale * noise, scale) for scale in (0.003, 0.3, 30.0))

    assert low < middle <= high <= LARGEST_AUTOMATIC * (1 + 1e-9)
    assert high > 0.5 * LARGEST_AUTOMATIC


def test_the_choice_does_not_depend_on_the_scale_of_intensity():
    derivative = derivative_of_a_bump() + 0.1 * np.random.default_rng(1).normal(size=SHAPE)

    assert chosen(derivative, 0.1) == chosen(4096 * derivative, 409.6)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_propagated_noise_is_that_of_many_solved_maps_of_noise(strength):
    random = np.random.default_rng(2)
    maps = []
    for _ in range(60):
        coefficients = COSINES.forward(random.normal(scale=0.3, size=SHAPE).astype(np.float32))
        maps.append(COSINES.inverse(inverse_laplacian(coefficients, SQUARES, SMALLEST, strength), SHAPE))

    expected = propagated_noise(SHAPE, 0.2, strength, 0.3)

    assert np.sqrt(np.mean(np.square(maps))) == pytest.approx(expected, rel=0.1)
