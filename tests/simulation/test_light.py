"""Unevenness, vignetting and dust."""

import numpy as np
import pytest

from napari_contransgan.simulation.light import dust_shadows, uneven_light, vignette


def test_uneven_light_stays_within_its_amplitude() -> None:
    surface = uneven_light((60, 80), 0.02, np.random.default_rng(0))
    assert surface.shape == (60, 80)
    assert np.abs(surface - 1).max() == pytest.approx(0.02, rel=1e-4)


def test_vignetting_takes_its_share_in_the_corners_of_the_whole_frame() -> None:
    light = vignette(200, 200, 0.04, np.random.default_rng(0))
    assert light.max() == pytest.approx(1, abs=1e-4)
    assert light[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx([0.96] * 4, abs=1e-3)


def test_a_part_of_the_frame_gets_its_part_of_the_vignetting() -> None:
    parts = [vignette(50, 1000, 0.04, np.random.default_rng(seed)) for seed in range(200)]
    means = [part.mean() for part in parts]
    assert min(means) > 0.96
    assert min(means) < 0.975
    assert max(means) > 0.998
    assert max(np.ptp(part) for part in parts) < 0.01


def test_dust_darkens_small_round_places_and_leaves_the_rest() -> None:
    light = dust_shadows(200, 3, np.random.default_rng(1))
    assert 0.85 < light.min() < 0.99
    assert light.max() < 1.04
    assert np.mean(np.abs(light - 1) < 1e-3) > 0.8


def test_without_dust_no_light_is_lost() -> None:
    np.testing.assert_array_equal(dust_shadows(20, 0, np.random.default_rng(0)), 1)
