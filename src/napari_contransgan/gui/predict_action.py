"""Predicting the phase of a layer: what the widget and the one-click command share."""

from collections.abc import Generator
from dataclasses import replace

from napari.layers import Image as ImageLayer
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress
from napari_contransgan.gui.layers import add_image, image_from_layer, in_memory
from napari_contransgan.gui.surface_action import show_surface
from napari_contransgan.gui.workers import errors_shown, run_task
from napari_contransgan.io import Image

TITLE = "Predict phase"


def predict_events(image: Image, settings: PredictSettings) -> Generator[Progress, None, Image]:
    """Predict in a worker's thread; torch is imported there."""
    yield Progress(0, 0, "Loading the network")
    from napari_contransgan.inference import predict

    phase: Image = yield from predict(in_memory(image), settings)
    return phase


def add_prediction(viewer: Viewer, phase: Image, name: str, *, surface: bool) -> str:
    """Add the phase that was predicted from the layer of a name, and show it in 3D if asked.

    Returns
    -------
    str
        What became of it, with the prediction's notes, which are shown as a notification too.
    """
    phase = replace(phase, name=f"{name} phase (predicted)")
    layer = add_image(viewer, phase)
    notes = list(phase.settings.get("predict", {}).get("notes", ()))
    if surface and phase.axes == "YX":
        show_surface(viewer, phase)
    elif surface:
        notes.append("it is a stack: use '3D phase surface' on the frame of your choice")
    if notes:
        show_info(f"{layer.name}: {'; '.join(notes)}")
    return "\n".join([f"Done: layer '{layer.name}', in radians.", *(f"Note: {note}." for note in notes)])


def predict_active_layer(viewer: Viewer) -> None:
    """Predict the phase of the active image layer with the default network: the one-click command."""
    with errors_shown():
        layer = viewer.layers.selection.active
        if not isinstance(layer, ImageLayer):
            raise InputError("Predict phase: click an image layer in the layer list first")
        image = image_from_layer(layer)
        if image.pixel_size_um is None:
            raise InputError(
                f"layer '{layer.name}': no pixel size stated: open Plugins > ContransGAN > Predict phase and type it in"
            )
        run_task(
            lambda: predict_events(image, PredictSettings()),
            title=TITLE,
            on_result=lambda phase: add_prediction(viewer, phase, layer.name, surface=False),
        )
