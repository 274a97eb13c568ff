"""The differences between the versions of napari that the plugin runs in (0.6 and later)."""

from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer


def show_colour_bar(layer: Layer) -> None:
    """Show the colour bar of a layer; layers have none before napari 0.7."""
    if hasattr(layer, "colorbar"):
        layer.colorbar.visible = True


def grid_of(viewer: Viewer) -> Any:
    """Return the viewer's grid, which belongs to the viewer itself before napari 0.9."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera, which belongs to the viewer itself before napari 0.9."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
