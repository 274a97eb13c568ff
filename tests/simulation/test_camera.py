"""The camera's statistics."""

import numpy as np
import pytest

from napari_contransgan.config import Variation
from napari_contransgan.config.microscope import CameraModel
from napari_contransgan.simulation.camera import Camera, draw_camera, expose


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


def test_the_exposure_fills_its_share_of_the_well_and_of_the_counts() -> None:
    model = CameraModel(bit_depth=8, full_well_e=1e4, exposure=0.5, read_noise_e=2.0)
    steady = Variation(exposure_factor=(1, 1), gain_factor=(1, 1), read_noise_factor=(1, 1))
    assert draw_camera(model, steady, np.random.default_rng(0)) == Camera(5000.0, 2.0, 127.5, 255)


def test_exposures_vary_within_their_ranges_and_the_counts_with_the_electrons() -> None:
    varied = Variation(exposure_factor=(0.5, 2), gain_factor=(0.5, 1))
    cameras = [draw_camera(CameraModel(), varied, np.random.default_rng(seed)) for seed in range(200)]
    exposures = np.array([camera.photo_electrons for camera in cameras]) / (0.3 * 60_000)
    gains = np.array([camera.background_counts / camera.photo_electrons for camera in cameras]) / (4095 / 60_000)
    assert 0.5 <= exposures.min() < 0.55
    assert 1.95 < exposures.max() <= 2
    assert 0.5 <= gains.min() < 0.55
    assert 0.95 < gains.max() <= 1
