"""Open a widget of the plugin from another one, or bring it to the front where it is open already."""

from importlib import import_module
from typing import Literal

from napari.viewer import Viewer
from qtpy.QtWidgets import QDockWidget

from napari_contransgan.gui.shared.dock import PLUGIN, DockedWidget
from napari_contransgan.gui.shared.napari_versions import docked_widgets

WidgetName = Literal["start", "tie", "predict", "adapt", "surface", "measure", "crop", "train", "microscope"]

TITLES: dict[WidgetName, str] = {
    "start": "Start here",
    "tie": "Phase from focus stack (TIE)",
    "predict": "Predict phase",
    "adapt": "Adapt to my microscope",
    "surface": "3D phase surface",
    "measure": "Measure objects",
    "crop": "Crop into tiles",
    "train": "Train a network",
    "microscope": "Digital microscope",
}
"""The widgets by the name of their folder, with their names in the Plugins menu."""


def open_widget(viewer: Viewer, name: WidgetName) -> DockedWidget:
    """Open a widget in the viewer's window, or show the one that is open.

    Features import only what they share, so the class is looked up when it is needed.

    Parameters
    ----------
    viewer : Viewer
        Viewer in whose window it opens.
    name : str
        Folder of the widget.

    Returns
    -------
    DockedWidget
        The widget.
    """
    kind = getattr(import_module(f"napari_contransgan.gui.{name}.widget"), f"{name.capitalize()}Widget")
    widget = next((one for one in docked_widgets(viewer) if type(one) is kind), None)
    if widget is None:
        widget = kind(viewer)
        viewer.window.add_dock_widget(widget, name=f"{TITLES[name]} ({PLUGIN})")  # as the Plugins menu names it
    found: DockedWidget = widget
    found.join_others()
    dock = found.parent()
    if isinstance(dock, QDockWidget):
        dock.show()
        dock.raise_()
    return found
