"""What can be done with a result, as buttons that open the next widget with it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.gui.shared.open import WidgetName, open_widget

Steps = Mapping[str, tuple[str, Callable[[], object]]]


def with_phase(viewer: Viewer, phase: ImageLayer, stack: ImageLayer | None = None) -> Steps:
    """Return the steps after a phase map: look at it in 3D, measure it, and adapt a network if there is its stack."""
    steps = {
        "3D": ("Opens '3D phase surface' with this phase.", lambda: use_layer(viewer, "surface", phase)),
        "Measure": ("Opens 'Measure objects' with this phase.", lambda: use_layer(viewer, "measure", phase)),
    }
    if stack is not None:
        steps["Adapt"] = (
            "Opens 'Adapt to my microscope' with this stack: the network learns from it to predict the phase from one "
            "image.",
            lambda: use_layer(viewer, "adapt", stack),
        )
    return steps


def with_images(viewer: Viewer, folder: Path, *, is_phase: bool) -> Steps:
    """Return the step after a folder of tiles: train on them."""
    return {
        "Train on these": (
            "Opens 'Train a network' with this folder.",
            lambda: open_widget(viewer, "train").use_path(folder, is_phase=is_phase),
        )
    }


def with_network(viewer: Viewer, path: Path) -> Steps:
    """Return the step after a training: predict with the network."""
    return {
        "Predict with it": (
            "Opens 'Predict phase' with this network.",
            lambda: open_widget(viewer, "predict").use_path(path),
        )
    }


def use_layer(viewer: Viewer, name: WidgetName, layer: ImageLayer) -> None:
    """Open a widget with a layer chosen, if that is still there."""
    widget = open_widget(viewer, name)
    if layer in viewer.layers:
        widget.use(layer)
