import numpy as np
import pytest

from napari_contransgan.tie.poisson import (
    cosine_transform,
    divergence,
    gradient,
    inverse_cosine_transform,
    inverse_laplacian,
)

PIXEL_UM = 0.4
HEIGHT, WIDTH = 24, 35
Y_UM = (np.arange(HEIGHT)[:, None] + 0.5) * PIXEL_UM
X_UM = (np.arange(WIDTH)[None, :] + 0.5) * PIXEL_UM
Q_Y, Q_X = 3 * np.pi / (HEIGHT * PIXEL_UM), 2 * np.pi / (WIDTH * PIXEL_UM)


def test_the_gradient_of_a_cosine_is_its_analytic_derivative():
    y_slope, x_slope = gradient(cosine_transform(np.cos(Q_Y * Y_UM) * np.cos(Q_X * X_UM)), PIXEL_UM)

    np.testing.assert_allclose(y_slope, -Q_Y * np.sin(Q_Y * Y_UM) * np.cos(Q_X * X_UM), atol=1e-12)
    np.testing.assert_allclose(x_slope, -Q_X * np.cos(Q_Y * Y_UM) * np.sin(Q_X * X_UM), atol=1e-12)


def test_the_divergence_of_sines_is_their_analytic_derivative():
    y_flux = np.sin(Q_Y * Y_UM) * np.cos(Q_X * X_UM)
    x_flux = 2 * np.cos(Q_Y * Y_UM) * np.sin(Q_X * X_UM)

    found = inverse_cosine_transform(divergence(y_flux, x_flux, PIXEL_UM))

    np.testing.assert_allclose(found, (Q_Y + 2 * Q_X) * np.cos(Q_Y * Y_UM) * np.cos(Q_X * X_UM), atol=1e-12)


def test_inverse_laplacian_solves_poissons_equation_for_a_cosine():
    cosine = np.cos(Q_Y * Y_UM) * np.cos(Q_X * X_UM)

    solved = inverse_cosine_transform(inverse_laplacian(cosine_transform(cosine), PIXEL_UM))

    np.testing.assert_allclose(solved, -cosine / (Q_Y**2 + Q_X**2), atol=1e-12)


def test_divergence_of_gradient_undoes_the_inverse_laplacian():
    source = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH))
    source -= source.mean()

    solved = inverse_laplacian(cosine_transform(source), PIXEL_UM)
    found = inverse_cosine_transform(divergence(*gradient(solved, PIXEL_UM), PIXEL_UM))

    np.testing.assert_allclose(found, source, atol=1e-10)


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_regularisation_damps_a_wave_by_its_wavenumber_relative_to_the_frames_smallest(strength):
    wave = np.cos(Q_X * X_UM) * np.ones((HEIGHT, 1))  # two half waves along the longer side
    plain = inverse_cosine_transform(inverse_laplacian(cosine_transform(wave), PIXEL_UM))

    damped = inverse_cosine_transform(inverse_laplacian(cosine_transform(wave), PIXEL_UM, strength))

    np.testing.assert_allclose(damped, plain * 2**4 / (2**4 + strength**2), atol=1e-12)
