"""The camera's statistics."""

import numpy as np
import pytest

from napari_contransgan.simulation.camera import Camera, expose, uneven_light


def test_noise_is_that_of_photons_and_read_out() -> None:
    camera = Camera(photo_electrons=1e4, read_noise_e=4.0, background_counts=2000.0)
    counts = expose(np.ones((400, 400)), camera, np.random.default_rng(0)).astype(float)
    assert counts.mean() == pytest.approx(2000, rel=1e-3)
    expected_e = np.sqrt(1e4 + 16)
    assert counts.std() * 1e4 / 2000 == pytest.approx(expected_e, rel=0.02)


def test_bright_pixels_saturate_at_12_bits() -> None:
    counts = expose(np.full((8, 8), 5.0), Camera(), np.random.default_rng(0))
    assert counts.dtype == np.uint16
    assert counts.max() == 4095


def test_uneven_light_stays_within_its_amplitude() -> None:
    surface = uneven_light((60, 80), 0.02, np.random.default_rng(0))
    assert surface.shape == (60, 80)
    assert np.abs(surface - 1).max() == pytest.approx(0.02, rel=1e-4)
