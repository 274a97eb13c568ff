import numpy as np
import pytest

from napari_contransgan.tie.poisson import (
    COSINES,
    WAVES,
    inverse_laplacian,
    smallest_squared_wavenumber,
    weighted_laplacian,
)

HEIGHT, WIDTH, PIXEL_UM = 20, 30, 0.4
SHAPE = (HEIGHT, WIDTH)
Y_UM = (np.arange(HEIGHT) + 0.5)[:, None] * PIXEL_UM
X_UM = (np.arange(WIDTH) + 0.5)[None, :] * PIXEL_UM
SMALLEST = smallest_squared_wavenumber(SHAPE, PIXEL_UM)


def solved(expansion, source, strength=0.0):
    squares = expansion.squared_wavenumbers(SHAPE, PIXEL_UM)
    coefficients = expansion.forward(source.astype(np.float32))
    return expansion.inverse(inverse_laplacian(coefficients, squares, SMALLEST, strength), SHAPE)


@pytest.mark.parametrize(("expansion", "y_waves", "x_waves"), [(COSINES, 1.5, 1.0), (WAVES, 2, 1)])
def test_the_inverse_laplacian_solves_poissons_equation_for_a_wave(expansion, y_waves, x_waves):
    q_y, q_x = 2 * np.pi * y_waves / (HEIGHT * PIXEL_UM), 2 * np.pi * x_waves / (WIDTH * PIXEL_UM)
    wave = np.cos(q_y * Y_UM) * np.cos(q_x * X_UM)

    np.testing.assert_allclose(solved(expansion, wave), -wave / (q_y**2 + q_x**2), atol=1e-6)


@pytest.mark.parametrize("expansion", [COSINES, WAVES])
def test_transforms_keep_float32_and_undo_each_other(expansion):
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)

    back = expansion.inverse(expansion.forward(values.copy()), SHAPE)

    assert back.dtype == np.float32
    np.testing.assert_allclose(back, values, atol=1e-5)


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_regularisation_damps_a_wave_by_its_wavenumber_relative_to_the_frames_smallest(strength):
    wave = np.cos(2 * np.pi / (WIDTH * PIXEL_UM) * X_UM) * np.ones((HEIGHT, 1))  # two half waves along the longer side

    damped = solved(COSINES, wave, strength)

    np.testing.assert_allclose(damped, solved(COSINES, wave) * 2**4 / (2**4 + strength**2), atol=1e-5)


def test_the_weighted_laplacian_with_equal_weights_is_undone_by_the_stepwise_squares():
    source = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    source -= source.mean()
    squares = COSINES.stepwise_squares(SHAPE, PIXEL_UM)
    potential = COSINES.inverse(inverse_laplacian(COSINES.forward(source.copy()), squares, SMALLEST), SHAPE)

    found = weighted_laplacian(np.ones_like(potential), potential, PIXEL_UM)

    np.testing.assert_allclose(found, source, atol=1e-4)


def test_the_weighted_laplacian_follows_the_product_rule_and_lets_nothing_across_the_border():
    q = np.pi / (WIDTH * PIXEL_UM)
    weights, values = 2 + np.cos(2 * q * X_UM) + 0 * Y_UM, np.cos(q * X_UM) + 0 * Y_UM

    found = weighted_laplacian(weights, values, PIXEL_UM)

    expected = 2 * q**2 * np.sin(2 * q * X_UM) * np.sin(q * X_UM) - weights * q**2 * values
    np.testing.assert_allclose(found, np.broadcast_to(expected, SHAPE), atol=2e-3)
    assert found.sum() == pytest.approx(0, abs=1e-6)
