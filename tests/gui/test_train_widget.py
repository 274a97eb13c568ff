"""The training widget in a real viewer: what a click starts, shows, and stops."""

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import result_of
from napari_contransgan.gui import train_widget
from napari_contransgan.gui.loss_plot import LossPlot
from napari_contransgan.gui.train_form import FoldersEdit, TrainForm
from napari_contransgan.gui.train_widget import TrainWidget, duration_text
from napari_contransgan.simulation import write_dataset
from napari_contransgan.training.events import (
    CheckpointSaved,
    Preview,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
    Validated,
)


class RunInHand:
    """Stands in for a training run of which a test decides when it steps."""

    def __init__(self) -> None:
        self.step_allowed = threading.Semaphore(0)
        self.closed = threading.Event()
        self.steps = 0

    def __call__(self, settings: TrainSettings, run_dir: Path, resume: bool) -> Generator[TrainingEvent, None, Path]:
        self.settings, self.run_dir, self.resume = settings, run_dir, resume
        try:
            yield TrainingStarted("found 3 pairs", 0, settings.steps, "cpu", 1000)
            while self.steps < settings.steps:
                assert self.step_allowed.acquire(timeout=30)
                self.steps += 1
                yield StepFinished(self.steps, settings.steps, {"total": 1 / self.steps, "l1": 0.5}, 8.0)
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
    monkeypatch.setattr(train_widget, "_train", run)
    yield run
    run.step_allowed.release(1000)


def docked(viewer: Viewer, folder: Path, steps: int = 3) -> TrainWidget:
    widget = TrainWidget()
    viewer.window.add_dock_widget(widget, name="Train")
    widget.form.setValue(TrainSettings(pairs=(folder,), steps=steps))
    widget.run_folder.setValue([folder / "run"])
    return widget


def wait_for_end(qtbot: QtBot, widget: TrainWidget, timeout_s: float = 20) -> None:
    qtbot.waitUntil(lambda: not widget.running, timeout=int(timeout_s * 1000))
    assert widget.start_button.isEnabled()
    assert not widget.stop_button.isEnabled()
    assert widget.form.isEnabled()


def test_form_gives_back_the_settings_that_were_put_in(qtbot: QtBot, tmp_path: Path) -> None:
    form = TrainForm()
    qtbot.addWidget(form)
    settings = TrainSettings(
        lr=tmp_path / "lr",
        phase=tmp_path / "phase",
        pairs=(tmp_path / "a", tmp_path / "b"),
        generator="swin",
        preset="tiny",
        recipe="paper",
        steps=123,
        batch_size=3,
        crop_px=96,
        device="cpu",
        seed=7,
        lambda_cycle=3.5,
    )
    with qtbot.waitSignal(form.valueChanged):
        form.setValue(settings)
    assert TrainSettings.checked(form.value()) == settings


def test_form_starts_with_the_default_settings(qtbot: QtBot, tmp_path: Path) -> None:
    form = TrainForm()
    qtbot.addWidget(form)
    form.pairs.setValue([tmp_path])
    assert TrainSettings.checked(form.value()) == TrainSettings(pairs=(tmp_path,))


def test_going_on_with_a_run_shows_its_settings(qtbot: QtBot, tmp_path: Path) -> None:
    settings = TrainSettings(pairs=(Path("pairs"),), preset="tiny", generator="unet", steps=77, crop_px=96, seed=5)
    (tmp_path / "config.yaml").write_text(settings.to_yaml())
    widget = TrainWidget()
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


def test_going_on_with_a_run_whose_settings_are_damaged_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("steps: many\n")
    widget = TrainWidget()
    qtbot.addWidget(widget)
    before = widget.form.value()
    widget.run_folder.setValue([tmp_path])
    widget.resume.setChecked(True)
    assert "config.yaml" in widget.message.text()
    assert widget.form.value() == before
    widget.run_folder.setValue([tmp_path / "new"])
    assert widget.form.value() == before


def test_form_says_when_a_field_changes(qtbot: QtBot) -> None:
    form = TrainForm()
    qtbot.addWidget(form)
    for change in (
        lambda: form.steps.setValue(77),
        lambda: form.generator.setCurrentText("unet"),
        lambda: form.pairs.setValue([Path("somewhere")]),
    ):
        with qtbot.waitSignal(form.valueChanged):
            change()


