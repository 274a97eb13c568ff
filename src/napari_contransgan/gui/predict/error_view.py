"""Show the likely error of a predicted phase: as a hidden layer, over the phase, or as contours on it."""

from typing import Literal

import numpy as np
from napari.layers import Image as ImageLayer
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.io import Image

ErrorView = Literal["hidden", "layer", "contours"]
CHOICES: tuple[tuple[str, ErrorView], ...] = (
    ("a hidden layer", "hidden"),
    ("a layer over the phase", "layer"),
    ("contours on the phase", "contours"),
)
LEVELS_RAD = (0.1, 0.2, 0.5, 1.0)
"""Errors at which contours are drawn."""
COLOURS = ("#3b82f6", "#22c55e", "#f59e0b", "#ef4444")
_LINE_PX = 1
_OVER_OPACITY = 0.6


def add_error(viewer: Viewer, uncertainty: Image, phase: ImageLayer, view: ErrorView) -> tuple[ImageLayer, str]:
    """Add the likely error of a phase layer, and return its layer and where it is, in words.

    Contours need the whole map in memory; of a large image, which stays in its file, they are left out.
    """
    layer = add_image(viewer, uncertainty)
    if view == "layer":
        layer.opacity = _OVER_OPACITY
        return layer, "Over the phase: uncertainty."
    layer.visible = False
    _move_below(viewer, layer, phase)
    if view == "contours" and isinstance(layer.data, np.ndarray):
        _add_contours(viewer, layer)
        levels = ", ".join(f"{level:g}" for level in LEVELS_RAD)
        return layer, f"Contours show an uncertainty of {levels} rad; hidden in the layer list: its map."
    return layer, "Hidden in the layer list: uncertainty."


def bands_of(sigma_rad: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return how many of the `LEVELS_RAD` each likely error exceeds; 0 where it is not known."""
    return np.where(np.isfinite(sigma_rad), np.digitize(sigma_rad, LEVELS_RAD), 0).astype(np.uint8)


def _add_contours(viewer: Viewer, layer: ImageLayer) -> None:
    """Add the outlines of the bands between `LEVELS_RAD`, one colour for each level."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours |= dict(enumerate(COLOURS, start=1))
    contours = viewer.add_labels(
        bands_of(layer.data),
        name=f"{layer.name} contours",
        colormap=DirectLabelColormap(color_dict=colours),
        scale=layer.scale,
        units=layer.units,
        translate=layer.translate,
        axis_labels=layer.axis_labels,
    )
    contours.contour = _LINE_PX


def _move_below(viewer: Viewer, layer: ImageLayer, other: ImageLayer) -> None:
    viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(other))
