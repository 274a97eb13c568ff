"""The one-click command: predict the phase of the selected images, in the form and with the network it offers first."""

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.errors import InputError
from napari_contransgan.gui.predict.widget import PredictWidget
from napari_contransgan.gui.predict.work import TITLE
from napari_contransgan.gui.shared.open import open_widget
from napari_contransgan.gui.shared.tasks import errors_shown


def predict_active_layer(viewer: Viewer) -> None:
    """Predict the phase of each selected image layer; the form opens and shows how far it is."""
    with errors_shown():
        layers = viewer.layers
        chosen = [layer for layer in layers if layer in layers.selection and isinstance(layer, ImageLayer)]
        if not chosen:
            raise InputError(f"{TITLE}: no image layer is selected: click one in the layer list first")
        widget = open_widget(viewer, "predict")
        if isinstance(widget, PredictWidget):
            widget.predict(chosen)
