"""Dock widget: train a network, follow its progress, and compare it with earlier runs."""

from collections.abc import Mapping
from pathlib import Path

from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.runs.opened import RunList
from napari_contransgan.gui.runs.reading import OpenedRun
from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.open import open_widget
from napari_contransgan.gui.shared.rows import Rows
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
        super().__init__(tab="Train")
        self._task: Task[TrainingEvent | EarlierPart, Path] | None = None
        self._check_task: Task[Progress, str] | None = None
        self._starting = self._unsaved = False
        self._viewer = viewer
        self._network: Path | None = None

        self.form = TrainForm()
        self.run_folder, self.resume = self.form.run_folder, self.form.resume
        self.resume.valueChanged.connect(self._show_settings_of_run)
        self.run_folder.valueChanged.connect(self._show_settings_of_run)
        self.fold = Fold("Settings", tooltip="Network, training data and run folder.", body=self.form)
        self.fold.header.setChecked(True)

        self.buttons, self.display = TrainButtons(), RunDisplay()
        self.message = self.display.message
        self.buttons.check.clicked.connect(lambda _: self.check())
        self.buttons.start.clicked.connect(lambda _: self.start())
        self.buttons.pause.clicked.connect(lambda _: self.pause_or_continue())
        self.buttons.stop.clicked.connect(lambda _: self.stop())

        self.preview = LivePreview(viewer, self, lambda: self._task is None or not self._task.drawing)
        self.show_preview = QCheckBox("Show preview")
        self.show_preview.setToolTip(
            "After each validation, shows the network's output for the same few images in the viewer."
        )
        self.show_preview.setChecked(True)
        self.show_preview.toggled.connect(self.preview.set_shown)
        self.predict_button = QPushButton("Predict with it")
        self.predict_button.setToolTip("Opens 'Predict phase' with the network of this run.")
        self.predict_button.clicked.connect(lambda _: self._predict_with_it())
        self.predict_button.setVisible(False)
        self.runs = RunList(viewer, self.display.curves, self.message.setText, self._show_settings_of_opened)
        self._lay_out()

    @property
    def running(self) -> bool:
        """Whether a run is in progress or about to begin; a paused run is."""
        return self._starting or self._task is not None

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
        self.message.setText("Starting …")
        self.predict_button.setVisible(False)
        self.display.begin(run_dir)
        self.form.setEnabled(False)
        self.buttons.show_state("starting")
        self.fold.header.setChecked(False)  # leaves room for the curves
        self._starting = True
        self.preview.begin(settings, lambda: self._train(settings, run_dir, resume))

    def _train(self, settings: TrainSettings, run_dir: Path, resume: bool) -> None:
        """Start the run, after the layers of the preview are there."""
        self._starting = False
        self.message.clear()
        self.buttons.show_state("running")
        self._task = run_task(
            lambda: training_events(settings, run_dir, resume),
            title="Training",
            on_event=self._take,
            on_result=self._finish,
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
        if self._starting:
            self.message.setText("Stopped before the first step.")
            self._end()
        elif self._task is not None:
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
        if self._task is not None:
            self.resume.setChecked(True)  # the form keeps this, so that Start is enough to resume
            show_info(
                "The training was stopped and saved, since its dock was closed. To resume it, open 'Train a network' "
                "again and press Start."
            )
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

    def forms(self) -> Mapping[str, Rows]:
        """Return the parts of the form, whose values are kept."""
        form = self.form
        return {"folders": form.folders, "basic": form.basic, "run": form.run, "advanced": form.advanced}

    def use_path(self, path: Path, *, is_phase: bool = False) -> None:
        """Fill in a folder of images or of phase maps; if the other one is there and fits, the two become pairs."""
        if self.form.take_folder(path, is_phase=is_phase):
            self.message.setText("Images and phase maps belong together by their names: they are used as pairs.")

    def _finish(self, path: Path) -> None:
        self.finished = True
        self._network = path
        self.predict_button.setVisible(True)
        self.message.setText(f"Finished. The best network is {path}.")

    def _predict_with_it(self) -> None:
        if self._network is not None:
            open_widget(self._viewer, "predict").use_path(self._network)

    def _rest(self) -> None:
        self.buttons.show_state("paused")
        self.display.rest()
        saved = "it could not be saved" if self._unsaved else "it is saved"
        self.message.setText(f"Paused after step {self.display.step}; {saved}. Press Continue to resume at once.")

    def _end(self) -> None:
        self._task, self._starting = None, False
        self.display.end()
        self.preview.end()
        self.form.setEnabled(True)
        self.buttons.show_state("idle")

    def _end_check(self) -> None:
        self._check_task = None
        self.buttons.show_state("idle")

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

    def _show_settings_of_opened(self, run: OpenedRun) -> str:
        """Fill the form with the settings of a run that was opened, unless another one is training."""
        settings = run.record.settings
        if self.running or self.resume.isChecked() or not isinstance(settings, TrainSettings):
            return ""
        self.form.setValue(settings)
        return "; the form has its settings"

    def _lay_out(self) -> None:
        choices = QHBoxLayout()
        choices.addWidget(self.show_preview)
        choices.addStretch(1)
        choices.addWidget(self.runs.open_button)
        self.content.addWidget(self.fold)
        self.content.addWidget(self.buttons)
        self.content.addWidget(self.display, 1)
        self.content.addWidget(self.predict_button)
        self.content.addLayout(choices)
        self.content.addWidget(self.runs)


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
