"""From an image to phase, frame by frame: what is read when, what a result carries, and what the user is told."""

import re
from dataclasses import replace

import dask.array
import numpy as np
import pytest
from pydantic import ValidationError

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import SOLVERS, TieFrame, phase_from_stack, retrieve_frames, retrieve_phase

CUT = (slice(64, 140), slice(48, 132))


@pytest.fixture
def stack(wide_stack) -> Image:
    """Planes of cells as a camera records them, one of the cells cut by the border."""
    counts = np.random.default_rng(0).poisson(wide_stack[:, *CUT] * 8000).astype(np.uint16)
    return Image(counts, "ZYX", pixel_size_um=0.325, z_step_um=3.0, name="cells.tif", settings={"tile": {"row": 1}})


@pytest.fixture
def series(stack) -> Image:
    frames = np.stack([stack.data, stack.data[:, ::-1], stack.data[:, :, ::-1]])
    return replace(stack, data=frames, axes="TZYX", time_step_s=60.0)


def frames_of(image: Image, **settings) -> list[TieFrame]:
    return [event for event in retrieve_frames(image, TieSettings(**settings)) if isinstance(event, TieFrame)]


def notes_of(image: Image, **settings) -> str:
    return " ".join(result_of(retrieve_phase(image, TieSettings(**settings))).notes)


