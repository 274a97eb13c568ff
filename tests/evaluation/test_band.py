"""Agreement of maps within a band of sizes."""

import numpy as np
import pytest
from scipy import ndimage

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import band_agreement
from napari_contransgan.evaluation.band import band_pass

RNG = np.random.default_rng(0)
CELLS = ndimage.gaussian_filter(RNG.standard_normal((200, 200)), 6)
CELLS /= CELLS.std()


def test_gain_shows_as_slope_and_not_as_correlation() -> None:
    found = band_agreement(0.7 * CELLS + 3.0, CELLS)
    assert found.correlation == pytest.approx(1.0)
    assert found.slope == pytest.approx(0.7)


def test_a_map_upside_down_is_told_by_its_sign() -> None:
    assert band_agreement(-CELLS, CELLS).correlation == pytest.approx(-1.0)


def test_slow_clouds_and_noise_of_single_pixels_count_little() -> None:
    y, x = np.indices(CELLS.shape)
    cloud = 5 * np.sin(y / 120) * np.cos(x / 150)
    noisy = CELLS + cloud + 0.5 * RNG.standard_normal(CELLS.shape)
    assert np.corrcoef(noisy.ravel(), CELLS.ravel())[0, 1] < 0.8
    assert band_agreement(noisy, CELLS).correlation > 0.9


def test_what_lies_outside_the_mask_has_no_say() -> None:
    y, x = np.indices(CELLS.shape)
    inside = np.hypot(y - 100, x - 100) < 80
    spoilt = np.where(inside, CELLS, 1000.0)
    assert band_agreement(spoilt, CELLS, inside).correlation == pytest.approx(1.0)
    assert np.abs(band_pass(np.where(inside, 3.0, -50.0), inside)).max() == pytest.approx(0.0, abs=1e-9)


def test_a_blank_map_agrees_with_nothing() -> None:
    found = band_agreement(np.zeros_like(CELLS), CELLS)
    assert (found.correlation, found.slope) == (0.0, 0.0)


def test_maps_of_other_shapes_and_empty_masks_are_refused() -> None:
    with pytest.raises(InputError, match="same grid"):
        band_agreement(CELLS[:-1], CELLS)
    with pytest.raises(InputError, match="no pixel"):
        band_agreement(CELLS, CELLS, np.zeros(CELLS.shape, bool))
