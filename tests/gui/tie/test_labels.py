"""Phase of the TIE widget as training labels."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.tie import widget as tie_widget
from napari_contransgan.gui.tie.labels import label_grid
from napari_contransgan.io import Image, find_images, read_image

NAME = "Phase from focus stack (TIE)"

pytestmark = pytest.mark.gui


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The folder that the user chooses."""
    chosen = tmp_path / "labels"
    monkeypatch.setattr(tie_widget, "ask_for_folder", lambda *_: chosen)
    return chosen


@pytest.mark.parametrize(
    ("shape", "pixel_um", "grid"),
    [
        ((896, 672), 0.1625, (2, 1)),
        ((448, 447), 0.325, (2, 1)),
        ((448, 448), 0.325, (2, 2)),
        ((96, 96), 0.325, (1, 1)),
        ((2048, 2048), 0.1625, (4, 4)),
    ],
)
def test_tiles_are_as_small_as_training_allows(shape, pixel_um, grid):
    settings = label_grid(Image(np.zeros(shape, np.float32), "YX", pixel_size_um=pixel_um))
    assert (settings.rows, settings.columns) == grid


def test_phase_becomes_tiles_that_the_trainer_takes(viewer, open_widget, click, finish, folder, bump_stack, messages):
    from napari_contransgan.training.file_frames import FileFrame
    from napari_contransgan.training.survey import survey

    wide = np.concatenate([np.pad(bump_stack.data, ((0, 0), (66, 66), (66, 66)), mode="edge")] * 2, axis=2)
    add_image(viewer, replace(bump_stack, data=wide))
    widget = open_widget(NAME)
    assert not widget.label_button.enabled
    click(widget.panel.run_button)
    finish(widget)
    click(widget.label_button)
    finish(widget)

    assert messages() == []
    assert widget.panel.message.value.startswith(f"Done: 2 tiles in {folder}")
    assert "if you cut the stack into 1 x 2 tiles too, as 'Phase of the pairs'" in widget.panel.message.value
    assert "Note" not in widget.panel.message.value
    paths = find_images(folder)
    assert [path.name for path in paths] == [f"bump_stack_phase_TIE__r0c{column}.ome.tif" for column in (0, 1)]
    found = survey([], [("phase", [FileFrame(path) for path in paths])], TrainSettings(lr=folder, phase=folder))
    assert found.wavelength_um == 0.55
    tile = read_image(paths[1])
    assert tile.quantity == "phase"
    assert tile.origin_yx_um == pytest.approx((12.5, -7.25 + 228 * 0.325))
    assert np.array_equal(tile.data, viewer.layers["bump stack phase (TIE)"].data[:, 228:])


def test_time_series_is_saved_frame_by_frame_with_a_note_on_its_size(
    viewer, open_widget, click, finish, folder, bump_stack
):
    lapse = replace(bump_stack, data=np.stack([bump_stack.data] * 3), axes="TZYX", time_step_s=5.0)
    add_image(viewer, lapse)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    click(widget.label_button)
    finish(widget)
    paths = find_images(folder)
    assert [path.name for path in paths] == [f"bump_stack_phase_TIE_t{time:03d}_r0c0.ome.tif" for time in range(3)]
    assert {read_image(path).axes for path in paths} == {"YX"}
    assert "smaller than the training crop" in widget.panel.message.value


def test_tiles_of_another_run_are_never_replaced(viewer, open_widget, click, finish, folder, bump_stack, messages):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    for _ in range(2):  # the same tiles may be saved again
        click(widget.label_button)
        finish(widget)
    assert messages() == []
    (path,) = find_images(folder)
    before = path.read_bytes()
    viewer.layers["bump stack phase (TIE)"].data = np.ones((96, 96), np.float32)
    click(widget.label_button)
    finish(widget)
    (message,) = messages()
    assert "choose an empty folder" in message
    assert path.read_bytes() == before


def test_nothing_is_saved_without_a_folder_or_a_phase(viewer, open_widget, click, finish, monkeypatch, bump_stack):
    monkeypatch.setattr(tie_widget, "ask_for_folder", lambda *_: None)
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    click(widget.label_button)
    assert widget.panel.task is None
    del viewer.layers["bump stack phase (TIE)"]
    assert not widget.label_button.enabled


def test_what_has_no_phase_becomes_no_label(viewer, open_widget, click, finish, folder, bump_stack, messages):
    frames = np.stack([bump_stack.data, 0 * bump_stack.data])
    dark = replace(bump_stack, data=np.pad(frames, ((0, 0), (0, 0), (30, 0), (0, 20))), axes="TZYX", time_step_s=5.0)
    add_image(viewer, dark)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    click(widget.label_button)
    finish(widget)

    assert messages() == []
    (path,) = find_images(folder)
    label = read_image(path)
    assert label.data.shape == (96, 96)
    assert label.origin_yx_um == pytest.approx((12.5 + 30 * 0.325, -7.25))
    assert np.all(label.data[40:50, 40:50] > 0.3)
    assert "1 of 2 time points contain no phase and were left out" in widget.panel.message.value
    assert "borders without data were cut off" in widget.panel.message.value
