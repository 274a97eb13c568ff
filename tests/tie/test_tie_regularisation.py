import numpy as np

from napari_contransgan.tie.regularisation import LARGEST_AUTOMATIC, choose_regularisation


def derivative_of_a_bump(side: int = 128) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    square = (y**2 + x**2) / 12**2
    return (2 - square) * np.exp(-square / 2)  # the negative Laplacian of a Gaussian


def test_a_clean_stack_is_hardly_damped():
    assert choose_regularisation(derivative_of_a_bump()) < 0.02


def test_noise_raises_the_damping_up_to_its_limit():
    noise = np.random.default_rng(0).normal(size=(128, 128))

    chosen = [choose_regularisation(derivative_of_a_bump() + scale * noise) for scale in (0.003, 0.3, 30.0)]

    assert chosen[0] < chosen[1] <= chosen[2] <= LARGEST_AUTOMATIC * (1 + 1e-9)
    assert chosen[2] > 0.5 * LARGEST_AUTOMATIC


def test_the_choice_does_not_depend_on_the_scale_of_intensity():
    derivative = derivative_of_a_bump() + 0.1 * np.random.default_rng(1).normal(size=(128, 128))

    assert choose_regularisation(derivative) == choose_regularisation(4096 * derivative)
