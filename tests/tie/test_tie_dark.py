"""The dark level is subtracted from everything, recorded, and refused where it cannot be right."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import TieResult, retrieve_phase

CUT = (slice(70, 134), slice(50, 122))


@pytest.fixture
def stack(wide_stack) -> Image:
    """Planes without a dark level."""
    counts = np.random.default_rng(0).poisson(wide_stack[:, *CUT] * 400).astype(np.uint16)
    return Image(counts, "ZYX", pixel_size_um=0.325, z_step_um=3.0, name="cells.tif")


@pytest.fixture
def raised(stack) -> Image:
    """The same above 100 counts."""
    return replace(stack, data=stack.data + np.uint16(100))


def result(image: Image, **settings) -> TieResult:
    return result_of(retrieve_phase(image, TieSettings(**settings)))


def test_a_forgotten_dark_level_costs_its_share_of_the_phase(stack, raised):
    right, wrong = (result(one, method="dct").phase.data for one in (stack, raised))

    assert np.ptp(wrong) == pytest.approx(0.8 * np.ptp(right), rel=0.01)


@pytest.mark.parametrize("method", ["anchored", "wotf"])
def test_what_is_stated_is_subtracted_and_recorded(stack, raised, method):
    found = result(raised, method=method, dark=100)

    np.testing.assert_allclose(found.phase.data, result(stack, method=method).phase.data, atol=1e-4)
    assert found.phase.settings["tie"]["dark"] == 100.0
    assert result(stack).phase.settings["tie"]["dark"] == 0.0


def test_the_dark_level_of_the_file_is_used_unless_another_is_stated(stack, raised):
    stating = replace(raised, dark_counts=100.0)

    found = result(stating)

    np.testing.assert_array_equal(found.phase.data, result(raised, dark=100).phase.data)
    assert found.phase.settings["tie"]["dark"] == 100.0
    assert found.notes[0] == "The file states a dark level of 100 counts, which was subtracted."
    without = result(stating, dark=0, specimen_sign="positive")
    np.testing.assert_array_equal(without.phase.data, result(raised).phase.data)
    assert without.notes == ()
    again = result(replace(raised, dark_counts=None), **found.phase.settings["tie"])
    np.testing.assert_array_equal(again.phase.data, found.phase.data)


def test_a_picture_without_light_is_subtracted_pixel_by_pixel(stack, tmp_path):
    pattern = np.random.default_rng(1).integers(80, 140, stack.data.shape[1:], dtype=np.uint16)
    write_image(tmp_path / "dark.tif", Image(np.stack([pattern - 1, pattern, pattern + 1]), "TYX"))
    patterned = replace(stack, data=stack.data + pattern)

    found = result(patterned, dark=tmp_path / "dark.tif")

    np.testing.assert_allclose(found.phase.data, result(stack).phase.data, atol=1e-4)
    assert found.phase.settings["tie"]["dark"] == str(tmp_path / "dark.tif")
    again = result(patterned, **found.phase.settings["tie"])
    np.testing.assert_array_equal(again.phase.data, found.phase.data)


def test_the_flat_field_has_the_same_dark_level(stack, tmp_path):
    flat = np.linspace(0.6, 1.4, 72)[None, :] * np.ones((64, 1))
    write_image(tmp_path / "flat.tif", Image((flat * 1000 + 100).astype(np.float32), "YX"))
    uneven = replace(stack, data=stack.data * flat + 100)

    found = result(uneven, dark=100, flat_field=tmp_path / "flat.tif", method="dct")
    even = result(replace(stack, data=stack.data * 1.0), method="dct")

    assert found.phase.settings["tie_report"]["flat_field_range"] == pytest.approx([0.6, 1.4], abs=1e-3)
    np.testing.assert_allclose(found.phase.data, even.phase.data, atol=0.03)


def test_saturated_spots_are_still_known_by_the_camera_limit(raised):
    bright = replace(raised, data=raised.data.copy())
    bright.data[:, 30:33, 30:33] = 4095

    found = result(bright, dark=100)

    assert found.phase.settings["tie_report"]["saturated_pixels"] == 9


def test_pixels_below_the_dark_level_are_noted(raised):
    spotted = replace(raised, data=raised.data.copy())
    spotted.data[:, 20:24, 30:36] = 60

    assert "0.52% of the pixels were below the dark level and were set to 0" in " ".join(
        result(spotted, dark=100).notes
    )
    assert "dark level" not in " ".join(result(raised, dark=100).notes)


@pytest.mark.parametrize("dark", [498, 500, 7000])
def test_a_dark_level_that_leaves_no_light_is_refused(raised, dark):
    with pytest.raises(
        InputError, match=rf"^cells\.tif: a dark level of {dark} counts leaves nothing of the bright lev"
    ):
        result(raised, dark=dark)


def test_borders_without_data_are_not_below_the_dark_level(raised):
    rimmed = replace(raised, data=np.pad(raised.data, ((0, 0), (20, 0), (0, 0))))

    found = result(rimmed, dark=100)

    assert not any("dark level" in note for note in found.notes)
    np.testing.assert_array_equal(found.phase.data[20:], result(raised, dark=100).phase.data)


def test_a_plane_with_the_shutter_closed_is_refused(raised):
    closed = replace(raised, data=raised.data.copy())
    closed.data[2] = np.random.default_rng(1).normal(100, 3, closed.data[2].shape).round()

    with pytest.raises(InputError, match=r"^cells\.tif: plane 2 carries no light \(mean 1\.\d+, of others up to"):
        result(closed, dark=100)


def test_signed_counts_have_a_dark_level_below_0(stack):
    signed = replace(stack, data=(stack.data.astype(int) - 32768).astype(np.int16))

    found = result(signed, dark=-32768)

    np.testing.assert_allclose(found.phase.data, result(stack).phase.data, atol=1e-4)
    with pytest.raises(InputError, match="plane 0 carries no light: give intensities as the camera recorded them"):
        result(signed)


def test_a_picture_of_another_size_is_refused_before_the_work(raised, tmp_path):
    write_image(tmp_path / "dark.tif", Image(np.full((10, 72), 100, np.uint16), "YX"))

    with pytest.raises(InputError, match=r"dark\.tif: .* has 10 x 72 px and cells\.tif 64 x 72: take it with"):
        result(raised, dark=tmp_path / "dark.tif")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_dark_level_is_a_finite_number(value):
    with pytest.raises(InputError, match="finite"):
        TieSettings.checked({"dark": value})


def test_the_settings_take_a_number_from_the_command_line_for_a_number(tmp_path):
    assert TieSettings.checked({"dark": "100"}).dark == 100.0
    assert TieSettings.checked({"dark": str(tmp_path / "dark.tif")}).dark == tmp_path / "dark.tif"


def test_the_phase_of_a_file_with_a_dark_level_comes_out_whole(shared_data):
    path = shared_data / "files" / "dark_level_100.tif"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    image = replace(read_image(path), dark_counts=None)

    assert result(image, dark=100).phase.data.max() == pytest.approx(1.02, abs=0.02)
    assert result(image, dark=0).phase.data.max() == pytest.approx(0.82, abs=0.02)