def test_folder_line_understands_several_folders_and_spaces(qtbot: QtBot) -> None:
    line = FoldersEdit(several=True)
    qtbot.addWidget(line)
    line.setValue([Path("one folder"), Path("two")])
    assert line.value() == (Path("one folder"), Path("two"))
    line.setValue([])
    assert line.value() == ()


def test_loss_plot_keeps_every_value_and_draws_only_positive_ones(qtbot: QtBot) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    for step, loss in enumerate([1.0, 0.0, 0.25, float("nan")], start=1):
        plot.add(step, {"total": loss})
    plot.redraw()
    steps, losses = plot.curve("total")
    np.testing.assert_array_equal(steps, [1, 2, 3, 4])
    np.testing.assert_array_equal(losses, [1.0, 0.0, 0.25, np.nan])
    plot.clear()
    plot.redraw()
    assert plot.names() == ()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "about 1 s"), (42, "about 42 s"), (180, "about 3 min"), (9000, "about 2.5 h")]
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_start_without_images_says_what_is_missing(qtbot: QtBot, viewer: Viewer) -> None:
    widget = TrainWidget()
    viewer.window.add_dock_widget(widget)
    widget.start_button.click()
    assert "give the folders lr and phase, or a folder of pairs" in widget.message.text()
    assert not widget.running
    assert widget.start_button.isEnabled()


def test_start_without_a_run_folder_asks_for_one(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path)
    widget.run_folder.setValue([])
    widget.start_button.click()
    assert "choose a run folder" in widget.message.text()
    assert not widget.running


def test_run_fills_the_curve_and_tells_scores_and_result(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path, steps=3)
    widget.resume.setChecked(True)
    widget.start_button.click()
    assert not widget.start_button.isEnabled()
    assert widget.stop_button.isEnabled()
    assert not widget.form.isEnabled()
    run.step_allowed.release(3)
    wait_for_end(qtbot, widget)
    assert (run.settings, run.run_dir, run.resume) == (
        TrainSettings(pairs=(tmp_path,), steps=3),
        tmp_path / "run",
        True,
    )
    steps, losses = widget.plot.curve("total")
    np.testing.assert_array_equal(steps, [1, 2, 3])
    np.testing.assert_allclose(losses, [1, 1 / 2, 1 / 3])
    assert widget.plot.names() == ("total", "l1")
    assert (widget.progress.value(), widget.progress.maximum()) == (3, 3)
    for figure in ("28.2 dB", "0.910", "0.97", "17.0 dB", "0.724"):
        assert figure in widget.scores.text()
    assert "best.safetensors" in widget.message.text()


def test_progress_is_shown_while_the_run_goes_on(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=10)
    widget.start_button.click()
    run.step_allowed.release(4)
    qtbot.waitUntil(lambda: widget.progress.value() == 4)
    assert widget.progress.maximum() == 10
    assert "8 images/s on cpu" in widget.status.text()
    assert "left" in widget.status.text()
    assert widget.running


def test_curve_is_drawn_at_most_five_times_a_second(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path, steps=2000)
    drawn_at: list[float] = []
    redraw = widget.plot.redraw
    monkeypatch.setattr(widget.plot, "redraw", lambda: (drawn_at.append(time.monotonic()), redraw()))
    widget.start_button.click()
    run.step_allowed.release(1500)
    qtbot.wait(1000)
    assert 1 <= len(drawn_at) <= 6
    run.step_allowed.release(500)
    wait_for_end(qtbot, widget)
    assert len(widget.plot.curve("total")[0]) == 2000


def test_stop_takes_effect_after_the_step_at_hand(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=1000)
    widget.start_button.click()
    run.step_allowed.release(2)
    qtbot.waitUntil(lambda: run.steps == 2)
    widget.stop_button.click()
    run.step_allowed.release(1000)
    wait_for_end(qtbot, widget)
    assert run.steps <= 3
    assert run.closed.is_set()
    assert "Stopped" in widget.message.text()
    assert str(tmp_path / "run") in widget.message.text()


