"""Clouds: functions without a Laplacian for the light that crosses the border, and waves for the camera's noise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import dctn

from napari_contransgan.tie.clouds import CloudPrior, cloud_basis
from napari_contransgan.tie.slow_light import TERMS

HEIGHT_UM, WIDTH_UM = 20.0, 30.0
MODES = 5
PRIOR = CloudPrior(
    flux_rad_per_um=0.7,
    flux_length_um=2.0,
    noise_rad_per_um2=0.03,
    pixel_size_um=0.25,
    side_modes=MODES,
    wave_modes=4,
)
SIDES = {"top": 0, "bottom": MODES, "left": 2 * MODES, "right": 3 * MODES}
STEP_UM = 1e-3


def centres(count: int, length_um: float) -> np.ndarray:
    return (np.arange(count) + 0.5) * length_um / count


def functions_at(y_um, x_um, prior: CloudPrior = PRIOR) -> np.ndarray:
    """Every function as a map, in the order of the weights."""
    basis = cloud_basis(np.asarray(y_um), np.asarray(x_um), HEIGHT_UM, WIDTH_UM, prior)
    return basis.columns().T.reshape(basis.size, len(y_um), len(x_um))


def outward_slopes(index: int) -> dict[str, np.ndarray]:
    """Slope of a function out of the frame, along each side."""
    y, x = centres(60, HEIGHT_UM), centres(90, WIDTH_UM)
    ends = np.array([-0.5, 0.5]) * STEP_UM
    top, bottom = (functions_at(ends + at, x)[index] for at in (0.0, HEIGHT_UM))
    left, right = (functions_at(y, ends + at)[index] for at in (0.0, WIDTH_UM))
    return {
        "top": (top[0] - top[1]) / STEP_UM,
        "bottom": (bottom[1] - bottom[0]) / STEP_UM,
        "left": (left[:, 0] - left[:, 1]) / STEP_UM,
        "right": (right[:, 1] - right[:, 0]) / STEP_UM,
    }


@pytest.mark.parametrize("index", range(4 * MODES + 3))
def test_the_functions_of_the_border_have_no_laplacian(index):
    y, x = centres(200, HEIGHT_UM), centres(300, WIDTH_UM)
    function = functions_at(y, x)[index]

    along_y = np.diff(function, n=2, axis=0)[:, 1:-1] / (y[1] - y[0]) ** 2
    along_x = np.diff(function, n=2, axis=1)[1:-1] / (x[1] - x[0]) ** 2

    assert np.abs(along_y + along_x).max() <= 3e-3 * np.abs(along_y).max() + 1e-9


@pytest.mark.parametrize("mode", [1, 2, 5])
@pytest.mark.parametrize("side", SIDES)
def test_the_flux_of_a_function_of_the_border_crosses_its_own_side_alone(side, mode):
    slopes = outward_slopes(SIDES[side] + mode - 1)

    length_um, count = (WIDTH_UM, 90) if side in ("top", "bottom") else (HEIGHT_UM, 60)
    q = mode * np.pi / length_um
    scale = 0.7 * np.sqrt(4 * 2.0 / length_um / (1 + (2.0 * q) ** 2))
    np.testing.assert_allclose(slopes.pop(side), scale * np.cos(q * centres(count, length_um)), atol=1e-3 * scale)
    for other in slopes.values():
        np.testing.assert_allclose(other, 0, atol=1e-3 * scale)


def test_random_weights_make_the_slope_that_the_prior_expects():
    slopes = np.array([outward_slopes(SIDES["top"] + mode)["top"] for mode in range(MODES)])
    many = replace(PRIOR, side_modes=200)
    x = centres(90, WIDTH_UM)
    top = functions_at(np.array([-0.5, 0.5]) * STEP_UM, x, many)[:200]

    steep = (top[:, 0] - top[:, 1]) / STEP_UM

    np.testing.assert_allclose(steep[:MODES], slopes, atol=1e-6)
    assert np.sqrt(np.mean(np.sum(steep**2, axis=0))) == pytest.approx(0.7, rel=0.1)


def test_a_cloud_is_the_sum_of_all_functions_with_their_weights():
    y, x = centres(12, HEIGHT_UM), centres(17, WIDTH_UM)
    basis = cloud_basis(y, x, HEIGHT_UM, WIDTH_UM, PRIOR)
    weights = np.random.default_rng(0).normal(size=basis.size)

    cloud = basis.cloud(weights)

    assert basis.size == 4 * MODES + 5 + 16
    np.testing.assert_allclose(cloud.ravel(), basis.columns() @ weights, rtol=1e-12)


def test_a_cloud_is_the_same_on_coarse_and_fine_pixels():
    weights = np.random.default_rng(1).normal(size=cloud_basis(np.ones(1), np.ones(1), 20, 30, PRIOR).size)
    fine = cloud_basis(centres(60, HEIGHT_UM), centres(90, WIDTH_UM), HEIGHT_UM, WIDTH_UM, PRIOR).cloud(weights)

    coarse = cloud_basis(centres(20, HEIGHT_UM), centres(30, WIDTH_UM), HEIGHT_UM, WIDTH_UM, PRIOR).cloud(weights)

    np.testing.assert_allclose(coarse, fine[1::3, 1::3], rtol=1e-9, atol=1e-9)


def test_in_single_precision_a_cloud_is_the_same_to_its_rounding():
    y, x = centres(120, HEIGHT_UM), centres(170, WIDTH_UM)
    prior = replace(PRIOR, side_modes=60, wave_modes=12)
    double, single = (cloud_basis(y, x, HEIGHT_UM, WIDTH_UM, prior, dtype) for dtype in (np.float64, np.float32))
    weights = np.random.default_rng(2).normal(size=double.size)

    cloud = single.cloud(weights)

    assert cloud.dtype == np.float32
    np.testing.assert_allclose(cloud, double.cloud(weights), atol=1e-5 * np.abs(double.cloud(weights)).max())


@pytest.mark.parametrize(
    "harmonic",
    [
        lambda z: (z**5 - (3 + 2j) * z**3 + (1 - 1j) * z).real,
        lambda z: np.exp(2 * (1 + 0.3j) * z).real,
        lambda z: (1 / (z - 1.4 - 0.9j)).imag,
    ],
)
def test_any_function_without_a_laplacian_is_such_a_cloud(harmonic):
    y, x = centres(40, HEIGHT_UM), centres(60, WIDTH_UM)
    values = harmonic((x[None, :] + 1j * y[:, None]) / 15 - 1 - 0.7j)
    basis = cloud_basis(y, x, HEIGHT_UM, WIDTH_UM, replace(PRIOR, side_modes=20, wave_modes=1))

    weights = np.linalg.lstsq(basis.columns(), values.ravel(), rcond=1e-9)[0]

    assert np.std(basis.cloud(weights) - values) < 2e-3 * np.std(values)


def test_a_specimen_in_the_middle_is_no_cloud():
    y, x = centres(40, HEIGHT_UM), centres(60, WIDTH_UM)
    bump = np.exp(-((y[:, None] - 10) ** 2 + (x[None, :] - 15) ** 2) / (2 * 2.0**2))
    basis = cloud_basis(y, x, HEIGHT_UM, WIDTH_UM, replace(PRIOR, side_modes=20, wave_modes=1))

    weights = np.linalg.lstsq(basis.columns(), bump.ravel(), rcond=1e-9)[0]

    assert np.std(basis.cloud(weights) - bump) > 0.7 * np.std(bump)


def test_waves_are_as_large_as_solved_noise_makes_them():
    shape, pixel_um = (80, 120), 0.25
    random = np.random.default_rng(3)
    coefficients = np.array([dctn(random.normal(scale=0.03, size=shape), norm="ortho")[:4, :4] for _ in range(300)])
    q_y, q_x = np.pi * np.arange(4) / HEIGHT_UM, np.pi * np.arange(4) / WIDTH_UM
    amplitudes = 2 / np.sqrt(shape[0] * shape[1]) * coefficients.std(axis=0)[1:, 1:]
    expected = amplitudes / np.add.outer(q_y[1:] ** 2, q_x[1:] ** 2)

    scales = cloud_basis(np.ones(1), np.ones(1), HEIGHT_UM, WIDTH_UM, PRIOR).wave_scales

    assert pixel_um == PRIOR.pixel_size_um
    np.testing.assert_allclose(scales[1:, 1:], expected, rtol=0.15)
    assert scales[0, 0] == 0


@pytest.mark.parametrize("side", SIDES)
def test_nothing_flows_through_a_dark_side(side):
    lit = tuple(0.0 if name == side else 1.0 for name in SIDES)
    y, x = centres(20, HEIGHT_UM), centres(30, WIDTH_UM)

    functions = functions_at(y, x, replace(PRIOR, lit_sides=lit))

    dark = np.zeros(len(functions), bool)
    dark[SIDES[side] : SIDES[side] + MODES] = True
    assert np.all(functions[dark] == 0)
    np.testing.assert_array_equal(
        functions[: 4 * MODES][~dark[: 4 * MODES]], functions_at(y, x)[: 4 * MODES][~dark[: 4 * MODES]]
    )


@pytest.mark.parametrize("term", [1, 4, 6, 8])
def test_the_clouds_of_light_have_the_laplacian_that_slow_light_adds(term):
    i, j = TERMS[term]
    covariance = np.zeros((10, 10))
    covariance[term, term] = 0.02**2
    y, x = centres(200, HEIGHT_UM), centres(300, WIDTH_UM)
    basis = cloud_basis(y, x, HEIGHT_UM, WIDTH_UM, replace(PRIOR, wave_modes=40, light_rad_per_um2=covariance))
    weights = np.zeros(basis.size)
    weights[-len(TERMS) :] = 1  # all but one of them are 0

    cloud = basis.cloud(weights)

    inner = (slice(20, -20), slice(30, -30))
    laplacian = sum(np.gradient(np.gradient(cloud, 0.1, axis=axis), 0.1, axis=axis) for axis in (0, 1))
    light = 0.02 * np.outer((y / HEIGHT_UM * 2 - 1) ** i, (x / WIDTH_UM * 2 - 1) ** j)
    light -= light.mean()
    expected = light * np.sign(np.sum(light * laplacian))
    np.testing.assert_allclose(laplacian[inner], expected[inner], atol=0.1 * np.abs(light).max())
    np.testing.assert_allclose(cloud.ravel(), basis.columns() @ weights, atol=1e-9)
