"""The part of the digital microscope's form that writes data sets."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.work import dataset_events
from napari_contransgan.gui.shared.fields import Tick, WholeNumber
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel

TITLE = "Data set"
LARGEST_COUNT = 100_000
MOST_WORKERS = 64


class DatasetForm(QWidget):
    """Folder, number of fields, workers, and a button that simulates them in the background.

    Parameters
    ----------
    settings : callable
        Returns the settings in the form, or raises an `InputError`.
    """

    def __init__(self, settings: Callable[[], SimulationSettings]) -> None:
        super().__init__()
        self._settings = settings
        self.rows = Rows()
        self.folder = self.rows.add(
            *("folder", "Folder", FoldersEdit(placeholder="where the data set is saved")),
            "Folder of the data set. A folder that holds part of the same set is completed.",
        )
        self.count = self.rows.add_setting(SimulationSettings, "count", WholeNumber(1, LARGEST_COUNT))
        self.workers = self.rows.add(
            *("workers", "Workers", WholeNumber(1, MOST_WORKERS)),
            "Number of processes that simulate in parallel; each uses one processor core.",
        )
        self.stacks = self.rows.add(
            *("stacks", "", Tick("Stacks and TIE phases")),
            "Training needs them only if the TIE phase is the training target. Without them, a field takes much less "
            "time.",
        )
        self.count.setValue(20)
        self.stacks.setValue(True)
        self.panel = RunPanel(
            "Write data set",
            "Saves the images of all fields in the folder. A cancelled run resumes where it stopped.",
            cancelled_text="Cancelled. The fields saved so far are kept; run again with the same settings to resume.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.rows)
        layout.addWidget(self.panel.native)
        self.panel.run_button.changed.connect(self.write)

    def write(self) -> None:
        """Start writing; errors are shown below the buttons."""
        if self.panel.task is not None:
            return
        try:
            settings = self._settings().model_copy(update={"count": self.count.value()})
            folder = _chosen(self.folder.value())
        except InputError as error:
            self.panel.message.value = f"Not written: {error}"
            return
        workers, stacks = self.workers.value(), self.stacks.value()
        self.panel.start(
            lambda: dataset_events(settings, folder, workers, stacks=stacks), title=TITLE, on_result=lambda text: text
        )

    def cancel(self) -> None:
        """Stop after the current field, if a data set is being written."""
        if self.panel.task is not None:
            self.panel.task.cancel()


def _chosen(folders: tuple[Path, ...]) -> Path:
    if not folders:
        raise InputError("choose a folder for the data set")
    return folders[0]
