import numpy as np
import pytest

from napari_contransgan.tie.background import background_median


def field_with_discs(covered: float, height: float, side: int = 200) -> np.ndarray:
    """Discs with sloped sides that cover a share of the frame from the left."""
    x = np.arange(side) / side
    profile = np.clip((covered - x) / 0.1, 0, 1) * height
    return np.tile(profile, (side, 1))


@pytest.mark.parametrize("covered", [0.0, 0.1, 0.4, 0.65])
@pytest.mark.parametrize("height", [1.5, -1.5])
def test_the_background_is_found_under_specimens_of_either_sign(covered, height):
    noise = np.random.default_rng(1).normal(scale=0.02, size=(200, 200))
    texture = np.random.default_rng(2).normal(scale=0.2, size=(200, 200))
    phase = field_with_discs(covered, height)

    found = background_median(phase + texture * (np.abs(phase) > 1) + noise + 0.7)

    assert found == pytest.approx(0.7, abs=0.005)


def test_noise_alone_has_its_median_as_background():
    noise = np.random.default_rng(3).normal(loc=-0.4, scale=0.3, size=(256, 256))

    assert background_median(noise) == pytest.approx(-0.4, abs=0.02)


def test_a_background_without_noise_is_met_exactly():
    phase = np.full((50, 50), 0.25)
    phase[10:40, 10:40] += np.random.default_rng(4).uniform(0.5, 2, size=(30, 30))

    assert background_median(phase) == 0.25


def test_constant_and_tiny_maps_have_a_background():
    assert background_median(np.full((3, 3), 2.0)) == 2.0
    assert background_median(np.array([[1.0, 1.0], [1.0, 5.0]])) == 1.0
