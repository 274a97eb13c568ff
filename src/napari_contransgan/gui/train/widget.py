"""Dock widget: train a network, follow its progress, and compare it with earlier runs."""

from pathlib import Path

from napari.viewer import Viewer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.runs.opened import RunList
from napari_contransgan.gui.shared.closing import DockedWidget
from napari_contransgan.gui.shared.form import Fold, FormScroll
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import Task, run_task
from napari_contransgan.gui.train.buttons import TrainButtons
from napari_contransgan.gui.train.display import RunDisplay
from napari_contransgan.gui.train.form import TrainForm
from napari_contransgan.gui.train.preview import LivePreview
from napari_contransgan.gui.train.work import EarlierPart, checking_events, training_events
from napari_contransgan.progress import Progress
from napari_contransgan.training.events import (
    SAVE,
    CheckpointSaved,
    RolledBack,
    SaveFailed,
    StepFinished,
    TrainingEvent,
    Validated,
)
from napari_contransgan.training.run_folder import CONFIG, LAST


class TrainWidget(DockedWidget):
    """Trains a network in the background and shows its progress.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which the previews are shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._task: Task[TrainingEvent | EarlierPart, Path] | None = None
        self._check_task: Task[Progress, str] | None = None
        self._unsaved = False

        self.form = TrainForm()
        self.run_folder, self.resume = self.form.run_folder, self.form.resume
        self.resume.valueChanged.connect(self._show_settings_of_run)
        self.run_folder.valueChanged.connect(self._show_settings_of_run)
        self.fold = Fold("Settings", tooltip="Network, training data and run folder.", body=FormScroll(self.form))
        self.fold.header.setChecked(True)

        self.buttons, self.display = TrainButtons(), RunDisplay()
        self.message = self.display.message
        self.buttons.check.clicked.connect(lambda _: self.check())
        self.buttons.start.clicked.connect(lambda _: self.start())
        self.buttons.pause.clicked.connect(lambda _: self.pause_or_continue())
        self.buttons.stop.clicked.connect(lambda _: self.stop())

        self.preview = LivePreview(viewer, self)
        self.show_preview = QCheckBox("Show preview")
        self.show_preview.setToolTip(
            "After each validation, shows the network's output for the same few images in the viewer."
        )
        self.show_preview.setChecked(True)
        self.show_preview.toggled.connect(self.preview.set_shown)
        self.runs = RunList(viewer, self.display.curves, self.message.setText)
        self._lay_out()

    @property
    def running(self) -> bool:
        """Whether a run is in progress; a paused run is."""
        return self._task is not None

    @property
    def checking(self) -> bool:
        """Whether the images are being checked."""
        return self._check_task is not None

    def start(self) -> None:
        """Check the form and train in the background; errors in the form are shown in the window."""
        if self.running or self.checking:
            return
        try:
            settings = self._settings()
            run_folders = self.run_folder.value()
            if not run_folders:
                raise InputError("training: choose a run folder, in which the network is saved")
        except InputError as error:
            self.message.setText(str(error))
            return
        run_dir, resume = run_folders[0], self.resume.isChecked()
        self.message.clear()
        self.display.begin(run_dir)
        self.preview.begin(settings)
        self._show_state_running()
        self.fold.header.setChecked(False)  # leaves room for the curves
        self._task = run_task(
            lambda: training_events(settings, run_dir, resume),
            title="Training",
            on_event=self._take,
            on_result=lambda path: self.message.setText(f"Finished. The best network is {path}."),
            on_error=lambda error: self.message.setText(_reason(error, "Training failed")),
            on_cancelled=lambda: self.message.setText(f"Stopped. The run so far is saved in {run_dir}."),
            on_paused=self._rest,
            on_finished=self._end,
            progress_of=_progress_of,
            owner=self,
        )

    def pause_or_continue(self) -> None:
        """Save and pause the run after the current step, or continue it."""
        if self._task is None or self.buttons.state == "stopping":
            return
        if self._task.paused:
            self._task.resume()
            self.buttons.show_state("running")
            self.message.setText("Training continues.")
        else:
            self._unsaved = False
            self._task.pause(SAVE, at=_takes_requests, until=_ends_save)
            self.buttons.show_state("pausing")
            self.message.setText("Pausing: the current step is finished and saved first.")

    def stop(self) -> None:
        """Save and end the run after the current step."""
        if self._task is not None:
            self.buttons.show_state("stopping")
            self.message.setText("Stopping: the current step is finished and saved first.")
            self._task.cancel()

    def check(self) -> None:
        """Check the images in the background, as at the start of a run, and report what was found."""
        if self.running or self.checking:
            return
        try:
            settings = self._settings()
        except InputError as error:
            self.message.setText(str(error))
            return
        self.message.setText("Checking the images …")
        self.buttons.show_state("checking")
        self._check_task = run_task(
            lambda: checking_events(settings),
            title="Check data",
            on_result=lambda found: self.message.setText(f"Data check passed: {found}"),
            on_error=lambda error: self.message.setText(_reason(error, "The data check failed")),
            on_cancelled=lambda: self.message.setText("The data check was stopped."),
            on_finished=self._end_check,
            owner=self,
        )

    def end_work(self) -> None:
        """Save and stop the run, and stop reading other runs."""
        self.stop()
        self.runs.cancel()
        if self._check_task is not None:
            self._check_task.cancel()

    def _settings(self) -> TrainSettings:
        return checked(TrainSettings, self.form.value(), "training")

    def _take(self, event: TrainingEvent | EarlierPart) -> None:
        self.display.take(event)
        if isinstance(event, SaveFailed | CheckpointSaved):
            self._unsaved = isinstance(event, SaveFailed)
        if isinstance(event, Validated) and self.buttons.state != "stopping":  # the viewer may be about to close
            self.preview.show(event.previews)

    def _rest(self) -> None:
        self.buttons.show_state("paused")
        self.display.rest()
        saved = "it could not be saved" if self._unsaved else "it is saved"
        self.message.setText(f"Paused after step {self.display.step}; {saved}. Press Continue to resume at once.")

    def _end(self) -> None:
        self._task = None
        self.display.end()
        self.preview.end()
        self.form.setEnabled(True)
        self.buttons.show_state("idle")

    def _end_check(self) -> None:
        self._check_task = None
        self.buttons.show_state("idle")

    def _show_state_running(self) -> None:
        self.form.setEnabled(False)
        self.buttons.show_state("running")

    def _show_settings_of_run(self) -> None:
        """Show the settings of the run to resume, so that it resumes as it began."""
        folders = self.run_folder.value()
        if self.running or not (self.resume.isChecked() and folders):
            return
        config = folders[0] / CONFIG
        if not config.is_file():
            return
        try:
            self.form.setValue(TrainSettings.from_yaml(config))
        except InputError as error:
            self.message.setText(str(error))
        else:
            self.message.setText(f"The settings are those of the run in {folders[0]}.")

    def _lay_out(self) -> None:
        choices = QHBoxLayout()
        choices.addWidget(self.show_preview)
        choices.addStretch(1)
        choices.addWidget(self.runs.open_button)
        layout = QVBoxLayout(self)
        layout.setSpacing(4)
        layout.addWidget(self.fold)
        layout.addWidget(self.buttons)
        layout.addWidget(self.display, 1)
        layout.addLayout(choices)
        layout.addWidget(self.runs)


def _takes_requests(event: TrainingEvent | EarlierPart) -> bool:
    return isinstance(event, StepFinished)


def _ends_save(event: TrainingEvent | EarlierPart) -> bool:
    """Return whether a requested save has ended, or will not happen; a validation may come first."""
    if isinstance(event, CheckpointSaved):
        return event.path.name == LAST
    return isinstance(event, SaveFailed | RolledBack | StepFinished)


def _progress_of(event: TrainingEvent | EarlierPart) -> Progress | None:
    if isinstance(event, StepFinished):
        return Progress(event.step, event.total_steps, "Training")
    return None


def _reason(error: Exception, what: str) -> str:
    return str(error) if isinstance(error, InputError) else f"{what}: {error}"
