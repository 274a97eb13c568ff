"""The training widget in a real viewer: pausing, stopping, and runs that end with the window."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.testing import assert_array_equal
from pytestqt.qtbot import QtBot
from tests.gui.train.run_in_hand import RunInHand, docked, paused, wait_for_end

from napari_contransgan.gui.train.widget import TrainWidget
from napari_contransgan.training.events import (
    CheckpointSaved,
    ImageSkipped,
    Preview,
    RolledBack,
    Validated,
)

pytestmark = pytest.mark.gui


def test_stop_takes_effect_after_the_step_at_hand(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=1000)
    widget.buttons.start.click()
    run.step_allowed.release(2)
    qtbot.waitUntil(lambda: run.steps == 2)
    widget.buttons.stop.click()
    run.step_allowed.release(1000)
    wait_for_end(qtbot, widget)
    assert run.steps <= 3
    assert run.closed.is_set()
    assert "Stopped" in widget.message.text()
    assert str(tmp_path / "run") in widget.message.text()


def test_pause_saves_after_the_step_at_hand_and_waits(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = paused(qtbot, viewer, run, tmp_path)
    assert (run.steps, run.saves) == (3, 1)
    assert "Paused after step 3" in widget.message.text()
    assert "it is saved" in widget.message.text()
    assert "Step 3 of" in widget.display.status.text()
    assert "left" not in widget.display.status.text()
    assert_array_equal(widget.display.curves.losses.drawn("0/total")[0], [1, 2, 3])
    assert widget.running
    assert widget.buttons.stop.isEnabled()
    qtbot.wait(300)
    assert run.steps == 3


def test_pause_waits_for_a_validation_that_comes_before_the_save(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    blank = np.zeros((64, 64), np.float32)
    run.tells[3] = [
        ImageSkipped(tmp_path / "bad.tif", "is cut short"),
        Validated(3, 0.9, 28, 0.9, 0.7, 17.0, (Preview(blank, blank, None, blank),)),
        CheckpointSaved(3, tmp_path / "best.safetensors"),
    ]
    widget = paused(qtbot, viewer, run, tmp_path)
    assert (run.steps, run.saves) == (3, 1)
    assert "it is saved" in widget.message.text()
    assert "Preview: output phase (rad)" in viewer.layers


def test_pause_upon_numbers_that_are_not_finite_waits_at_the_step_gone_back_to(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    run.tells[3] = [RolledBack(3, 1, "the loss was not finite", 0.5)]
    widget = paused(qtbot, viewer, run, tmp_path)
    assert "Paused after step 1" in widget.message.text()
    assert run.steps == 3


def test_continue_goes_on_with_the_next_step(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = paused(qtbot, viewer, run, tmp_path)
    widget.buttons.pause.click()
    assert widget.buttons.pause.text() == "Pause"
    wait_for_end(qtbot, widget)
    assert run.steps == 1000
    assert_array_equal(widget.display.run.curve("total")[0], np.arange(1, 1001))
    assert "best.safetensors" in widget.message.text()


def test_time_left_leaves_a_pause_out(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=12)
    widget.buttons.start.click()
    run.step_allowed.release(2)
    qtbot.waitUntil(lambda: widget.display.step == 2 and run.begun == 3)
    widget.buttons.pause.click()
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: widget.buttons.state == "paused")
    qtbot.wait(2500)
    widget.buttons.pause.click()
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: widget.display.progress.value() == 4)
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: "left" in widget.display.status.text())
    seconds = float(widget.display.status.text().split("about ")[1].split(" s left")[0])
    assert seconds <= 5  # with the pause it would be eight times as long at the least


def test_pause_that_could_not_save_says_so(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    run.save_fails = True
    widget = paused(qtbot, viewer, run, tmp_path)
    assert "could not be saved" in widget.message.text()
    assert "the disk is full" in widget.display.notices.unsaved.text()
    widget.buttons.stop.click()
    wait_for_end(qtbot, widget)


def test_stop_ends_a_paused_run_without_another_step(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = paused(qtbot, viewer, run, tmp_path)
    widget.buttons.stop.click()
    wait_for_end(qtbot, widget)
    assert run.steps == 3
    assert run.closed.is_set()
    assert "Stopped" in widget.message.text()
    assert widget.buttons.pause.text() == "Pause"


def end_by_closing(viewer: Viewer, widget: TrainWidget) -> None:
    viewer.close()


def end_by_taking_out(viewer: Viewer, widget: TrainWidget) -> None:
    viewer.window.remove_dock_widget(widget)


def told(end: Callable[[Viewer, TrainWidget], None]) -> list[str]:
    """The beginnings of the notifications: closing the dock of a training alone says what becomes of it."""
    return ["[info] The training was stopped and saved, since it"] if end is end_by_taking_out else []


@pytest.mark.parametrize("end", [end_by_closing, end_by_taking_out])
def test_a_run_ends_with_the_viewer_or_its_dock(
    qtbot: QtBot,
    viewer: Viewer,
    run: RunInHand,
    tmp_path: Path,
    messages: Callable[[], list[str]],
    end: Callable[[Viewer, TrainWidget], None],
) -> None:
    widget = docked(viewer, tmp_path, steps=1000)
    widget.buttons.start.click()
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: run.steps == 1)
    run.step_allowed.release(1)  # the viewer waits for the step at hand
    end(viewer, widget)
    run.step_allowed.release(1000)
    qtbot.waitUntil(run.closed.is_set)
    assert run.steps <= 3
    assert [message[:51] for message in messages()] == told(end)
    if end is end_by_taking_out:
        qtbot.addWidget(widget)
        wait_for_end(qtbot, widget)


@pytest.mark.parametrize("end", [end_by_closing, end_by_taking_out])
def test_a_paused_run_ends_with_the_viewer_or_its_dock(
    qtbot: QtBot,
    viewer: Viewer,
    run: RunInHand,
    tmp_path: Path,
    messages: Callable[[], list[str]],
    end: Callable[[Viewer, TrainWidget], None],
) -> None:
    widget = paused(qtbot, viewer, run, tmp_path)
    end(viewer, widget)
    qtbot.waitUntil(run.closed.is_set)
    assert run.steps == 3
    assert [message[:51] for message in messages()] == told(end)
    if end is end_by_taking_out:
        qtbot.addWidget(widget)
        wait_for_end(qtbot, widget)
