"""The stated uncertainty against the true error: in empty places, in cells, in sheets and for faint specimens."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from napari_contransgan.tie import phase_from_stack
from napari_contransgan.tie.derivative import Derivative
from napari_contransgan.tie.focus_data import FocusData, Solution
from napari_contransgan.tie.transfer import Aperture, frequency_line
from napari_contransgan.tie.uncertainty import expanded, fine_noise

PIXEL_UM, Z_UM = 0.325, (-3.0, 0.0, 3.0)


def retrieved(zyx: NDArray, electrons: float = 20_000.0, seed: int = 1) -> Solution:
    counts = np.random.default_rng(seed).poisson(zyx * electrons).astype(np.uint16)
    return phase_from_stack(
        counts, Z_UM, wavelength_um=0.55, pixel_size_um=PIXEL_UM, focus_index=1, aperture=Aperture(0.65, 0.3)
    )


def share_within(sigmas: float, solution: Solution, truth: NDArray, where: NDArray | None = None) -> float:
    inside = np.abs(solution.yx_phase_rad - truth) <= sigmas * solution.yx_std_rad
    return float(np.mean(inside if where is None else inside[where]))


@pytest.mark.parametrize("crop", [(40, 50), (60, 20), (20, 70)])
def test_errors_of_cells_and_background_are_covered(wide_stack, wide_phase, crop):
    frame = (slice(crop[0], crop[0] + 160), slice(crop[1], crop[1] + 160))
    truth = wide_phase[frame]

    solution = retrieved(wide_stack[:, *frame])

    assert 0.6 <= share_within(1, solution, truth) <= 0.98
    assert share_within(2, solution, truth) >= 0.9
    assert share_within(2, solution, truth, truth < 0.01) >= 0.8
    assert share_within(2, solution, truth, truth > 0.3) >= 0.8


@pytest.mark.parametrize("electrons", [1_000.0, 20_000.0])
def test_the_noise_of_an_empty_field_is_stated_as_it_is(electrons):
    solutions = [retrieved(np.ones((3, 160, 160)), electrons, seed) for seed in range(3)]

    within = [np.mean([share_within(n, one, np.zeros((160, 160))) for one in solutions]) for n in (1, 2)]

    assert 0.55 <= within[0] <= 0.87
    assert within[1] >= 0.9


def test_fine_structure_is_less_certain_than_smooth_cells(bright_field_stack: Callable):
    y, x = np.indices((200, 200)) * PIXEL_UM
    smooth, rough = (2 * np.exp(-((y - 32) ** 2 + (x - at) ** 2) / (2 * 4.0**2)) for at in (18, 46))
    grains = gaussian_filter(np.random.default_rng(0).normal(size=y.shape), 1.2)
    truth = smooth + rough * (1 + 0.2 * grains / grains.std())

    std = retrieved(bright_field_stack(truth, Z_UM, PIXEL_UM)).yx_std_rad

    assert np.median(std[rough > 1]) > 2 * np.median(std[smooth > 1])
    assert np.median(std[smooth > 1]) > np.median(std[smooth + rough < 0.01])


@pytest.mark.parametrize(("width_um", "peak_rad"), [(3.0, 0.4), (4.0, 0.3), (6.0, 0.5)])
def test_a_lone_smooth_bump_is_kept_and_not_taken_for_a_cloud(bright_field_stack: Callable, width_um, peak_rad):
    y, x = np.indices((240, 240)) * PIXEL_UM
    truth = peak_rad * np.exp(-((y - 36) ** 2 + (x - 42) ** 2) / (2 * width_um**2))

    phase = retrieved(bright_field_stack(truth, Z_UM, PIXEL_UM)).yx_phase_rad

    assert np.sum(phase * truth) / np.sum(truth**2) == pytest.approx(1, abs=0.15)


def test_a_closed_sheet_is_not_exaggerated_and_its_clouds_are_covered(bright_field_stack: Callable):
    random = np.random.default_rng(3)
    waves = gaussian_filter(random.normal(size=(256, 256)), 10, mode="wrap")
    grains = gaussian_filter(random.normal(size=(256, 256)), 2, mode="wrap")
    truth = 2 + 0.5 * waves / waves.std() + 0.1 * grains / grains.std()

    solution = retrieved(bright_field_stack(truth, Z_UM, PIXEL_UM))

    error = solution.yx_phase_rad - truth
    error -= np.median(error)
    centred = truth - truth.mean()
    assert 1 + np.sum(error * centred) / np.sum(centred**2) == pytest.approx(1, abs=0.2)
    assert np.mean(np.abs(error) <= 2 * solution.yx_std_rad) > 0.7
    assert np.mean(np.abs(error) <= solution.yx_std_rad) < 0.9


def test_the_fine_noise_is_that_of_an_inverse_laplacian_without_its_slow_waves():
    side, modes, sigma = 240, 12, 0.002
    derivative = Derivative(np.zeros((side, side), np.float32), sigma, np.ones(frequency_line(PIXEL_UM).size), (2,))
    data = FocusData(np.ones((3, side, side), np.float32), Z_UM, 1, derivative, PIXEL_UM, 0.55)
    q = np.pi * np.arange(side) / (side * PIXEL_UM)
    squares = np.add.outer(q**2, q**2)
    squares[:modes, :modes] = np.inf
    noise = np.random.default_rng(0).normal(scale=sigma, size=(side, side))
    phase = idctn(dctn(noise, norm="ortho") * data.wave_number / squares, norm="ortho")

    assert fine_noise(data, modes) == pytest.approx(phase.std(), rel=0.15)
    assert fine_noise(replace(data, aperture=Aperture(0.65, 0.3)), modes) == pytest.approx(phase.std(), rel=0.15)


def test_blocks_are_repeated_up_to_the_end_of_the_frame():
    blocks = np.array([[1.0, 2.0], [3.0, 4.0]])

    whole = expanded(blocks, 2, (5, 4))

    np.testing.assert_array_equal(whole[:, 0], [1, 1, 3, 3, 3])
    np.testing.assert_array_equal(whole[0], [1, 1, 2, 2])
