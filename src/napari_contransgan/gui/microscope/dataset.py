"""The part of the digital microscope's form that writes a data set."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.work import dataset_events
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.value_fields import Tick, WholeNumber

TITLE = "Data set"
LARGEST_COUNT = 100_000
MOST_WORKERS = 64


class FolderLine(FoldersEdit):
    """A line for one folder."""

    edited = Signal()

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder)
        self.valueChanged.connect(self.edited)

    def folder(self) -> Path:
        """Give the folder.

        Raises
        ------
        InputError
            If there is none.
        """
        folders = self.value()
        if not folders:
            raise InputError("choose a folder for the data set")
        return folders[0]


class DatasetForm(QWidget):
    """Folder, number of fields, workers, and a button that writes them in the background.

    Parameters
    ----------
    settings : callable
        Gives the settings as they stand in the form, or raises an `InputError`.
    """

    def __init__(self, settings: Callable[[], SimulationSettings]) -> None:
        super().__init__()
        self._settings = settings
        self.rows = Rows()
        self.folder = FolderLine("to write to")
        self.count, self.workers = WholeNumber(1, LARGEST_COUNT), WholeNumber(1, MOST_WORKERS)
        self.stacks = Tick("Stacks and TIE phases")
        for name, label, field, hint in (
            ("folder", "Folder", self.folder, "Of the data set; one that holds a part of the same set is completed."),
            ("count", "Number of fields", self.count, "Fields 0, 1, 2 … of the seed above."),
            ("workers", "Workers", self.workers, "Processes that work side by side; each takes a processor core."),
            (
                *("stacks", "", self.stacks),
                "Training on pairs needs them only where the TIE phase is to be the label; without them a field takes "
                "much less time.",
            ),
        ):
            self.rows.add(name, label, field, hint)
        self.count.setValue(20)
        self.stacks.setValue(True)
        self.panel = RunPanel(
            "Write data set",
            "Write the images of all fields into the folder. A run that was cancelled goes on where it stopped.",
            cancelled_text="Cancelled. What is written stays; write again with the same settings to go on.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.rows)
        layout.addWidget(self.panel.native)
        self.panel.run_button.changed.connect(self.write)

    def write(self) -> None:
        """Start to write; what is wrong is said below the buttons."""
        if self.panel.task is not None:
            return
        try:
            settings = self._settings().model_copy(update={"count": self.count.value()})
            folder = self.folder.folder()
        except InputError as error:
            self.panel.message.value = f"Not written: {error}"
            return
        workers, stacks = self.workers.value(), self.stacks.value()
        self.panel.start(
            lambda: dataset_events(settings, folder, workers, stacks=stacks), title=TITLE, on_result=lambda text: text
        )

    def cancel(self) -> None:
        """Stop after the field at hand, if something is written."""
        if self.panel.task is not None:
            self.panel.task.cancel()