def test_second_run_starts_with_an_empty_curve(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=2)
    for _ in range(2):
        run.steps = 0
        run.step_allowed.release(2)
        widget.start_button.click()
        wait_for_end(qtbot, widget)
        np.testing.assert_array_equal(widget.plot.curve("total")[0], [1, 2])


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
    def failing_run(settings: TrainSettings, run_dir: Path, resume: bool) -> Generator[TrainingEvent, None, Path]:
        yield TrainingStarted("found 3 pairs", 0, settings.steps, "cpu", 1000)
        raise error

    monkeypatch.setattr(train_widget, "_train", failing_run)
    widget = docked(viewer, tmp_path)
    notification_manager.records.clear()
    widget.start_button.click()
    wait_for_end(qtbot, widget)
    assert text in widget.message.text()
    notification_manager.records.clear()


def test_taking_the_widget_out_of_the_window_ends_the_run(
    qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path
) -> None:
    widget = docked(viewer, tmp_path, steps=1000)
    widget.start_button.click()
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: run.steps == 1)
    viewer.window.remove_dock_widget(widget)
    run.step_allowed.release(1000)
    qtbot.waitUntil(run.closed.is_set)
    assert run.steps <= 2
    wait_for_end(qtbot, widget)
    qtbot.addWidget(widget)


def test_closing_the_viewer_ends_the_run(qtbot: QtBot, viewer: Viewer, run: RunInHand, tmp_path: Path) -> None:
    widget = docked(viewer, tmp_path, steps=1000)
    widget.start_button.click()
    run.step_allowed.release(1)
    qtbot.waitUntil(lambda: run.steps == 1)
    viewer.close()
    run.step_allowed.release(1000)
    qtbot.waitUntil(run.closed.is_set)
    assert run.steps <= 2


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train") / "pairs"
    settings = SimulationSettings(specimen="hela", count=4, field_px=80, seed=5)
    return result_of(write_dataset(settings, folder, stacks=False))


def small_run(viewer: Viewer, pairs: Path, run_dir: Path, **settings: Any) -> TrainWidget:
    widget = TrainWidget()
    viewer.window.add_dock_widget(widget, name="Train")
    quick: dict[str, Any] = {"preset": "tiny", "crop_px": 64, "batch_size": 2, "device": "cpu", "save_every": 1000}
    widget.form.setValue(TrainSettings(pairs=(pairs,), **(quick | settings)))
    widget.run_folder.setValue([run_dir])
    return widget


def test_real_training_ends_with_a_network_that_can_be_loaded(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run", steps=4, validate_every=2)
    widget.start_button.click()
    wait_for_end(qtbot, widget, timeout_s=120)
    best = tmp_path / "run" / "best.safetensors"
    assert str(best) in widget.message.text()
    steps, losses = widget.plot.curve("supervised")
    np.testing.assert_array_equal(steps, [1, 2, 3, 4])
    assert np.isfinite(losses).all()
    assert "step 4" in widget.scores.text()
    from napari_contransgan.models.checkpoint import load_checkpoint

    assert load_checkpoint(best).card.steps in {2, 4}


def test_real_training_stops_at_once_and_goes_on_where_it_was(
    qtbot: QtBot, viewer: Viewer, pairs: Path, tmp_path: Path
) -> None:
    widget = small_run(viewer, pairs, tmp_path / "run", steps=100_000)
    widget.start_button.click()
    qtbot.waitUntil(lambda: len(widget.plot.curve("supervised")[0]) >= 3, timeout=120_000)
    widget.stop_button.click()
    wait_for_end(qtbot, widget)
    stopped_at = int(widget.plot.curve("supervised")[0][-1])
    assert (tmp_path / "run" / "last.safetensors").is_file()
    assert "Stopped" in widget.message.text()

    widget.start_button.click()
    wait_for_end(qtbot, widget)
    assert "resume it" in widget.message.text()

    widget.resume.setChecked(True)
    widget.start_button.click()
    qtbot.waitUntil(lambda: len(widget.plot.curve("supervised")[0]) >= 1, timeout=120_000)
    assert stopped_at <= widget.plot.curve("supervised")[0][0] - 1 <= stopped_at + 2
    widget.stop_button.click()
    wait_for_end(qtbot, widget)


def test_folder_without_images_is_told_in_the_window(qtbot: QtBot, viewer: Viewer, tmp_path: Path) -> None:
    (tmp_path / "empty" / "lr").mkdir(parents=True)
    widget = small_run(viewer, tmp_path / "empty", tmp_path / "run")
    widget.start_button.click()
    wait_for_end(qtbot, widget, timeout_s=120)
    assert "empty" in widget.message.text()
    assert not (tmp_path / "run").exists()
