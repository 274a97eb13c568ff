"""The differences between the versions of napari that the plugin runs in (0.7 and later)."""

from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer

NAME_FONT = 10.0
SMALLEST_NAME_FONT = 6.0
_LONG_NAME = 36  # letters that fit into a narrow canvas in the font above


def show_colour_bar(layer: Layer) -> None:
    """Show the colour bar of a layer, if its type has one, with its name above it."""
    if hasattr(layer, "colorbar"):
        layer.colorbar.visible = True
    if hasattr(layer, "name_overlay"):
        layer.name_overlay.position = "top_right"
        layer.name_overlay.font_size = _font_size(layer.name)
        layer.name_overlay.visible = True


def _font_size(name: str) -> float:
    """Return the font in which a name fits into the canvas next to the colour bar; napari cuts off its beginning."""
    return min(NAME_FONT, max(SMALLEST_NAME_FONT, NAME_FONT * _LONG_NAME / max(len(name), 1)))


def hide_colour_bar(layer: Layer) -> None:
    """Hide the colour bar of a layer, with its name."""
    for overlay in ("colorbar", "name_overlay"):
        if hasattr(layer, overlay):
            getattr(layer, overlay).visible = False


def grid_of(viewer: Viewer) -> Any:
    """Return the viewer's grid, which belongs to the viewer itself before napari 0.9."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


def docked_widgets(viewer: Viewer) -> list[Any]:
    """Return the widgets that are docked in the viewer's window."""
    return list(viewer.window.dock_widgets.values())


def unwrapped(layer: Any) -> Any:
    """Return a layer itself; those of a widget's viewer come in wrappers that are gone after their use."""
    return getattr(layer, "__wrapped__", layer)


def camera_of(viewer: Viewer) -> Any:
    """Return the viewer's camera, which belongs to the viewer itself before napari 0.9."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
