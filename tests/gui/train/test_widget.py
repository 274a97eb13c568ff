"""The training widget in a real viewer: what a click starts, shows, pauses and stops."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from numpy.testing import assert_allclose, assert_array_equal
from pytestqt.qtbot import QtBot

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.train import widget as train_widget
from napari_contransgan.gui.train import work as train_work
from napari_contransgan.gui.train.widget import TrainWidget
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset
from napari_contransgan.training.events import (
    SAVE,
    CheckpointSaved,
    ImageSkipped,
    Preview,
    RolledBack,
    SaveFailed,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
    Validated,
)

pytestmark = pytest.mark.gui

Events = Generator[TrainingEvent, Any, Path]


class RunInHand:
    """Stands in for a training run of which a test decides when it steps, and what it tells after a step."""

    def __init__(self) -> None:
        self.step_allowed = threading.Semaphore(0)
        self.closed = threading.Event()
        self.begun = 0
        self.steps = 0
        self.saves = 0
        self.tells: dict[int, list[TrainingEvent]] = {}
        self.save_fails = False

    def __call__(self, settings: TrainSettings, run_dir: Path, resume: bool) -> Events:
        self.settings, self.run_dir, self.resume = settings, run_dir, resume
        try:
            yield TrainingStarted("found 3 pairs", 0, settings.steps, "cpu", 1000)
            while self.steps < settings.steps:
                self.begun += 1
                assert self.step_allowed.acquire(timeout=30)
                self.steps += 1
                losses = {"total": 1 / self.steps, "l1": 0.5}
                request = yield StepFinished(self.steps, settings.steps, losses, 8.0, 5e-4, 1_230_000_000)
                yield from self.tells.get(self.steps, [])
                if request == SAVE:
                    self.saves += 1
                    yield (
                        SaveFailed(self.steps, "the disk is full")
                        if self.save_fails
                        else CheckpointSaved(self.steps, run_dir / "last.safetensors")
                    )
            blank = np.zeros((64, 64), np.float32)
            yield Validated(self.steps, 0.91, 28.25, 0.97, 0.724, 17.0, (Preview(blank, blank, None, blank),))
            yield CheckpointSaved(self.steps, run_dir / "last.safetensors")
            yield TrainingFinished(self.steps, run_dir / "best.safetensors")
            return run_dir / "best.safetensors"
        finally:
            self.closed.set()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunInHand]:
    run = RunInHand()
    monkeypatch.setattr(train_widget, "training_events", run)
    yield run
    run.step_allowed.release(10_000)


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What is kept among the known runs, so that a test writes nothing into the user's list."""
    kept: list[Path] = []
    monkeypatch.setattr(train_work, "remember_run", kept.append)
    return kept


def docked(viewer: Viewer, folder: Path, steps: int = 3) -> TrainWidget:
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    widget.form.setValue(TrainSettings(pairs=(folder,), steps=steps))
    widget.run_folder.setValue([folder / "run"])
    return widget


def wait_for_end(qtbot: QtBot, widget: TrainWidget, timeout_s: float = 20) -> None:
    qtbot.waitUntil(lambda: not widget.running, timeout=int(timeout_s * 1000))
    assert widget.buttons.start.isEnabled()
    assert not widget.buttons.stop.isEnabled()
    assert not widget.buttons.pause.isEnabled()
    assert widget.form.isEnabled()


def paused(qtbot: QtBot, viewer: Viewer, run: RunInHand, folder: Path) -> TrainWidget:
    """A run of 1000 steps that was paused while its third step was under way, all others being allowed."""
    widget = docked(viewer, folder, steps=1000)
    widget.buttons.start.click()
    run.step_allowed.release(2)
    qtbot.waitUntil(lambda: widget.display.step == 2 and run.begun == 3)
    widget.buttons.pause.click()
    assert widget.buttons.pause.text() == "Continue"
    run.step_allowed.release(1000)
    qtbot.waitUntil(lambda: widget.buttons.state == "paused")
    return widget


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


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train") / "pairs"
    settings = SimulationSettings(specimen="hela", count=4, field_px=80, seed=5)
    return result_of(write_dataset(settings, folder, stacks=False))


def small_run(viewer: Viewer, pairs: Path, run_dir: Path, **settings: Any) -> TrainWidget:
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    quick: dict[str, Any] = {"preset": "tiny", "crop_px": 64, "batch_size": 2, "device": "cpu", "save_every": 1000}
    widget.form.setValue(TrainSettings(pairs=(pairs,), **(quick | settings)))
    widget.run_folder.setValue([run_dir])
    return widget


def test_real_training_ends_with_a_network_that_can_be_loaded_and_shows_what_it_makes(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path, remembered: list[Path]
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run", steps=4, validate_every=2)
    widget.buttons.start.click()
    wait_for_end(qtbot, widget, timeout_s=120)
    best = tmp_path / "run" / "best.safetensors"
    assert str(best) in widget.message.text()
    steps, losses = widget.display.run.curve("supervised")
    assert_array_equal(steps, [1, 2, 3, 4])
    assert np.isfinite(losses).all()
    assert "step 4" in widget.display.scores.text()
    assert remembered == [tmp_path / "run"]
    assert np.isfinite(viewer.layers["Preview: output phase (rad)"].data[:64, :64]).all()
    from napari_contransgan.models.checkpoint import load_checkpoint

    assert load_checkpoint(best).card.steps in {2, 4}


def test_real_training_pauses_stops_and_goes_on_where_it_was(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run", steps=100_000)

    def steps() -> list[float]:
        return widget.display.run.curve("supervised")[0].tolist()

    widget.buttons.start.click()
    qtbot.waitUntil(lambda: len(steps()) >= 3, timeout=120_000)
    widget.buttons.pause.click()
    qtbot.waitUntil(lambda: widget.buttons.state == "paused", timeout=60_000)
    assert (tmp_path / "run" / "last.safetensors").is_file()
    widget.buttons.stop.click()
    wait_for_end(qtbot, widget)
    stopped_at = steps()[-1]
    assert "Stopped" in widget.message.text()

    widget.resume.setChecked(True)
    widget.buttons.start.click()
    qtbot.waitUntil(lambda: len(steps()) > stopped_at, timeout=120_000)
    assert steps() == list(range(1, len(steps()) + 1))  # the earlier part is there, and no step is missing or twice
    widget.buttons.stop.click()
    wait_for_end(qtbot, widget)


def test_check_tells_what_is_found_and_trains_nothing(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run")
    widget.buttons.check.click()
    assert not widget.buttons.start.isEnabled()
    qtbot.waitUntil(lambda: not widget.checking, timeout=120_000)
    assert "3 pairs" in widget.message.text()
    assert "1 pairs held out" in widget.message.text()
    assert widget.buttons.start.isEnabled()
    assert not (tmp_path / "run").exists()


def test_folder_without_images_is_told_in_the_window(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    (tmp_path / "empty" / "lr").mkdir(parents=True)
    widget = small_run(viewer, tmp_path / "empty", tmp_path / "run")
    for button in (widget.buttons.check, widget.buttons.start):
        widget.message.clear()
        button.click()
        qtbot.waitUntil(lambda: not widget.checking, timeout=120_000)
        wait_for_end(qtbot, widget, timeout_s=120)
        assert "empty" in widget.message.text()
        assert not (tmp_path / "run").exists()
