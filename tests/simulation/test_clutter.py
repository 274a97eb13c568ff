"""Small objects out of the focal plane."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.simulation.clutter import clutter
from napari_contransgan.simulation.image_formation import Optics

LENS = Optics(numerical_aperture=0.4, wavelength_um=0.55, coherence=0.6)
PIXEL_UM = 0.325


def made(seed: int, contrast: float = 0.05, optics: Optics = LENS) -> np.ndarray:
    return clutter(256, PIXEL_UM, contrast, optics, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(6))
def test_it_has_the_contrast_that_was_asked_for_and_changes_no_light_on_average(seed: int) -> None:
    change = made(seed)
    assert change.std() == pytest.approx(0.05, rel=1e-3)
    assert abs(change.mean()) < 0.005


@pytest.mark.parametrize("seed", range(6))
def test_it_is_fine_and_no_finer_than_the_lens_resolves(seed: int) -> None:
    power = np.abs(np.fft.fft2(made(seed))) ** 2
    f = np.fft.fftfreq(256, PIXEL_UM)
    f_per_um = np.hypot(f[:, None], f[None, :])
    beyond = f_per_um > LENS.numerical_aperture * (1 + LENS.coherence) / LENS.wavelength_um + 0.1
    assert power[beyond].sum() < 1e-3 * power.sum()
    assert power[f_per_um < 0.03].sum() < 0.05 * power.sum()


def test_an_open_condenser_blurs_what_is_out_of_focus() -> None:
    def fine_to_coarse(coherence: float) -> float:
        fine = coarse = 0.0
        f = np.fft.fftfreq(256, PIXEL_UM)
        f_per_um = np.hypot(f[:, None], f[None, :])
        for seed in range(12):
            power = np.abs(np.fft.fft2(made(seed, optics=replace(LENS, coherence=coherence)))) ** 2
            fine += power[(f_per_um > 0.4) & (f_per_um < 0.6)].sum()
            coarse += power[(f_per_um > 0.1) & (f_per_um < 0.25)].sum()
        return fine / coarse

    assert fine_to_coarse(0.1) > 1.5 * fine_to_coarse(0.9)


def test_a_field_is_the_same_but_for_its_clutter() -> None:
    plain = SimulationSettings(specimen="hela", objective="20x", seed=5, field_px=96)
    cluttered = plain.model_copy(update={"variation": Variation(clutter=(0.05, 0.05))})
    (frame, truth), (other, same_truth) = (simulate_pair(settings, 0) for settings in (plain, cluttered))
    np.testing.assert_array_equal(truth.data, same_truth.data)
    ratio = other.data / frame.data.astype(float)
    assert 0.03 < ratio.std() < 0.08
    assert ratio.mean() == pytest.approx(1, abs=0.01)
