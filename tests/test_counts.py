"""The dark level, and frames that contain no intensities."""

import numpy as np
import pytest

from napari_contransgan.counts import (
    bright_level,
    check_dark,
    check_intensities,
    less_dark,
    other_light_note,
    stated_dark,
    two_values,
)
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, write_image

RNG = np.random.default_rng(0)
FRAME = RNG.normal(500, 10, (60, 80))


def image(**changes) -> Image:
    return Image(FRAME, "YX", name="cells", **changes)


def test_what_is_stated_comes_before_the_file_and_0_counts():
    assert stated_dark(None, image()) == 0
    assert stated_dark(None, image(dark_counts=90.0)) == 90
    assert stated_dark(100.0, image(dark_counts=90.0)) == 100
    assert stated_dark(0.0, image(dark_counts=90.0)) == 0


def test_a_stack_of_pictures_without_light_is_averaged(tmp_path):
    frames = RNG.integers(90, 110, (4, 60, 80), dtype=np.uint16)
    write_image(tmp_path / "dark.tif", Image(frames, "TYX"))
    np.testing.assert_allclose(stated_dark(tmp_path / "dark.tif", image()), frames.mean(axis=0), rtol=1e-6)
    stack = Image(np.stack([FRAME] * 3)[None], "TZYX")
    assert stated_dark(tmp_path / "dark.tif", stack).shape == (60, 80)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (Image(np.zeros((60, 60), np.uint8), "YX"), r"dark\.tif: .* has 60 x 60 px and cells 60 x 80: take it with"),
        (Image(np.zeros((2, 2, 60, 80), np.uint8), "TZYX"), r"dark\.tif: holds .* axes TZYX.* give one YX image"),
        (Image(np.zeros((60, 80, 3), np.uint8), "YXS"), r"dark\.tif: holds intensity with the axes YXS"),
        (Image(np.zeros((60, 80), np.float32), "YX", quantity="phase"), r"dark\.tif: holds phase with the axes YX"),
        (Image(np.full((60, 80), np.nan, np.float32), "YX"), r"dark\.tif: .* NaN"),
    ],
    ids=["another size", "axes", "RGB", "phase", "NaN"],
)
def test_a_picture_that_cannot_be_a_dark_level_is_refused_by_name(tmp_path, picture, message):
    write_image(tmp_path / "dark.tif", picture)
    with pytest.raises(InputError, match=message):
        stated_dark(tmp_path / "dark.tif", image())


def test_counts_below_the_dark_level_become_0_and_are_counted():
    light, share = less_dark(np.array([[90, 100], [150, 200]], np.uint16), 100.0)
    np.testing.assert_array_equal(light, [[0, 0], [50, 100]])
    assert (light.dtype, share) == (np.float32, 0.25)
    light, share = less_dark(FRAME, 0.0)
    np.testing.assert_array_equal(light, FRAME.astype(np.float32))
    assert share == 0


@pytest.mark.parametrize("dark", [500.0, 700.0, np.full((60, 80), 505, np.float32)], ids=["equal", "above", "picture"])
def test_a_dark_level_without_light_above_it_is_refused(dark):
    with pytest.raises(InputError, match=r"leaves nothing of the bright level, 499\.74 counts"):
        check_dark(FRAME, dark)


def test_a_dark_level_below_0_needs_pixels_below_0():
    with pytest.raises(InputError, match="-5 counts is below 0, but no pixel"):
        check_dark(FRAME, -5.0)
    check_dark(FRAME - 1000, -900.0)
    check_dark(FRAME, 100.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("values", [(0, 1), (0, 200), (10, 200)])
def test_a_mask_is_refused_whatever_its_numbers(dtype, values):
    mask = np.where(FRAME > 505, *values).astype(dtype)
    assert two_values(mask) == values
    with pytest.raises(InputError, match=f"only two values, {values[0]} and {values[1]}, as a mask"):
        check_intensities(mask)


def test_a_mask_of_truth_values_is_refused():
    with pytest.raises(InputError, match="only two values, 0 and 1"):
        check_intensities(FRAME > 505)


def test_an_image_of_very_low_contrast_is_no_mask():
    check_intensities(np.where(FRAME > 505, 128, 127).astype(np.uint8))
    check_intensities(np.where(FRAME > 505, 2, 1).astype(np.uint8))
    check_intensities(np.where(FRAME > 505, 128.5, 127.5))
    one_more = np.where(FRAME > 505, 255, 0)
    one_more[7, 9] = 3
    assert two_values(one_more) is None


def test_intensities_from_which_a_background_was_subtracted_are_refused():
    for constant in (500, 490):
        with pytest.raises(InputError, match="negative intensities, as if a background was subtracted"):
            check_intensities(FRAME - constant)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_background_that_was_subtracted_and_cut_off_at_0_is_refused(dtype):
    with pytest.raises(InputError, match="% of the pixels in the light are 0, as if a background was subtracted and"):
        check_intensities(np.maximum(FRAME - 500, 0).round().astype(dtype))


def test_zeros_under_a_stop_are_no_subtracted_background():
    stopped = FRAME.copy()
    stopped[:, :40] = np.maximum(RNG.normal(0, 3, (60, 40)), 0)
    check_intensities(stopped)
    check_intensities(np.pad(FRAME, 40))


def test_a_frame_with_another_lamp_is_told_either_way():
    assert other_light_note(100, 500)[0].startswith("It is much darker than the first frame, with 100 counts for 500")
    assert other_light_note(500, 100)[0].startswith("It is much brighter than the first frame, with 500 counts for 100")
    assert other_light_note(250, 500) == other_light_note(900, 500) == []


def test_the_noise_of_a_dark_level_that_was_subtracted_already_is_no_subtracted_background():
    stopped = FRAME.copy()
    stopped[:, :30] = RNG.normal(0, 3, (60, 30))
    check_intensities(stopped)


def test_the_bright_level_does_not_see_what_a_stop_covers():
    stopped = FRAME.copy()
    stopped[:, :60] = 0
    assert bright_level(stopped) == pytest.approx(500, abs=3)
