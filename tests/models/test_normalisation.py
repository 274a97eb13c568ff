"""From counts to contrast on the model's grid."""

import numpy as np
import pytest
import torch

from napari_contransgan.models.normalisation import (
    contrast_on_model_grid,
    fit_background,
    mirrored_into,
    shape_on_model_grid,
    to_model_grid,
)


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
    assert contrast_on_model_grid(frame, 0.325, is_mirrored=False)[0][0, 0].item() == 0
    assert 0.2 < 1 - lit.mean() < 0.35
    assert contrast[60:140, 60:140].abs().max() < 0.2
    assert contrast.abs().max() < 0.3


def frame_with_a_diaphragm(pixel_um: float, blur_um: float) -> tuple[np.ndarray, np.ndarray]:
    """An evenly lit disc with a blurred edge, and each pixel's distance from where half the light comes."""
    y, x = (np.mgrid[:400, :400] - 199.5) * pixel_um
    inside_um = 0.45 * 400 * pixel_um - np.hypot(y, x)
    return 20000 * (0.5 + 0.5 * np.tanh(inside_um / blur_um)), inside_um


@pytest.mark.parametrize("pixel_um", [0.1625, 0.325, 1.625])
def test_the_dark_rim_of_a_diaphragm_is_not_shown_as_contrast(pixel_um: float) -> None:
    frame, inside_um = frame_with_a_diaphragm(pixel_um, blur_um=0.8)
    contrast, lit = contrast_on_model_grid(frame, pixel_um)
    shown = to_model_grid(torch.from_numpy(inside_um), pixel_um).numpy()
    assert (frame / 20000)[lit].min() < 0.2  # the rim counts as lit, and would be a contrast of -8
    assert contrast[shown < 1].abs().max() < 0.7
    assert contrast.abs().max() < 0.8


def test_a_diaphragm_that_only_cuts_the_corners_of_a_large_frame_is_one_too() -> None:
    y, x = np.mgrid[:1000, :1000] - 499.5
    frame = 20000 * (0.5 + 0.5 * np.tanh((660 - np.hypot(y, x)) * 0.325 / 0.8))
    contrast, lit = contrast_on_model_grid(frame, 0.325)
    assert 0 < 1 - lit.mean() < 0.01
    assert contrast[10:-10, 10:-10].abs().max() < 0.8  # beside the frame's edge the dark part may begin beyond it


def test_a_dark_grain_that_a_tile_cuts_is_seen_as_in_the_whole_frame() -> None:
    frame = np.full((200, 200), 20000.0)
    frame[96:108, 60:70] = 100
    frame[110:114, 60:70] = 19000
    whole, _ = contrast_on_model_grid(frame, 0.325)
    tile, _ = contrast_on_model_grid(frame[100:164, 40:104], 0.325)
    assert tile[11, 25].item() == pytest.approx(whole[111, 65].item(), abs=0.01)


def test_contrast_away_from_a_diaphragm_is_kept_whole() -> None:
    frame, inside_um = frame_with_a_diaphragm(0.325, blur_um=0.1)
    grains = 1 + 0.05 * np.random.default_rng(3).standard_normal(frame.shape)
    contrast, _ = contrast_on_model_grid(frame * grains, 0.325)
    far = inside_um > 4
    assert np.std(contrast.numpy()[far] - (grains[far] - 1) / 0.1) < 0.01
    unmirrored, _ = contrast_on_model_grid(frame * grains, 0.325, is_mirrored=False)
    assert np.std(unmirrored.numpy()[(inside_um > 0) & (inside_um < 1)]) < 0.05


def half_dark(seed: int, width: int, *, is_mirrored: bool = True) -> np.ndarray:
    """Return the contrast of a grainy frame whose first 180 columns are dark, 0.325 um a pixel."""
    frame = 20000 * (1 + 0.05 * np.random.default_rng(seed).standard_normal((200, width)))
    frame[:, :180] = 10
    return contrast_on_model_grid(frame, 0.325, is_mirrored=is_mirrored)[0].numpy()


def test_the_specimen_goes_on_beyond_a_diaphragm_as_its_mirror_image() -> None:
    contrast = half_dark(4, 420)
    edge = 180 + 9  # the rim is 3 um wide
    whole = 100  # 33 um, of 45 up to which the contrast is mirrored
    np.testing.assert_allclose(
        contrast[:, edge - whole : edge], contrast[:, edge + 1 : edge + 1 + whole][:, ::-1], atol=1e-5
    )
    assert np.std(contrast[:, edge - 139 : edge - 125]) < 0.3 * np.std(contrast[:, edge:])
    assert not contrast[:, : edge - 140].any()


def test_training_sees_nothing_where_there_is_no_light() -> None:
    hidden, mirrored = (half_dark(4, 420, is_mirrored=one) for one in (False, True))
    assert not hidden[:, :189].any()
    np.testing.assert_allclose(hidden[:, 190:], mirrored[:, 190:], rtol=1.3e-6, atol=1e-5)


def test_where_the_mirror_image_is_not_in_the_field_the_nearest_place_stands_in() -> None:
    contrast = half_dark(5, 260)
    np.testing.assert_allclose(contrast[:, 189 - 90], contrast[:, 189], atol=1e-5)


def test_a_frame_with_nothing_but_a_rim_has_no_contrast() -> None:
    yx_contrast = np.ones((40, 40), np.float32)
    dark = np.ones((40, 40), bool)
    dark[18:22, 18:22] = False
    assert not mirrored_into(yx_contrast, dark, 0.325).any()


def test_a_dark_speck_or_grain_does_not_blank_what_is_beside_it() -> None:
    frame = np.full((200, 200), 20000.0)
    frame[100:104, 100:104] = 0
    frame[:4, 50:54] = 0  # at the frame's edge, too small for a diaphragm
    frame[106:110, 100:104] = frame[6:10, 50:54] = 21000
    contrast, _ = contrast_on_model_grid(frame, 0.325)
    assert contrast[108, 102].item() == pytest.approx(0.5, abs=0.01)
    assert contrast[8, 52].item() == pytest.approx(0.5, abs=0.01)


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


@pytest.mark.parametrize("pixel_um", [0.05, 0.1625, 0.24, 0.325, 0.3250001, 0.44, 0.65, 1.3])
def test_the_shape_on_the_grid_is_known_without_resampling(pixel_um: float) -> None:
    for shape in [(1, 3), (31, 32), (64, 65), (97, 100), (130, 129)]:
        assert shape_on_model_grid(shape, pixel_um) == tuple(to_model_grid(torch.zeros(shape), pixel_um).shape)
