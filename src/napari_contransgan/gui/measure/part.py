"""One part of the widget: a form, a Run button, and its results as text, plot and table."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from magicgui.widgets import ComboBox
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_contransgan.gui.measure.plot_view import PlotView
from napari_contransgan.gui.shared.form import keep_narrow
from napari_contransgan.gui.shared.layers import METADATA_KEY
from napari_contransgan.gui.shared.napari_versions import grid_of, unwrapped
from napari_contransgan.gui.shared.preferences import in_folder_for_results
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image

Source: TypeAlias = Callable[[], tuple[Image, ImageLayer]]
"""Returns the chosen phase, with the pixel size and wavelength of the form, and its layer."""


class Part(QWidget):
    """A form with a Run button and results.

    Parameters
    ----------
    viewer : Viewer
        Where layers are taken from and added.
    source : callable
        Returns the phase to measure.
    rows : Rows
        The form.
    panel : RunPanel
        Its Run button is connected to `run`.
    table_tooltip : str
        What the table holds.
    """

    def __init__(self, viewer: Viewer, source: Source, rows: Rows, panel: RunPanel, table_tooltip: str) -> None:
        super().__init__()
        self.viewer, self.source, self.rows, self.panel = viewer, source, rows, panel
        self.plot = PlotView()
        self.save_button = QPushButton("Save table …")
        self.save_button.setToolTip(table_tooltip)
        self.save_button.setEnabled(False)
        self.below = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 6, 4, 4)
        layout.addWidget(rows)
        layout.addWidget(panel.native)
        layout.addLayout(self.below)
        layout.addWidget(self.plot)
        layout.addWidget(self.save_button)
        layout.addStretch(1)
        panel.run_button.changed.connect(self.run)
        self.save_button.clicked.connect(self.save)

    def run(self) -> None:
        """Start measuring."""
        raise NotImplementedError

    def table(self) -> tuple[str, Callable[[Path], None]] | None:
        """Return the name that is proposed for the table, and the function that writes it; None before a result."""
        raise NotImplementedError

    def save(self) -> None:
        """Let the user choose a file, and save the table."""
        table = self.table()
        if table is None:
            return
        name, write = table
        start = in_folder_for_results(f"{name}.csv")
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the table", start, "Tables (*.csv)")
        if not chosen:
            return
        with errors_shown():
            path = Path(chosen)
            path = path if path.suffix else path.with_suffix(".csv")
            write(path)
            self.panel.message.value = f"Saved: {path}"


def optional_layer(
    viewer: Viewer, name: str, label: str, tooltip: str, none: str, suits: Callable[[Layer], bool]
) -> ComboBox:
    """Make a choice of the layers that suit, with a text for none, which is chosen at first."""

    def choices(_: object) -> list[tuple[str, Layer | None]]:
        return [(none, None), *((layer.name, layer) for layer in viewer.layers if suits(layer))]

    choice = ComboBox(name=name, label=label, tooltip=tooltip, choices=choices)
    keep_narrow(choice)
    return choice


def quantity_of(layer: Layer) -> str:
    """Return what the values of a layer mean; empty if unknown."""
    return str(layer.metadata.get(METADATA_KEY, {}).get("quantity", ""))


def covering_notes(viewer: Viewer, measured: ImageLayer) -> tuple[str, ...]:
    """Return a note if another image hides the measured layer, so that what was found seems to be found in that one."""
    layers = [unwrapped(layer) for layer in viewer.layers]
    if grid_of(viewer).enabled or unwrapped(measured) not in layers:
        return ()
    above = layers[layers.index(unwrapped(measured)) + 1 :]
    covering = [layer for layer in above if isinstance(layer, ImageLayer) and layer.visible]
    if not covering:
        return ()
    return (f"'{covering[-1].name}' lies over the measured layer: hide it with its eye icon to see what was measured",)


def with_notes(text: str, notes: tuple[str, ...]) -> str:
    """Return a result followed by its notes."""
    return "\n".join([text, *(f"Note: {note.rstrip('.')}." for note in notes)])
