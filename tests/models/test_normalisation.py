"""From counts to contrast on the model's grid."""

import numpy as np
import pytest
import torch

from napari_contransgan.models.normalisation import contrast_on_model_grid, fit_background, to_model_grid


def uneven(height: int = 130, width: int = 170) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return 1000 * (1 + 0.1 * (x / width) - 0.08 * (y / height) ** 2)


def test_a_slow_background_is_found_beneath_bright_and_dark_objects() -> None:
    truth = uneven()
    frame = truth.copy()
    frame[20:45, 30:60] *= 1.3
    frame[80:100, 100:140] *= 0.7
    background, lit = fit_background(frame)
    np.testing.assert_allclose(background, truth, rtol=0.005)
    assert lit.all()


def test_contrast_does_not_depend_on_gain_or_number_type() -> None:
    rng = np.random.default_rng(0)
    frame = np.rint(uneven() * (1 + 0.05 * rng.standard_normal((130, 170))))
    one, _ = contrast_on_model_grid(frame.astype(np.uint16), 0.65)
    other, _ = contrast_on_model_grid((frame * 3.7).astype(np.float32), 0.65)
    np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-3)


def test_contrast_is_in_units_of_a_tenth_of_the_background() -> None:
    frame = np.full((100, 100), 200.0)
    frame[40:60, 40:60] = 210.0
    contrast, _ = contrast_on_model_grid(frame, 0.325)
    assert contrast[50, 50].item() == pytest.approx(0.5, abs=0.02)
    assert contrast[5, 5].item() == pytest.approx(0.0, abs=0.02)


def test_a_dark_aperture_is_neutral_and_reported() -> None:
    frame = uneven(200, 200)
    y, x = np.mgrid[:200, :200] - 100
    frame[np.hypot(y, x) > 95] = 3
    contrast, lit = contrast_on_model_grid(frame, 0.325)
    assert contrast[0, 0].item() == 0
    assert 0.2 < 1 - lit.mean() < 0.35
    assert contrast[60:140, 60:140].abs().max() < 0.2


@pytest.mark.parametrize("pixel_um", [0.1625, 0.2325, 0.325, 0.65, 1.625])
def test_resampling_keeps_physical_positions(pixel_um: float) -> None:
    extent_um = 78.0
    count = round(extent_um / pixel_um)
    axis_um = (np.arange(count) + 0.5) * pixel_um
    blob = np.exp(-((axis_um[:, None] - 30.0) ** 2 + (axis_um[None, :] - 50.0) ** 2) / (2 * 4.0**2))
    resampled = to_model_grid(torch.from_numpy(blob.astype(np.float32)), pixel_um).numpy()
    grid_um = [(np.arange(side) + 0.5) * 0.325 for side in resampled.shape]
    total = resampled.sum()
    centre = (resampled.sum(1) @ grid_um[0] / total, resampled.sum(0) @ grid_um[1] / total)
    assert centre == pytest.approx((30.0, 50.0), abs=0.02)
    assert resampled.max() == pytest.approx(1, abs=0.02)
