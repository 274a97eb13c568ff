import numpy as np
import pytest

from napari_contransgan.tie.derivative import axial_derivative, candidate_degrees, derivative_weights, plane_noise

OPTICS = {"pixel_size_um": 0.2, "wavelength_um": 0.55}


def test_three_planes_give_the_central_difference():
    np.testing.assert_allclose(derivative_weights((-3.0, 0.0, 3.0), 1, 2), [-1 / 6, 0, 1 / 6], atol=1e-15)


def test_two_planes_give_the_difference_over_their_distance():
    np.testing.assert_allclose(derivative_weights((0.0, 2.5), 0, 1), [-0.4, 0.4], atol=1e-15)


@pytest.mark.parametrize(
    ("z_um", "focus_index", "degree"),
    [
        ((-1.0, 0.0, 3.0), 1, 2),
        ((0.0, 2.0, 3.0), 0, 2),
        ((1.0, 2.0, 4.0, 7.0), 1, 2),
        ((-4.0, -2.5, 0.0, 1.0, 2.0, 5.0), 2, 4),
    ],
)
def test_the_slope_of_a_polynomial_is_exact_at_the_plane_in_focus(z_um, focus_index, degree):
    polynomial = np.polynomial.Polynomial(np.array([5.0, -1.3, 0.7, 0.2, 0.05])[: degree + 1])

    slope = derivative_weights(z_um, focus_index, degree) @ polynomial(np.array(z_um))

    assert slope == pytest.approx(polynomial.deriv()(z_um[focus_index]), rel=1e-10)


@pytest.mark.parametrize(("count", "degrees"), [(2, (1,)), (3, (2,)), (4, (2,)), (5, (2, 4)), (9, (2, 4, 6))])
def test_more_planes_allow_higher_degrees(count, degrees):
    assert candidate_degrees(count) == degrees


def test_many_planes_average_noise_at_low_frequencies_and_keep_fine_structure():
    z_um = tuple(np.linspace(-4, 4, 9))
    x_um = np.arange(128) * 0.2
    random = np.random.default_rng(0)
    waves = {}
    for period_um in (25.6, 1.28):
        frequency = 1 / period_um
        signal = np.sin(np.pi * 0.55 * np.array(z_um)[:, None, None] * frequency**2) / (np.pi * 0.55 * frequency**2)
        wave = np.cos(2 * np.pi * frequency * (x_um + 0.1))
        planes = (1 + 0.01 * signal * wave[None, None, :] * np.ones((1, 64, 1))).astype(np.float32)
        found = axial_derivative(planes, z_um, 4, **OPTICS)
        waves[period_um] = float(found.yx_per_um[0] @ wave / (wave @ wave)) / 0.01
    noise = random.normal(scale=0.01, size=(9, 64, 128)).astype(np.float32)
    noisy = axial_derivative(1 + noise, z_um, 4, **OPTICS)

    assert waves[25.6] == pytest.approx(1, abs=0.03)
    assert waves[1.28] == pytest.approx(1, abs=0.08)
    assert len(noisy.degrees) > 1
    highest = np.linalg.norm(derivative_weights(z_um, 4, noisy.degrees[-1]))
    assert noisy.noise_per_um < 0.5 * highest * 0.01


def test_the_noise_of_the_derivative_is_that_of_the_planes_through_the_weights():
    noise = np.random.default_rng(1).normal(scale=0.02, size=(3, 200, 200)).astype(np.float32)

    found = axial_derivative(1 + noise, (-2.0, 0.0, 2.0), 1, **OPTICS)

    assert found.noise_per_um == pytest.approx(float(found.yx_per_um.std()), rel=0.05)


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_the_noise_of_a_plane_is_found_beside_structure_and_dirt(scale):
    y, x = np.mgrid[:200, :200]
    structure = 1000 + 200 * np.sin(x / 7) * np.cos(y / 9)
    structure[50:53, 60:64] = 0
    noise = np.random.default_rng(2).normal(scale=scale, size=structure.shape)

    assert plane_noise((structure + noise).astype(np.float32)) == pytest.approx(scale, rel=0.06)


def test_whole_numbers_have_at_least_the_noise_of_rounding():
    assert plane_noise(np.full((50, 50), 7, np.uint16)) == pytest.approx(1 / np.sqrt(12))
