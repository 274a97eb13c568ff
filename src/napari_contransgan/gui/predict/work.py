"""Predict the phase of an image, and add it as layers."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.predict.error_view import ErrorView, add_error
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.shared.surface_layer import show_surface
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.inference import Prediction

TITLE = "Predict phase"


def predict_events(image: Image, settings: PredictSettings) -> Generator[Progress, None, "Prediction"]:
    """Predict in a worker thread; torch is imported only there."""
    yield Progress(0, 0, "Loading the network")
    load_torch()
    from napari_contransgan.gui.predict.large import prediction_of

    prediction: Prediction = yield from prediction_of(image, settings)
    return prediction


def add_prediction(
    viewer: Viewer, prediction: "Prediction", name: str, *, surface: bool, error_view: ErrorView = "hidden"
) -> tuple[str, list[ImageLayer]]:
    """Add a prediction as layers: the phase on top, and a 3D surface if wanted.

    Returns
    -------
    text : str
        Summary with the prediction's notes, which are also shown as a notification.
    layers : list of Image layer
        The phase, and its uncertainty if there is one.
    """
    phase = replace(prediction.phase, name=f"{name} phase (predicted)")
    uncertainty = prediction.uncertainty
    layer = add_image(viewer, phase)
    layers, place = [layer], ""
    if uncertainty is not None:
        named = replace(uncertainty, name=f"{name} uncertainty (predicted)")
        of_error, place = add_error(viewer, named, layer, error_view)
        layers.append(of_error)
        viewer.layers.selection.active = layer
    notes = [note.rstrip(".") for note in phase.settings.get("predict", {}).get("notes", ())]
    if surface and phase.axes == "YX":
        show_surface(viewer, phase)
    elif surface:
        notes.append("the result is a stack: to see a frame in 3D, open '3D phase surface'")
    if notes:
        show_info(f"{'; '.join(notes)} ({layer.name})")
    done = [f"Done: layer '{layer.name}', in radians."]
    if network := phase.settings.get("predict", {}).get("network"):
        done.append(f"Network: {network}.")
    told = phase.settings.get("predict", {}).get("told")
    if told is not None:
        done.append(f"It was told: {told_text(told)}.")
    if computed_on := phase.settings.get("predict", {}).get("device"):
        done.append(f"Computed on {computed_on}.")
    if uncertainty is not None:
        words = phase.settings["predict"].get("error_in_words", "")
        done.append(f"{place} {words[:1].upper()}{words[1:]}.")
    return "\n".join([*done, *(f"Note: {note}." for note in notes)]), layers


def told_text(told: Mapping[str, float]) -> str:
    """Return in words what a network was told of the optics."""
    names = {"numerical_aperture": "NA {:g}", "coherence": "S {:g}", "focus_um": "focus {:g} µm"}
    return ", ".join(text.format(told[name]) for name, text in names.items() if name in told) or "nothing of the optics"
