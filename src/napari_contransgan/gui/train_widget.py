"""Train a network from the window: a form, Start and Stop, progress, and live curves."""

import time
from collections.abc import Generator
from pathlib import Path

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress
from napari_contransgan.gui.docked import DockedWidget
from napari_contransgan.gui.loss_plot import LossPlot
from napari_contransgan.gui.train_form import FoldersEdit, TrainForm
from napari_contransgan.gui.workers import Task, run_task
from napari_contransgan.training.events import CheckpointSaved, StepFinished, TrainingEvent, TrainingStarted, Validated

REDRAW_MS = 200
"""Five times a second: an eye sees no more, and training loses nothing to it."""


class TrainWidget(DockedWidget):
    """Trains a network in the background and shows how it goes.

    Parameters
    ----------
    parent : QWidget, optional
        The Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._task: Task[TrainingEvent, Path] | None = None
        self._latest: StepFinished | None = None
        self._device = ""
        self._first: tuple[int, float] | None = None
        self._redraw = QTimer(self)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._show_progress)

        self.form = TrainForm()
        self.run_folder = FoldersEdit(placeholder="where the network is saved")
        self.resume = QCheckBox("Go on with the run in this folder")
        self.resume.setToolTip("Shows the settings that the run was started with")
        self.resume.toggled.connect(lambda _: self._show_settings_of_run())
        self.run_folder.valueChanged.connect(self._show_settings_of_run)
        self.start_button = QPushButton("Start")
        self.start_button.clicked.connect(self.start)
        self.stop_button = QPushButton("Stop")
        self.stop_button.clicked.connect(self.stop)
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m steps")
        self.status, self.scores, self.message = _text(), _text(), _text()
        self.plot = LossPlot()
        self._lay_out()
        self._show_running(False)

    @property
    def running(self) -> bool:
        """Whether a training run has not ended yet."""
        return self._task is not None

    def start(self) -> None:
        """Check the form and train in the background; what is wrong with the form is said in the window."""
        if self.running:
            return
        self.message.clear()
        try:
            settings = TrainSettings.checked(self.form.value(), source="training")
            run_folders = self.run_folder.value()
            if not run_folders:
                raise InputError("training: choose a run folder, where the network is to be saved")
        except InputError as error:
            self.message.setText(str(error))
            return
        run_dir, resume = run_folders[0], self.resume.isChecked()
        self.plot.clear()
        self.scores.clear()
        self.status.setText("Preparing")
        self.progress.setRange(0, 0)  # busy, until the number of steps is known
        self._latest = self._first = None
        self._show_running(True)
        self._redraw.start()
        self._task = run_task(
            lambda: _train(settings, run_dir, resume),
            title="Training",
            on_event=self._take,
            on_result=lambda path: self.message.setText(f"Finished. The best network is {path}"),
            on_error=lambda error: self.message.setText(_reason(error)),
            on_cancelled=lambda: self.message.setText(f"Stopped. The run so far is in {run_dir}"),
            on_finished=self._end,
            progress_of=_progress_of,
            owner=self,
        )

    def stop(self) -> None:
        """Ask the run to save and end; it does so after the step it is at."""
        if self._task is not None:
            self.stop_button.setEnabled(False)
            self.message.setText("Stopping: the step at hand is finished and saved first")
            self._task.cancel()

    def end_work(self) -> None:
        """Stop the run; it is saved."""
        self.stop()

    def _take(self, event: TrainingEvent) -> None:
        match event:
            case TrainingStarted():
                self._device = event.device
                self.progress.setRange(0, event.total_steps)
                self.progress.setValue(event.first_step)
                self.status.setText(event.message)
            case StepFinished():
                self._latest = event
                if self._first is None:
                    self._first = event.step, time.monotonic()
                self.plot.add(event.step, event.losses)
            case Validated():
                self.scores.setText(_scores_text(event))
            case CheckpointSaved():
                self.message.setText(f"Saved at step {event.step}")
            case _:
                pass  # the end is told by the task itself

    def _show_progress(self) -> None:
        self.plot.redraw()
        if self._latest is None or self._first is None:
            return
        self.progress.setValue(self._latest.step)
        first_step, first_time = self._first
        steps = self._latest.step - first_step
        if steps > 0:
            left_s = (self._latest.total_steps - self._latest.step) * (time.monotonic() - first_time) / steps
            self.status.setText(
                f"{self._latest.images_per_s:.3g} images/s on {self._device}, {duration_text(left_s)} left"
            )

    def _show_settings_of_run(self) -> None:
        """Show the settings of the run to go on with, so that it goes on as it began."""
        folders = self.run_folder.value()
        if self.running or not (self.resume.isChecked() and folders):
            return
        config = folders[0] / "config.yaml"
        if not config.is_file():
            return
        try:
            self.form.setValue(TrainSettings.from_yaml(config))
        except InputError as error:
            self.message.setText(str(error))
        else:
            self.message.setText(f"The settings are those of the run in {folders[0]}")

    def _end(self) -> None:
        self._task = None
        self._redraw.stop()
        self._show_progress()
        if self._latest is None:
            self.progress.setRange(0, 1)
            self.progress.reset()
        self.status.setText("")
        self._show_running(False)

    def _show_running(self, running: bool) -> None:
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)
        self.form.setEnabled(not running)

    def _lay_out(self) -> None:
        self.form.rows.addRow("Run folder", self.run_folder)
        self.form.rows.addRow("", self.resume)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        for widget in (self.progress, self.status, self.message, self.plot, self.scores):
            layout.addWidget(widget)


def duration_text(seconds: float) -> str:
    """Say a duration as a person would: ``about 3 min``."""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def _train(settings: TrainSettings, run_dir: Path, resume: bool) -> Generator[TrainingEvent, None, Path]:
    # In the worker's thread: importing torch takes seconds, in which the window must not stand still.
    from napari_contransgan.training.trainer import train

    return (yield from train(settings, run_dir, resume=resume))


def _progress_of(event: TrainingEvent) -> Progress | None:
    if isinstance(event, StepFinished):
        return Progress(event.step, event.total_steps, "Training")
    return None


def _scores_text(event: Validated) -> str:
    if not event.has_scores:
        return f"Validation at step {event.step}: no scores, since there are no held-out pairs to compare with"
    return (
        f"Validation at step {event.step}: PSNR {event.psnr_db:.1f} dB, SSIM {event.ssim:.3f}, slope {event.slope:.2f} "
        f"(an empty phase map would score {event.psnr_zero_db:.1f} dB, {event.ssim_zero:.3f})"
    )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"Training failed: {error}"


def _text() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
