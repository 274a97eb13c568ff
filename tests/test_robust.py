"""Standard deviations from medians."""

import numpy as np
import pytest

from napari_contransgan.robust import quieter_sigma, robust_sigma

NOISE = np.random.default_rng(1).normal(0, 3.0, 40_000)


def test_sigma_is_that_of_normal_noise_and_ignores_a_tenth_of_outliers() -> None:
    with_dirt = NOISE.copy()
    with_dirt[:4000] = 1000.0
    assert robust_sigma(NOISE) == pytest.approx(3.0, rel=0.02)
    assert robust_sigma(with_dirt) == pytest.approx(3.0, rel=0.2)


def test_one_side_of_the_noise_suffices() -> None:
    assert robust_sigma(NOISE[NOISE <= 0]) == pytest.approx(3.0, rel=0.03)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_quieter_side_is_the_one_without_a_specimen(sign: int) -> None:
    values = np.concatenate([NOISE, sign * np.full(60_000, 200.0)])
    assert robust_sigma(values) > 100
    assert quieter_sigma(values) == pytest.approx(3.0, rel=0.03)


def test_values_on_one_side_only_have_the_sigma_of_that_side() -> None:
    assert quieter_sigma(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 0.6745)


def test_nothing_has_no_spread() -> None:
    assert robust_sigma(np.empty(0)) == 0
    assert quieter_sigma(np.empty(0)) == 0
