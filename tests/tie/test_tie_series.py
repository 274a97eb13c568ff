"""A series goes on without its bad frames, and says of every frame what there is to say."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import TieFrame, TieResult, retrieve_frames, retrieve_phase

CUT = (slice(70, 134), slice(50, 122))


@pytest.fixture
def stack(wide_stack) -> Image:
    counts = np.random.default_rng(0).poisson(wide_stack[:, *CUT] * 8000).astype(np.float32)
    return Image(counts, "ZYX", pixel_size_um=0.325, z_step_um=3.0, name="cells.tif")


def series(stack: Image, *frames: np.ndarray) -> Image:
    return replace(stack, data=np.stack(frames), axes="TZYX", time_step_s=60.0)


def result(image: Image, **settings) -> TieResult:
    return result_of(retrieve_phase(image, TieSettings(**settings)))


def with_value(zyx: np.ndarray, value: float) -> np.ndarray:
    spoilt = zyx.copy()
    spoilt[0, 30, 40] = value
    return spoilt


DEAD: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "black": (lambda zyx: zyx * 0, "every pixel has the same value (0)"),
    "constant": (lambda zyx: zyx * 0 + 7, "every pixel has the same value (7)"),
    "undefined": (lambda zyx: zyx * np.nan, "are NaN or infinite"),
    "an undefined pixel": (lambda zyx: with_value(zyx, np.nan), "1 of 13824 pixels are NaN"),
    "a black plane": (lambda zyx: zyx * np.array([1, 1, 0], np.float32)[:, None, None], "plane 2 carries no light"),
    "one image": (lambda zyx: zyx[[1, 1, 1]], "all planes are the same image"),
    "two equal planes": (lambda zyx: zyx[[0, 1, 1]], "planes 1 and 2 are the same image"),
    "masks": (lambda zyx: np.where(zyx > 8000, 255.0, 0.0), "only two values"),
    "another field": (lambda zyx: np.stack([zyx[0], zyx[1], np.roll(zyx[2], 36, axis=1)[::-1]]), "nothing in common"),
}


@pytest.mark.parametrize("case", DEAD)
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_bad_frame_is_left_out_and_named(stack, case, bad):
    spoil, reason = DEAD[case]
    frames = [stack.data, stack.data, stack.data]
    frames[bad] = spoil(stack.data)

    found = result(series(stack, *frames), method="dct" if case != "another field" else "anchored")

    (note,) = [text for text in found.notes if "Left out" in text]
    assert note.startswith(f"Frame {bad + 1} of 3: Left out, since ")
    assert reason in note
    assert not found.phase.data[bad].any()
    assert np.isinf(found.uncertainty.data[bad]).all()
    good = [index for index in range(3) if index != bad]
    np.testing.assert_array_equal(found.phase.data[good[0]], found.phase.data[good[1]])
    assert np.isfinite(found.uncertainty.data[good]).all()


@pytest.mark.parametrize("case", DEAD)
def test_a_series_of_bad_frames_is_refused_as_a_single_stack_is(stack, case):
    spoil, reason = DEAD[case]
    spoilt = spoil(stack.data)

    for image, where in ((series(stack, spoilt, spoilt), "frame 1 of 2: "), (replace(stack, data=spoilt), "")):
        with pytest.raises(InputError) as caught:
            result(image)
        assert str(caught.value).startswith(f"cells.tif: {where}")
        assert reason in str(caught.value)


def test_what_the_first_frame_decides_the_first_good_one_decides(stack):
    noisy = stack.data + np.random.default_rng(1).normal(scale=600, size=stack.data.shape).astype(np.float32)

    frames = [
        event
        for event in retrieve_frames(series(stack, stack.data * 0, noisy, stack.data), TieSettings(method="dct"))
        if isinstance(event, TieFrame)
    ]

    alone = result(replace(stack, data=noisy), method="dct").phase.settings["tie"]["regularisation"]
    assert [frame.phase.settings["tie"]["regularisation"] for frame in frames] == [alone] * 3
    assert [frame.step for frame in frames] == [1, 2, 3]
    assert [frame.is_left_out for frame in frames] == [True, False, False]
    assert "left_out" in frames[0].phase.settings["tie_report"]
    assert "left_out" not in frames[1].phase.settings["tie_report"]
    signs = result(series(stack, stack.data * 0, stack.data, stack.data))
    assert signs.phase.settings["tie_report"]["specimen_sign"] == 1


def test_notes_of_later_frames_are_told(stack):
    limited = np.minimum(stack.data, 8700).round()
    saturated = np.round(limited / limited.max() * 4095).astype(np.uint16)
    fine = np.round(stack.data / stack.data.max() * 4000).astype(np.uint16)

    found = result(series(stack, fine, saturated, fine), specimen_sign="positive")

    (note,) = found.notes
    assert note.startswith("Frame 2 of 3: ")
    assert "pixels are saturated" in note


def test_a_frame_with_hardly_any_empty_background_is_noted(stack, monkeypatch):
    few = "Hardly any empty background was found"
    assert not any(few in note for note in result(stack).notes)
    monkeypatch.setattr("napari_contransgan.tie.notes.FEW_EMPTY", 0.99)
    assert any(few in note for note in result(stack).notes)
    assert not any(few in note for note in result(stack, method="dct").notes)  # which does not look for it


def test_what_holds_for_all_frames_names_none(stack):
    doubtful = replace(series(stack, stack.data, stack.data * 0, stack.data), notes=("The file names two sizes.",))

    found = result(doubtful, specimen_sign="positive")

    assert found.notes[0] == "The file names two sizes."
    assert [note.partition(":")[0] for note in found.notes[1:]] == ["Frame 2 of 3"]


def test_a_frame_in_the_dark_is_told_from_the_others(stack):
    found = result(series(stack, stack.data, stack.data / 5, stack.data / 2), specimen_sign="positive")

    (note,) = found.notes
    assert note.startswith("Frame 2 of 3: It is much darker than the first frame, with 16")
    assert "see whether the lamp was on" in note


def test_settings_that_fit_no_frame_are_no_bad_frame(stack):
    with pytest.raises(InputError, match="the plane in focus is one of 0 to 2"):
        result(series(stack, stack.data, stack.data), focus_index=5)


def test_a_dead_time_point_of_a_file_is_left_out(shared_data):
    path = shared_data / "files" / "dead_time_point.tif"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    found = result(read_image(path))

    assert found.phase.data.shape == (4, 128, 128)
    assert [float(frame.max()) for frame in found.phase.data] == pytest.approx([1.02, 1.02, 0, 1.02], abs=0.02)
    assert any(
        note.startswith("Frame 3 of 4: Left out, since every pixel has the same value (0)") for note in found.notes
    )
