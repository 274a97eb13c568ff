"""A training run that a test steers, and the widget that shows it."""

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.train.widget import TrainWidget
from napari_contransgan.training.events import (
    SAVE,
    CheckpointSaved,
    Preview,
    SaveFailed,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
    Validated,
)

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