class Counting:
    """Pixels that note which time points are asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.read = data, []
        self.shape, self.ndim, self.dtype, self.size = data.shape, data.ndim, data.dtype, data.size

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index):
        self.read.append(index)
        return self._data[index]

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the whole series is read")


def test_a_frame_of_a_lazy_series_is_read_when_its_turn_comes(series):
    counting = Counting(series.data)
    events = retrieve_frames(replace(series, data=counting), TieSettings())

    assert counting.read == []
    assert not isinstance(next(events), TieFrame)
    assert counting.read == [0]  # to find the plane in focus
    for index in range(3):
        assert next(events).step == index + 1
        assert counting.read == list(range(index + 1))


def test_a_dask_series_gives_what_its_pixels_give_and_is_computed_once_for_each_frame(series):
    computed = []

    def block(block_id):
        computed.append(block_id[0])
        return series.data[block_id[0]][None]

    chunks = ((1,) * 3, *((length,) for length in series.data.shape[1:]))
    data = dask.array.map_blocks(block, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))

    found = result_of(retrieve_phase(replace(series, data=data), TieSettings()))

    assert computed == [0, 1, 2]
    np.testing.assert_array_equal(found.phase.data, result_of(retrieve_phase(series, TieSettings())).phase.data)


def test_work_that_is_stopped_reads_no_further_frame(series):
    counting = Counting(series.data)
    events = retrieve_frames(replace(series, data=counting), TieSettings())
    next(events)
    next(events)

    events.close()

    assert counting.read == [0]


@pytest.mark.parametrize("method", SOLVERS)
def test_a_result_holds_phase_and_uncertainty_of_one_frame(stack, method):
    result = result_of(retrieve_phase(stack, TieSettings(method=method)))

    phase, uncertainty = result.phase, result.uncertainty
    assert (phase.quantity, uncertainty.quantity) == ("phase", "phase-std")
    assert phase.axes == uncertainty.axes == "YX"
    assert phase.data.shape == uncertainty.data.shape == stack.data.shape[1:]
    assert phase.data.dtype == uncertainty.data.dtype == np.float32
    assert np.all(uncertainty.data > 0)
    kept = ("pixel_size_um", "wavelength_um", "origin_yx_um", "settings")
    assert [getattr(phase, key) for key in kept] == [getattr(uncertainty, key) for key in kept]
    assert uncertainty.name == "cells.tif phase uncertainty"
    assert phase.settings["tile"] == {"row": 1}
    report = phase.settings["tie_report"]
    assert report["axes"] == "YX"
    assert report["median_std_rad"] == pytest.approx(float(np.median(uncertainty.data)), rel=0.2)
    assert report.keys() >= {"saturated_pixels", "dead_pixels", "drift_yx_px", "plane_sums", "degrees", "direction"}


def test_a_series_keeps_time_in_phase_and_uncertainty(series):
    result = result_of(retrieve_phase(series, TieSettings()))

    for image in (result.phase, result.uncertainty):
        assert (image.axes, image.data.shape, image.time_step_s) == ("TYX", (3, 76, 84), 60.0)
    single = frames_of(series)
    assert [frame.phase.axes for frame in single] == ["YX"] * 3
    np.testing.assert_array_equal(result.phase.data, [frame.phase.data for frame in single])
    np.testing.assert_array_equal(result.uncertainty.data, [frame.uncertainty.data for frame in single])
    assert result.phase.settings == single[0].phase.settings
    assert result.notes == single[0].notes


def test_a_series_of_one_frame_stays_a_series(series):
    phase = result_of(retrieve_phase(replace(series, data=series.data[:1]), TieSettings())).phase

    assert (phase.axes, phase.data.shape[0]) == ("TYX", 1)


@pytest.mark.parametrize("first", [{}, {"numerical_aperture": 0.65, "coherence": 0.3, "flat_field": "estimate"}])
@pytest.mark.parametrize("method", SOLVERS)
def test_the_settings_of_a_result_repeat_it(stack, method, first):
    phase = result_of(retrieve_phase(stack, TieSettings(method=method, **first))).phase

    bare = replace(stack, pixel_size_um=None, z_step_um=None)
    again = result_of(retrieve_phase(bare, TieSettings(**phase.settings["tie"]))).phase

    np.testing.assert_array_equal(again.data, phase.data)
    for settings in (again.settings, phase.settings):
        assert settings["tie_report"].pop("focus")["plane"] == 1  # found first, stated then
    assert again.settings == phase.settings


def test_apertures_of_the_file_are_used_and_stand_in_the_settings(stack):
    known = replace(stack, numerical_aperture=0.65, coherence=0.3)

    phase = result_of(retrieve_phase(known, TieSettings())).phase

    used = phase.settings["tie"]
    assert (used["numerical_aperture"], used["coherence"]) == (0.65, 0.3)
    stated = result_of(retrieve_phase(stack, TieSettings(numerical_aperture=0.65, coherence=0.3))).phase
    np.testing.assert_array_equal(phase.data, stated.data)
    assert not np.array_equal(phase.data, result_of(retrieve_phase(stack, TieSettings())).phase.data)


@pytest.mark.parametrize("alone", [{"numerical_aperture": 0.65}, {"coherence": 0.3}])
def test_one_of_the_two_apertures_tells_nothing(stack, alone):
    phase = result_of(retrieve_phase(stack, TieSettings(**alone))).phase

    np.testing.assert_array_equal(phase.data, result_of(retrieve_phase(stack, TieSettings())).phase.data)
    assert phase.settings["tie"]["numerical_aperture"] is None
    assert phase.settings["tie"]["coherence"] is None


def test_a_flat_field_is_read_from_its_file_which_the_settings_name(stack, tmp_path):
    path = tmp_path / "empty field.tif"
    flat = np.linspace(3000, 4000, 84, dtype=np.float32)[None, :] * np.ones((76, 1), np.float32)
    write_image(path, Image(flat, "YX"))
    uneven = replace(stack, data=stack.data * (flat / flat.mean()))

    phase = result_of(retrieve_phase(uneven, TieSettings(flat_field=path))).phase

    assert phase.settings["tie"]["flat_field"] == str(path)
    even = result_of(retrieve_phase(replace(stack, data=stack.data.astype(float)), TieSettings())).phase
    np.testing.assert_allclose(phase.data, even.data, atol=0.02)
    again = result_of(retrieve_phase(uneven, TieSettings(**phase.settings["tie"]))).phase
    np.testing.assert_array_equal(again.data, phase.data)


def test_a_flat_field_that_cannot_be_used_is_refused_by_name(stack, tmp_path):
    write_image(tmp_path / "stack.tif", Image(np.ones((2, 76, 84), np.uint8), "ZYX"))
    write_image(tmp_path / "small.tif", Image(np.ones((76, 76), np.uint8), "YX"))

    with pytest.raises(InputError, match=r"absent\.tif: there is no such file"):
        frames_of(stack, flat_field=tmp_path / "absent.tif")
    with pytest.raises(InputError, match=r"stack\.tif: axes ZYX are no flat field: give one YX picture"):
        frames_of(stack, flat_field=tmp_path / "stack.tif")
    with pytest.raises(InputError, match="the flat field has 76 x 76 px and the planes 76 x 84"):
        frames_of(stack, flat_field=tmp_path / "small.tif")


def test_an_unknown_method_is_refused(stack):
    with pytest.raises(ValidationError, match="method"):
        TieSettings(method="magic")
    optics = {"wavelength_um": 0.55, "pixel_size_um": 0.325, "focus_index": 1}
    with pytest.raises(InputError, match="no method 'magic': give one of anchored, teague, dct, fft, us-tie, wotf"):
        phase_from_stack(stack.data, (-3.0, 0.0, 3.0), method="magic", **optics)


def test_regularisation_of_the_first_frame_is_kept_for_all(series):
    noise = np.random.default_rng(1).normal(scale=3000, size=series.data[1].shape)
    noisy = np.stack([series.data[0], np.maximum(series.data[1] + noise, 1), series.data[2]])

    used = [
        frame.phase.settings["tie"]["regularisation"] for frame in frames_of(replace(series, data=noisy), method="dct")
    ]

    alone = frames_of(replace(series, data=noisy[1:]), method="dct")[0].phase.settings["tie"]["regularisation"]
    assert used[0] == used[1] == used[2]
    assert alone > 2 * used[0]


def test_the_sign_of_the_first_frame_is_kept_for_all(series):
    turned = replace(series, data=np.stack([series.data[0], series.data[0, ::-1]]))

    first, second = frames_of(turned)

    alone = {
        sign: frames_of(replace(series, data=turned.data[1:]), specimen_sign=sign)[0].phase.data
        for sign in ("auto", "positive")
    }
    assert first.phase.settings["tie_report"]["specimen_sign"] == 1
    np.testing.assert_array_equal(second.phase.data, alone["positive"])
    assert np.abs(second.phase.data - alone["auto"]).max() > 0.5
    assert second.notes == ()


def test_a_good_stack_needs_no_note(stack):
    assert notes_of(stack) == ""


def test_planes_in_the_wrong_order_are_noted(stack):
    upside_down = replace(stack, data=stack.data[::-1])

    assert "comes out with less phase than its surroundings" in notes_of(upside_down)
    assert notes_of(upside_down, flip_z=True) == ""


@pytest.mark.parametrize("method", ["anchored", "dct"])
def test_a_lower_index_that_is_stated_is_not_noted(stack, method):
    upside_down = replace(stack, data=stack.data[::-1])

    assert "less phase" not in notes_of(upside_down, specimen_sign="negative", method=method)
    assert "flip" not in notes_of(upside_down, specimen_sign="both", method=method)
    assert "flip" not in notes_of(stack, specimen_sign="positive", method=method)


def test_a_note_that_asks_to_flip_z_carries_the_hint_for_it(stack):
    upside_down = replace(stack, data=stack.data[::-1])

    assert result_of(retrieve_phase(upside_down, TieSettings())).hints == ("flip_z",)
    assert result_of(retrieve_phase(replace(stack, z_falls=True), TieSettings())).hints == ("flip_z",)
    assert result_of(retrieve_phase(upside_down, TieSettings(flip_z=True))).hints == ()
    assert result_of(retrieve_phase(upside_down, TieSettings(specimen_sign="negative"))).hints == ()


def test_a_field_that_tells_no_direction_is_noted(stack):
    noise = np.random.default_rng(2).poisson(8000, size=stack.data.shape).astype(np.uint16)

    assert "do not tell whether their order is right" in notes_of(replace(stack, data=noise))


def test_planes_that_fall_by_the_files_own_account_are_noted_unless_flipped(stack):
    falling = replace(stack, z_falls=True)

    assert "The file says that its planes stand in order of falling z" in notes_of(falling)
    assert "The file says" not in notes_of(falling, flip_z=True)


def test_drift_that_was_undone_is_noted(wide_stack):
    planes = np.stack([wide_stack[0, 20:180, 20:180], wide_stack[1, 22:182, 18:178], wide_stack[2, 24:184, 16:176]])
    counts = np.random.default_rng(0).poisson(planes * 8000).astype(np.uint16)
    drifted = Image(counts, "ZYX", pixel_size_um=0.325, z_step_um=3.0, name="cells.tif")

    assert re.search(r"had drifted by up to (1\.9|2\.[01]) px, which was undone", notes_of(drifted))
    assert "drifted" not in notes_of(drifted, drift=False)


def test_saturation_is_noted(stack):
    bright = replace(stack, data=np.minimum(stack.data, np.quantile(stack.data, 0.998)).astype(float))
    limited = replace(stack, data=np.round(bright.data / bright.data.max() * 4095).astype(np.uint16))

    assert f"{np.any(limited.data == 4095, axis=0).sum()} pixels are saturated" in notes_of(limited)
    assert "saturated" not in notes_of(limited, saturation=False)


def test_a_result_survives_a_file(stack, tmp_path):
    result = result_of(retrieve_phase(stack, TieSettings()))
    for image in (result.phase, result.uncertainty):
        write_image(tmp_path / "map.tif", image)

        back = read_image(tmp_path / "map.tif")

        np.testing.assert_array_equal(back.data, image.data)
        assert (back.quantity, back.settings) == (image.quantity, dict(image.settings))
