"""Averages over larger pixels."""

import numpy as np
import pytest

from napari_contransgan.resampling import area_mean, block_mean


@pytest.fixture
def yx_values() -> np.ndarray:
    return np.random.default_rng(0).random((60, 84)).astype(np.float32)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_whole_ratios_are_means_of_blocks(yx_values: np.ndarray, step: int) -> None:
    assert np.allclose(area_mean(yx_values, step), block_mean(yx_values, step), atol=1e-6)


@pytest.mark.parametrize("ratio", [1.3978, 1.5, 2.7])
def test_the_mean_of_a_slope_is_its_value_in_the_middle(ratio: float) -> None:
    y, x = np.mgrid[:60, :84].astype(np.float64)
    found = area_mean(2 * y - 3 * x, ratio)
    assert found.shape == (int(60 / ratio), int(84 / ratio))
    centre_y, centre_x = (np.arange(side) * ratio + (ratio - 1) / 2 for side in found.shape)
    # Pixels are flat, so the mean of a slope over a part of them is off by less than an eighth of a pixel.
    assert np.abs(found - (2 * centre_y[:, None] - 3 * centre_x)).max() < 5 / 8


def test_no_value_is_lost_or_counted_twice(yx_values: np.ndarray) -> None:
    found = area_mean(yx_values, 1.5)
    assert found.sum() * 1.5**2 == pytest.approx(yx_values.sum(), rel=1e-5)


def test_a_missing_value_stays_where_it_is(yx_values: np.ndarray) -> None:
    yx_values[30, 40] = np.nan
    assert np.isnan(area_mean(yx_values, 1.4)).sum() <= 4
