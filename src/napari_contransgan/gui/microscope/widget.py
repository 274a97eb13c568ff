"""Dock widget: a digital microscope with a live simulated field, which also writes data sets."""

from pathlib import Path

from napari.viewer import Viewer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.dataset import LARGEST_COUNT, DatasetForm
from napari_contransgan.gui.microscope.live import LiveField
from napari_contransgan.gui.microscope.settings import SettingsForm
from napari_contransgan.gui.shared import saving as save_images
from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.fields import Tick, WholeNumber
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.napari_versions import grid_of
from napari_contransgan.gui.shared.rows import WrappedLabel, align_rows
from napari_contransgan.gui.shared.tasks import run_task
from napari_contransgan.gui.shared.yaml_dialogs import ask_for_yaml, ask_where_to_save
from napari_contransgan.io.atomic import write_atomically


class MicroscopeWidget(DockedWidget):
    """A microscope is described in a form, one of its fields is shown live, and data sets are written.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which the field is shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(tab="Microscope")
        self._viewer = viewer
        self._made_grid = False
        self.form = SettingsForm()
        self.dataset = DatasetForm(self.form.settings)
        self.dataset_fold = Fold(
            "Data set", tooltip="Simulates many fields and saves them as files for training.", body=self.dataset
        )
        self.load_button, self.save_button = QPushButton("Load settings…"), QPushButton("Save settings…")
        self.index = WholeNumber(0, LARGEST_COUNT)
        self.save_field_button = QPushButton("Save result…")
        self.show_button, self.live_box, self.side_box = QPushButton("Show field"), Tick("Live"), Tick("Side by side")
        self.text = WrappedLabel(least_lines=3)
        self.live = LiveField(viewer, inputs=self._inputs, on_text=self._say, owner=self)
        self._lay_out()
        self.side_box.setChecked(grid_of(viewer).enabled)
        self.form.valueChanged.connect(self._on_edit)
        self.index.valueChanged.connect(lambda _: self._on_edit())
        self.show_button.clicked.connect(self.live.show)
        self.live_box.toggled.connect(self._on_live)
        self.side_box.toggled.connect(self._on_side_by_side)
        self.load_button.clicked.connect(lambda _: self.load())
        self.save_button.clicked.connect(lambda _: self.save())
        self._say("Press 'Show field', or tick 'Live' to see the effect of each change.")

    def load(self, path: Path | None = None) -> None:
        """Load all settings from a YAML file; a dialog asks for the file unless it is given."""
        path = path or ask_for_yaml(self, "All settings")
        if path is None:
            return
        try:
            settings = SimulationSettings.from_yaml(path)
        except InputError as error:
            self._say(str(error))
            return
        self.dataset.count.setValue(settings.count)
        self.form.setValue(settings)

    def save(self, path: Path | None = None) -> None:
        """Save all settings to a YAML file; a dialog asks for the file unless it is given."""
        try:
            settings = self.form.settings().model_copy(update={"count": self.dataset.count.value()})
            path = path or ask_where_to_save(self, "All settings", "digital-microscope.yaml")
            if path is not None:
                write_atomically(path, settings.to_yaml().encode())
        except (InputError, OSError) as error:
            self._say(f"Not saved: {error}")
        else:
            self._say(f"Saved in {path}." if path is not None else "")

    def save_field(self) -> None:
        """Let the user choose a file, and save the layers of the field, each in a file of its own."""
        layers = self.live.layers.present()
        if not layers:
            self._say("There is no field to save: press 'Show field' first.")
            return
        chosen = save_images.ask_where_to_save(self, layers, None)
        if chosen is None:
            return
        try:
            targets, images = save_images.targets_of(layers, chosen), save_images.images_of(layers)
        except InputError as error:
            self._say(f"Not saved: {error}")
            return
        run_task(
            lambda: save_images.saving_events(images, targets),
            title="Save",
            on_result=lambda saved: self._say(f"Saved: {', '.join(path.name for path in saved)}."),
            owner=self,
        )

    def _inputs(self) -> tuple[SimulationSettings, int]:
        return self.form.settings(), self.index.value()

    def _on_edit(self) -> None:
        if self.live_box.isChecked():
            self.live.refresh()

    def _on_live(self, on: bool) -> None:
        if on:
            self.live.show()
        else:
            self.live.cancel_pause()

    def _on_side_by_side(self, on: bool) -> None:
        self._made_grid = on
        grid = grid_of(self._viewer)
        grid.stride = -1  # the top layer first
        grid.enabled = on
        self._viewer.reset_view()

    def _say(self, text: str) -> None:
        self.text.setText(text)

    def end_work(self) -> None:
        """Stop all work."""
        self.live.cancel_pause()
        self.live.stop()
        self.dataset.cancel()
        if self._made_grid:
            self.side_box.setChecked(False)
        blocked = self.live_box.blockSignals(True)
        self.live_box.setChecked(False)
        self.live_box.blockSignals(blocked)

    def _lay_out(self) -> None:
        align_rows(*self.form.all_rows(), self.dataset.rows)
        files = QHBoxLayout()
        for button, hint in (
            (self.load_button, "Loads microscope, specimen, field and variation from a YAML file."),
            (self.save_button, "Saves microscope, specimen, field and variation to one YAML file."),
        ):
            button.setToolTip(hint)
            files.addWidget(button)
        self.content.addWidget(self.form)
        self.content.addWidget(self.dataset_fold)
        self.content.addLayout(files)
        line = QHBoxLayout()
        line.addWidget(QLabel("Field"))
        explained: tuple[tuple[QWidget, str], ...] = (
            (self.index, "Index of the field that is shown; image 0003 of a data set is field 3."),
            (self.show_button, "Simulates this field and shows it as four overlaid layers."),
            (self.live_box, "Simulates the field again after each change of the form."),
            (self.side_box, "Shows all layers of the viewer side by side (napari's grid view)."),
        )
        for widget, hint in explained:
            widget.setToolTip(hint)
            line.addWidget(widget)
        self.content.addLayout(line)
        self.content.addWidget(self.text)
        self.index.setAccessibleName("Number of the field")
        self.save_field_button.setToolTip("Saves the layers of the field as OME-TIFF, with pixel size and unit.")
        self.save_field_button.clicked.connect(lambda _: self.save_field())
        self.content.addWidget(self.save_field_button)
        self.content.addStretch(1)
