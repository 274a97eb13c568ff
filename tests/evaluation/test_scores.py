from dataclasses import asdict

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import evaluate, level


@pytest.fixture
def label() -> np.ndarray:
    y, x = np.mgrid[:120, :140]
    cells = 2.5 * np.clip(1 - ((y - 50) / 30) ** 2 - ((x - 60) / 40) ** 2, 0, None) ** 0.6
    texture = gaussian_filter(np.random.default_rng(1).normal(size=cells.shape), 2)
    return cells * (1 + 0.3 * texture / texture.std() * 0.3)


def noisy(label: np.ndarray, scale: float = 0.05) -> np.ndarray:
    return label + np.random.default_rng(2).normal(scale=scale, size=label.shape)


def ssim_by_hand(first: np.ndarray, second: np.ndarray, data_range: float) -> float:
    """Wang et al. 2004 with their 11 x 11 Gaussian window, averaged where the window fits."""

    def blur(values):
        return gaussian_filter(values, 1.5, radius=5)

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_1, mean_2 = blur(first), blur(second)
    variance_1, variance_2 = blur(first**2) - mean_1**2, blur(second**2) - mean_2**2
    covariance = blur(first * second) - mean_1 * mean_2
    ssim = ((2 * mean_1 * mean_2 + c1) * (2 * covariance + c2)) / (
        (mean_1**2 + mean_2**2 + c1) * (variance_1 + variance_2 + c2)
    )
    return float(ssim[5:-5, 5:-5].mean())


def test_nothing_is_levelled_where_nothing_is_empty(label):
    scores = evaluate(noisy(label) + 0.3, label, yx_background=np.zeros(label.shape, bool))

    assert scores.ssim == scores.ssim_raw
    assert scores.psnr_db == scores.psnr_raw_db


def test_a_copy_scores_perfectly(label):
    scores = evaluate(label, label)

    assert scores.ssim == scores.ssim_foreground == pytest.approx(1)
    assert scores.slope == scores.correlation == pytest.approx(1)
    assert scores.psnr_db == scores.psnr_foreground_db == np.inf
    assert scores.rmse_rad == 0


def test_ssim_and_psnr_are_the_published_formulae(label):
    output = noisy(label)

    scores = evaluate(output, label, data_range_rad=3.0)

    assert scores.data_range_rad == 3.0
    levelled = output - np.median(output[label == 0]), label
    assert scores.ssim == pytest.approx(ssim_by_hand(*levelled, 3.0), abs=0.002)
    assert scores.psnr_db == pytest.approx(10 * np.log10(9 / np.mean((levelled[0] - label) ** 2)), abs=0.05)
    assert scores.rmse_rad == pytest.approx(0.05, rel=0.03)
    assert scores.ssim_zero == pytest.approx(ssim_by_hand(0 * label, label, 3.0), abs=1e-6)
    assert scores.psnr_zero_db == pytest.approx(10 * np.log10(9 / np.mean(label**2)))


def test_an_offset_is_levelled_away_but_stays_in_the_raw_scores(label):
    plain, shifted = evaluate(noisy(label), label), evaluate(noisy(label) + 0.7, label)

    assert shifted.ssim == pytest.approx(plain.ssim, abs=1e-6)
    assert shifted.slope == pytest.approx(plain.slope, abs=1e-6)
    assert shifted.psnr_raw_db == pytest.approx(10 * np.log10(plain.data_range_rad**2 / 0.7**2), abs=0.2)
    assert shifted.ssim_raw < plain.ssim_raw - 0.1


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.2, -1.0])
def test_the_slope_shows_a_gain_that_is_never_fitted(label, gain):
    scores = evaluate(gain * label, label)

    assert scores.slope == pytest.approx(gain)
    error = (1 - gain) * label
    assert scores.psnr_db == pytest.approx(10 * np.log10(np.ptp(label) ** 2 / np.mean(error**2)))
    assert scores.correlation == pytest.approx(np.sign(gain))


def test_ssim_alone_would_be_blind_to_a_small_gain(label):
    scores = evaluate(0.94 * label, label)

    assert scores.ssim > 0.99
    assert scores.slope == pytest.approx(0.94)


def test_noise_does_not_bias_the_slope(label):
    assert evaluate(noisy(label, 0.3), label).slope == pytest.approx(1, abs=0.02)


def test_a_map_of_zeros_scores_what_is_stated_beside_every_score(label):
    scores = evaluate(np.zeros_like(label), label)

    assert (scores.ssim, scores.psnr_db) == (scores.ssim_zero, scores.psnr_zero_db)
    assert scores.slope == scores.correlation == 0


def test_foreground_is_where_the_label_exceeds_a_tenth_of_its_peak(label):
    scores = evaluate(noisy(label), label + 0.4)

    foreground = label > 0.1 * label.max()
    assert scores.foreground_fraction == pytest.approx(foreground.mean())
    output = label.copy()
    output[foreground] += 0.1
    expected = 10 * np.log10(np.ptp(label) ** 2 / 0.01)
    assert evaluate(output, label).psnr_foreground_db == pytest.approx(expected, abs=0.01)


def test_specimens_of_a_lower_index_have_a_foreground_too(label):
    scores = evaluate(-0.9 * label, -label)

    assert scores.slope == pytest.approx(0.9)
    assert scores.foreground_fraction == pytest.approx((label > 0.1 * label.max()).mean())


def test_the_range_of_the_label_is_taken_where_none_is_given(label):
    assert evaluate(noisy(label), label + 5).data_range_rad == pytest.approx(np.ptp(label))


def test_all_scores_are_plain_floats(label):
    assert all(type(value) is float for value in asdict(evaluate(noisy(label).astype(np.float32), label)).values())


def test_levelling_moves_the_background_to_zero(label):
    levelled = level(noisy(label) - 1.3)

    assert np.median(levelled[label == 0]) == pytest.approx(0, abs=0.003)
    assert np.ptp(levelled) == pytest.approx(np.ptp(noisy(label)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda output, label: (output[:-1], label), "bring both to the same grid"),
        (lambda output, label: (output[:10], label[:10]), "at least 11 px"),
        (lambda output, label: (output[None], label[None]), "two YX maps"),
        (lambda output, label: (output * np.nan, label), "the phase holds NaN"),
        (lambda output, label: (output, label * np.inf), "the label holds NaN"),
        (lambda output, label: (output, 0 * label), "the label is constant"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_maps_that_cannot_be_scored_are_refused(label, spoil, message):
    with pytest.raises(InputError, match=message):
        evaluate(*spoil(noisy(label), label))


@pytest.mark.parametrize("data_range", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_range_is_refused(label, data_range):
    with pytest.raises(InputError, match="data range"):
        evaluate(label, label, data_range_rad=data_range)
