"""The display of a training run: progress, messages, curves and scores."""

from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_contransgan.gui.runs.curves import RunCurves
from napari_contransgan.gui.runs.series import RunSeries
from napari_contransgan.gui.shared.rows import WrappedLabel, message_label
from napari_contransgan.gui.train.notices import Notices
from napari_contransgan.gui.train.status import Pace, scores_text, status_text
from napari_contransgan.gui.train.work import EarlierPart
from napari_contransgan.training.events import (
    CheckpointSaved,
    RolledBack,
    StepFinished,
    TrainingEvent,
    TrainingStarted,
    Validated,
)

REDRAW_MS = 200
"""Five times a second is enough for the eye and costs the training nothing noticeable."""

OWN_PLACE = 0
"""Place of the current run among the curves; opened runs follow it."""


class RunDisplay(QWidget):
    """Shows the events of a run, at most five times a second."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m steps")
        self.status, self.message, self.scores = WrappedLabel(), WrappedLabel(), message_label()
        self.notices, self.curves = Notices(), RunCurves()
        self.run = RunSeries("this run")
        self._latest: StepFinished | None = None
        self._step = 0
        self._stale = False
        self._device = ""
        self._pace = Pace()
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self.redraw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for widget in (self.progress, self.status, self.message, self.notices):
            layout.addWidget(widget)
        layout.addWidget(self.curves, 1)
        layout.addWidget(self.scores)

    @property
    def step(self) -> int:
        """The current step of the run; 0 before the first one."""
        return self._step

    def begin(self, run_dir: Path) -> None:
        """Prepare for a run."""
        self._latest, self._step = None, 0
        self._device = ""
        self._pace.restart()
        self.run = RunSeries(run_dir.name)
        self.curves.put(self.run, OWN_PLACE)
        self.curves.redraw()
        self.notices.clear()
        self._say_scores("")
        self.status.setText("Preparing")
        self.progress.setRange(0, 0)  # busy, until the number of steps is known
        self._timer.start()

    def take(self, event: TrainingEvent | EarlierPart) -> None:
        """Take an event; curves and status follow at the next redraw."""
        if isinstance(event, EarlierPart):
            self.run = RunSeries(self.run.name, event.record, event.last_step)
            self.curves.put(self.run, OWN_PLACE)
            return
        self.notices.take(event)
        match event:
            case TrainingStarted():
                self._device, self._step = event.device, event.first_step
                self.progress.setRange(0, event.total_steps)
                self.progress.setValue(event.first_step)
                self.status.setText(event.message)
            case StepFinished():
                self._latest, self._step, self._stale = event, event.step, True
                self._pace.note(event.step)
                self.run.add_losses(event.step, event.losses)
                self.curves.mark_stale()
            case Validated():
                self.run.add_scores(event)
                self.curves.mark_stale()
                self._say_scores(scores_text(event))
            case CheckpointSaved():
                self.message.setText(f"Saved at step {event.step}.")
            case RolledBack():
                self._step = event.to_step
                self.run.drop_after(event.to_step)
                self.curves.mark_stale()
                self._pace.restart()
            case _:
                pass  # the task itself reports the end

    def rest(self) -> None:
        """Show everything, without a remaining time, while the run is paused."""
        self.redraw()
        self._pace.restart()
        self._show_status(None)

    def end(self) -> None:
        """Show everything, for the last time."""
        self._timer.stop()
        self.redraw()
        if self._latest is None:
            self.progress.setRange(0, 1)
            self.progress.reset()
            self.status.setText("")
        else:
            self._show_status(None)

    def redraw(self) -> None:
        """Show what has changed since the last call."""
        self.curves.redraw()
        if not self._stale or self._latest is None:
            return
        self._stale = False
        self.progress.setValue(self._latest.step)
        self._show_status(self._pace.left_s(self._latest.step, self._latest.total_steps))

    def _show_status(self, left_s: float | None) -> None:
        if self._latest is not None:
            self.status.setText(status_text(self._latest, self._device, left_s))

    def _say_scores(self, text: str) -> None:
        self.scores.setText(text)
        self.scores.setVisible(bool(text))
