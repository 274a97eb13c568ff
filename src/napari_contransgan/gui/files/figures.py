"""The command that saves the active layer as a figure."""

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.figure import TITLE, save_figure_of
from napari_contransgan.gui.shared.tasks import errors_shown


def save_figure_of_active_layer(viewer: Viewer) -> None:
    """Save the active image layer as PNG, SVG or TIFF, with a scale bar and a colour bar."""
    with errors_shown():
        layer = viewer.layers.selection.active
        if not isinstance(layer, ImageLayer):
            raise InputError(f"{TITLE}: no image layer is selected: click one in the layer list first")
        save_figure_of(viewer, layer)
