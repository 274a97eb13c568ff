"""A command of napari's menus and palette that opens one of the measurements."""

from napari.viewer import Viewer

from napari_contransgan.gui.measure.widget import MeasureWidget
from napari_contransgan.gui.shared.open import open_widget


def compare_phases(viewer: Viewer) -> None:
    """Open the tab that compares two phase layers, and registers them if wanted."""
    widget = open_widget(viewer, "measure")
    if isinstance(widget, MeasureWidget):
        widget.tabs.setCurrentWidget(widget.compare)
