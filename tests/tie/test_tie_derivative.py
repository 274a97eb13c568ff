import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.tie.derivative import axial_derivative, derivative_weights, equalise_sums


def test_three_planes_give_the_central_difference():
    np.testing.assert_allclose(derivative_weights((-3.0, 0.0, 3.0), 1), [-1 / 6, 0, 1 / 6], atol=1e-15)


def test_two_planes_give_the_difference_over_their_distance():
    np.testing.assert_allclose(derivative_weights((0.0, 2.5), 0), [-0.4, 0.4], atol=1e-15)


@pytest.mark.parametrize(
    ("z_um", "focus_index", "powers"),
    [
        ((-1.0, 0.0, 3.0), 1, 2),
        ((0.0, 2.0, 3.0), 0, 2),
        ((1.0, 2.0, 4.0, 7.0), 1, 2),
        ((-4.0, -2.5, 0.0, 1.0, 2.0, 5.0), 2, 3),
    ],
)
def test_slope_of_a_polynomial_is_exact_at_the_plane_in_focus(z_um, focus_index, powers):
    coefficients = np.array([5.0, -1.3, 0.7, 0.2])[: powers + 1]
    polynomial = np.polynomial.Polynomial(coefficients)
    zyx_stack = polynomial(np.array(z_um))[:, None, None] * np.ones((1, 2, 3))

    slope = axial_derivative(zyx_stack, z_um, focus_index)

    np.testing.assert_allclose(slope, polynomial.deriv()(z_um[focus_index]), rtol=1e-10)


def test_more_planes_average_noise_down():
    random = np.random.default_rng(0)

    def noise_of(z_um):
        planes = random.normal(size=(len(z_um), 100, 100))
        return axial_derivative(planes, z_um, len(z_um) // 2).std()

    assert noise_of(tuple(np.linspace(-3, 3, 21))) < 0.8 * noise_of(tuple(np.linspace(-3, 3, 5)))


def test_sums_of_planes_become_that_of_the_plane_in_focus():
    zyx_stack = np.random.default_rng(0).uniform(1, 2, size=(3, 8, 8)) * np.array([1.0, 0.5, 2.0])[:, None, None]

    equal = equalise_sums(zyx_stack, 1)

    np.testing.assert_allclose(equal.sum(axis=(1, 2)), zyx_stack[1].sum())
    np.testing.assert_allclose(equal[0] / zyx_stack[0], equal[0, 0, 0] / zyx_stack[0, 0, 0])


def test_a_plane_without_light_is_refused():
    zyx_stack = np.ones((3, 8, 8))
    zyx_stack[2] = 0

    with pytest.raises(InputError, match="plane 2 carries no light"):
        equalise_sums(zyx_stack, 1)
