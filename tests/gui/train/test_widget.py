"""The training widget in a real viewer: what a click starts and shows."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from numpy.testing import assert_allclose, assert_array_equal
from pytestqt.qtbot import QtBot
from tests.gui.train.run_in_hand import Events, RunInHand, docked, wait_for_end

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.train import widget as train_widget
from napari_contransgan.gui.train.widget import TrainWidget
from napari_contransgan.training.events import (
    CheckpointSaved,
    ImageSkipped,
    RolledBack,
    SaveFailed,
    TrainingStarted,
)

pytestmark = pytest.mark.gui


def test_going_on_with_a_run_shows_its_settings(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    settings = TrainSettings(pairs=(Path("pairs"),), preset="tiny", generator="unet", steps=77, crop_px=96, seed=5)
    (tmp_path / "config.yaml").write_text(settings.to_yaml())
    widget = TrainWidget(viewer)
    qtbot.addWidget(widget)
    widget.run_folder.setValue([tmp_path])
    assert widget.form.steps.value() != 77
    widget.resume.setChecked(True)
    assert TrainSettings.checked(widget.form.value()) == settings

    other = settings.model_copy(update={"steps": 99})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text(other.to_yaml())
    widget.run_folder.setValue([tmp_path / "other"])
    assert TrainSettings.checked(widget.form.value()) == other


def test_going_on_with_a_run_whose_settings_are_damaged_is_told(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("steps: many\n")
    widget = TrainWidget(viewer)
    qtbot.addWidget(widget)
    before = widget.form.value()
    widget.run_folder.setValue([tmp_path])
    widget.resume.setChecked(True)
    assert "config.yaml" in widget.message.text()
    assert widget.form.value() == before
    widget.run_folder.setValue([tmp_path / "new"])
    assert widget.form.value() == before


def test_start_without_images_says_what_is_missing(qtbot: QtBot, viewer: Viewer) -> None:
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget)
    for button in (widget.buttons.start, widget.buttons.check):
        widget.message.clear()
        button.click()
        assert "give the folders lr and phase, a folder of pairs" in widget.message.text()
        assert not widget.running
        assert not widget.checking
        assert widget.buttons.start.isEnabled()


def test_start_without_a_run_folder_asks_for_one(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path)
    widget.run_folder.setValue([])
    widget.buttons.start.click()
    assert "choose a run folder" in widget.message.text()
    assert not widget.running


def test_run_fills_the_curve_and_tells_scores_and_result(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path, steps=3)
    widget.resume.setChecked(True)
    widget.buttons.start.click()
    assert not widget.buttons.start.isEnabled()
    assert not widget.buttons.check.isEnabled()
    assert widget.buttons.stop.isEnabled()
    assert widget.buttons.pause.isEnabled()
    assert not widget.form.isEnabled()
    run.step_allowed.release(3)
    wait_for_end(qtbot, widget)
    assert (run.settings, run.run_dir, run.resume) == (
        TrainSettings(pairs=(tmp_path,), steps=3),
        tmp_path / "run",
        True,
    )
    steps, losses = widget.display.curves.losses.drawn("0/total")
    assert_array_equal(steps, [1, 2, 3])
    assert_allclose(losses, [1, 1 / 2, 1 / 3])
    assert (widget.display.progress.value(), widget.display.progress.maximum()) == (3, 3)
    for figure in ("28.2 dB", "0.910", "0.97", "17.0 dB", "0.724"):
        assert figure in widget.display.scores.text()
    widget.display.curves.setCurrentIndex(1)
    assert_allclose(widget.display.curves.scores["psnr_db"].drawn("0/psnr_db"), [[3], [28.25]])
    assert "best.safetensors" in widget.message.text()


def test_progress_is_shown_while_the_run_goes_on(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=10)
    widget.buttons.start.click()
    run.step_allowed.release(4)
    qtbot.waitUntil(lambda: widget.display.progress.value() == 4)
    assert widget.display.progress.maximum() == 10
    qtbot.waitUntil(lambda: "left" in widget.display.status.text())
    for part in ("Step 4 of 10", "8 images/s", "learning rate 5e-4", "cpu", "1.2 GB of memory"):
        assert part in widget.display.status.text()
    assert widget.running


def test_curve_is_drawn_at_most_five_times_a_second(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path, steps=2000)
    widget.buttons.start.click()
    drawn_at: list[float] = []
    draw = widget.display.curves.losses.show_picture
    monkeypatch.setattr(
        widget.display.curves.losses, "show_picture", lambda picture: (drawn_at.append(time.monotonic()), draw(picture))
    )
    run.step_allowed.release(1500)
    qtbot.wait(1000)
    assert 1 <= len(drawn_at) <= 6
    qtbot.waitUntil(lambda: widget.display.step == 1500)
    qtbot.wait(500)
    drawn = len(drawn_at)
    qtbot.wait(600)
    assert len(drawn_at) == drawn  # nothing has come since
    run.step_allowed.release(500)
    wait_for_end(qtbot, widget)
    assert len(widget.display.run.curve("total")[0]) == 2000


def test_second_run_starts_with_an_empty_curve(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=2)
    for _ in range(2):
        run.steps = 0
        run.step_allowed.release(2)
        widget.buttons.start.click()
        wait_for_end(qtbot, widget)
        assert_array_equal(widget.display.curves.losses.drawn("0/total")[0], [1, 2])


def test_steps_that_were_undone_leave_the_curve_and_are_told(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    run.tells[5] = [RolledBack(5, 2, "the loss was not finite", 0.5)]
    widget = docked(viewer, tmp_path, steps=6)
    widget.buttons.start.click()
    run.step_allowed.release(6)
    wait_for_end(qtbot, widget)
    assert_array_equal(widget.display.run.curve("total")[0], [1, 2, 6])
    text = widget.display.notices.undone.text()
    assert "Step 5 was undone: the loss was not finite" in text
    assert "from step 2 with the learning rate multiplied by 0.5" in text


def test_failed_save_is_notified_once_and_shown_until_a_save_succeeds(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    run.tells = {step: [SaveFailed(step, "the disk is full")] for step in (1, 2, 3)}
    run.tells[4] = [CheckpointSaved(4, tmp_path / "last.safetensors")]
    widget = docked(viewer, tmp_path, steps=5)
    widget.buttons.start.click()
    run.step_allowed.release(3)
    qtbot.waitUntil(lambda: "step 3" in widget.display.notices.unsaved.text())
    assert widget.display.notices.unsaved.isVisible()
    assert messages() == ["[warning] The training could not be saved at step 1: the disk is full"]
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: not widget.display.notices.unsaved.isVisible())
    run.step_allowed.release(1)
    wait_for_end(qtbot, widget)


def test_images_that_are_left_out_are_counted_and_named(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    run.tells[1] = [ImageSkipped(tmp_path / f"bad{number}.tif", "is cut short") for number in range(3)]
    widget = docked(viewer, tmp_path, steps=2)
    widget.buttons.start.click()
    run.step_allowed.release(2)
    wait_for_end(qtbot, widget)
    label = widget.display.notices.left_out
    assert "3 images skipped" in label.text()
    for number in range(3):
        assert f"bad{number}.tif: is cut short" in label.toolTip()
    run.steps, run.tells = 0, {}
    run.step_allowed.release(2)
    widget.buttons.start.click()
    assert label.text() == ""
    wait_for_end(qtbot, widget)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("lr: holds no TIFF images"), "lr: holds no TIFF images"),
        (RuntimeError("out of memory"), "out of memory"),
        (ZeroDivisionError("by zero"), "by zero"),
    ],
)
def test_error_in_the_run_is_told_and_start_is_ready_again(
    qtbot: QtBot,
    viewer: Viewer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: Exception,
    text: str,
) -> None:
    def failing_run(settings: TrainSettings, run_dir: Path, resume: bool) -> Events:
        yield TrainingStarted("found 3 pairs", 0, settings.steps, "cpu", 1000)
        raise error

    monkeypatch.setattr(train_widget, "training_events", failing_run)
    widget = docked(viewer, tmp_path)
    notification_manager.records.clear()
    widget.buttons.start.click()
    wait_for_end(qtbot, widget)
    assert text in widget.message.text()
    notification_manager.records.clear()


def test_dock_fits_a_small_screen_with_all_settings_open(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path)
    viewer.window._qt_window.resize(1280, 800)
    widget.form.advanced_fold.header.setChecked(True)
    qtbot.wait(200)
    assert viewer.window._qt_window.height() <= 800
    assert widget.display.curves.losses._view.height() >= 160
    assert widget.width() <= 500
    assert widget.minimumSizeHint().height() <= 740


def test_settings_are_folded_away_when_a_run_starts(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path, steps=1)
    assert widget.form.isVisibleTo(widget)
    widget.buttons.start.click()
    assert not widget.form.isVisibleTo(widget)
    run.step_allowed.release(1)
    wait_for_end(qtbot, widget)
