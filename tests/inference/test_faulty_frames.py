"""Frames that cannot be used, dark levels, and borders without data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.inference.stand_ins import STAND_IN, frame, run

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.inference import predict_with_uncertainty
from napari_contransgan.io import Image, write_image
from napari_contransgan.progress import result_of


def predicted_with_trust(image: Image, **settings: object) -> tuple[Image, np.ndarray]:
    wanted = PredictSettings(trust=True, **settings)  # type: ignore[arg-type]
    prediction = result_of(predict_with_uncertainty(image, wanted, STAND_IN))
    assert prediction.uncertainty is not None
    return prediction.phase, prediction.uncertainty.data


FAULTY: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "black": (lambda yx: yx * 0, "every pixel has the same value (0)"),
    "constant": (lambda yx: yx * 0 + 7, "every pixel has the same value (7)"),
    "undefined": (lambda yx: np.where(yx == yx.max(), np.nan, yx), "NaN"),
    "a mask": (lambda yx: np.where(yx > 200, 255.0, 0.0), "only two values, 0 and 255, as a mask"),
    "a background subtracted": (lambda yx: yx - yx.mean(), "negative intensities"),
}


@pytest.mark.parametrize("fault", FAULTY)
@pytest.mark.parametrize("bad", [0, 2])
def test_a_faulty_frame_of_a_series_is_left_out_and_named(fault: str, bad: int) -> None:
    spoil, reason = FAULTY[fault]
    frames = np.stack([frame(64, 64).astype(float)] * 3)
    frames[bad] = spoil(frames[bad])
    phase, std_rad = predicted_with_trust(Image(frames, "TYX", 0.65, name="series"))
    note = phase.settings["predict"]["notes"][-1]
    assert note.startswith(f"Frame {bad + 1} of 3: Left out, since ")
    assert reason in note
    assert not phase.data[bad].any()
    assert np.isinf(std_rad[bad]).all()
    np.testing.assert_array_equal(phase.data[1], phase.data[2 - bad])
    assert phase.settings["predict"]["median_std_rad"] == pytest.approx(np.median(std_rad[1]))


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_frame_alone_is_refused(fault: str) -> None:
    spoil, reason = FAULTY[fault]
    with pytest.raises(InputError, match=r"^series: ") as caught:
        run(Image(np.stack([spoil(frame(64, 64).astype(float))] * 2), "TYX", 0.65, name="series"))
    assert reason in str(caught.value)


def test_notes_of_later_frames_are_told_and_a_frame_in_the_dark_is_named() -> None:
    frames = np.stack([frame(64, 64).astype(float)] * 3)
    frames[1, :, :20] = 0
    frames[2] *= 0.1
    notes = run(Image(frames, "TYX", 0.65)).settings["predict"]["notes"]
    assert [note.partition(":")[0] for note in notes] == ["Frame 2 of 3", "Frame 3 of 3"]
    assert "31.2% of the frame got no light" in notes[0]
    assert "much darker than the first frame, with 20" in notes[1]


def test_the_dark_level_is_subtracted_first(tmp_path: Path) -> None:
    plain = run(Image(frame(), "YX", 0.65))
    raised = Image(frame() + np.uint16(100), "YX", 0.65)
    assert np.abs(run(raised).data).max() < 0.8 * np.abs(plain.data).max()
    stated = run(raised, dark=100)
    np.testing.assert_allclose(stated.data, plain.data, atol=1e-4)
    assert stated.settings["predict"]["dark"] == 100
    by_file = run(replace(raised, dark_counts=100.0))
    np.testing.assert_allclose(by_file.data, plain.data, atol=1e-4)
    assert by_file.settings["predict"]["dark"] == 100
    assert "The file states a dark level of 100 counts" in by_file.settings["predict"]["notes"][0]
    np.testing.assert_array_equal(run(replace(raised, dark_counts=100.0), dark=0).data, run(raised).data)
    write_image(tmp_path / "dark.tif", Image(np.full((3, 200, 260), [[[99]], [[100]], [[101]]], np.uint16), "TYX"))
    by_picture = run(raised, dark=tmp_path / "dark.tif")
    np.testing.assert_allclose(by_picture.data, plain.data, atol=1e-4)
    assert by_picture.settings["predict"]["dark"] == str(tmp_path / "dark.tif")


def test_a_dark_level_that_leaves_no_light_is_refused() -> None:
    with pytest.raises(InputError, match=r"^cells: a dark level of 210 counts leaves nothing of the bright level, 200"):
        run(Image(frame(), "YX", 0.65, name="cells"), dark=210)


def test_a_dark_level_that_was_forgotten_is_seen_under_a_field_stop() -> None:
    data = frame().astype(float)
    data[:, :60] = 0
    forgotten = Image(np.random.default_rng(1).normal(data + 50, 1), "YX", 0.325)
    phase = run(forgotten)
    notes = phase.settings["predict"]["notes"]
    assert any("has a constant 50 counts, 20% of the bright level" in note for note in notes)
    assert not phase.data[:, :58].any()
    assert not any("steady" in note for note in run(forgotten, dark=50).settings["predict"]["notes"])


def test_borders_without_data_are_not_below_the_dark_level() -> None:
    data = np.pad(frame().astype(float) + 100, ((0, 0), (30, 0)))
    phase = run(Image(data, "YX", 0.325), dark=100)
    notes = " ".join(phase.settings["predict"]["notes"])
    assert "got no light" in notes
    assert "dark level" not in notes
    assert not phase.data[:, :29].any()


def test_borders_without_data_get_no_phase_whatever_they_are_filled_with() -> None:
    plain = frame().astype(float)
    for fill in (0.0, np.nan, 1000.0):
        data = np.pad(plain, ((0, 0), (30, 0)), constant_values=fill)
        phase = run(Image(data, "YX", 0.325))
        assert not phase.data[:, :29].any(), fill
        assert phase.data[:, 40:].std() > 0.01
