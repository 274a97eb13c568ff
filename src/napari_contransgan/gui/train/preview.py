"""The live preview: the network's output for fixed samples, as layers that are updated."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points as PointsLayer
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.runs.layers import Limits, link_limits, preview_attributes, preview_limits, usual_limits
from napari_contransgan.gui.runs.montage import TITLES, Kind, blank_previews, columns, montages
from napari_contransgan.gui.runs.titles import Title, add_titles, column_titles
from napari_contransgan.gui.shared.napari_versions import show_colour_bar
from napari_contransgan.gui.shared.pacing import OneAtATime
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.training.events import Preview

PREFIX = "Preview: "
VIEW_MARGIN = 0.2
"""Margin around the preview in the viewer, which leaves room for the colour bar."""

TITLES_NAME = f"{PREFIX}titles"


class LivePreview:
    """Shows the newest previews of a run, with the samples below each other and a column for each kind of map.

    A layer that the user deletes stays away until the next run, or until the preview is switched off and on.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which it is shown.
    owner : QObject, optional
        Object with which it ends.
    """

    def __init__(self, viewer: Viewer, owner: QObject | None = None) -> None:
        self._viewer = viewer
        self._layers: dict[Kind, ImageLayer] = {}
        self._titles: PointsLayer | None = None
        self._titled: list[Title] = []
        self._unwanted: set[str] = set()
        self._limits: dict[Kind, Limits] = {}
        self._newest: dict[Kind, NDArray[np.float32]] = {}
        self._shown = True
        self._changes = OneAtATime(owner)

    def begin(self, settings: TrainSettings) -> None:
        """Prepare for another run, whose first previews determine the contrast limits.

        napari needs about a second for new layers. They are added now, black, while the user waits for the run to
        start, and not when the first previews arrive and would interrupt the user.
        """
        self._unwanted.clear()
        self._limits, self._newest = {}, {}
        self._changes.forget()
        if self._shown:
            self._newest = montages(blank_previews(settings))
            self._limits = usual_limits()
            self._update()
            self.settle()
            self._limits, self._newest = {}, {}

    def end(self) -> None:
        """Remove layers that have never shown a preview."""
        if not self._newest:
            self.remove()

    def set_shown(self, shown: bool) -> None:
        """Show the layers with the newest previews, or remove them."""
        if shown == self._shown:
            return
        self._shown = shown
        self._unwanted.clear()
        if shown:
            self._update()
        else:
            self.remove()

    def show(self, previews: Sequence[Preview]) -> None:
        """Show the previews of a validation.

        Existing layers are updated one after the other: redrawing all of them at once would freeze the window.
        """
        self._newest = montages(previews)
        if self._newest and not self._limits:
            self._limits = preview_limits(self._newest)
            self._changes.add("limits", self._apply_limits)
        if self._shown:
            self._update()

    def settle(self) -> None:
        """Update the layers with pending changes now."""
        self._changes.finish()

    def remove(self) -> None:
        """Remove the layers."""
        self._changes.forget()
        for layer in (*self._layers.values(), self._titles):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers, self._titles, self._titled = {}, None, []

    def _update(self) -> None:
        self._note_deleted()
        for kind in [kind for kind in self._layers if kind not in self._newest]:
            self._viewer.layers.remove(self._layers.pop(kind))  # of an earlier run that had such maps
        places = columns(self._newest)
        chosen = set(self._viewer.layers.selection)
        new: list[Kind] = []
        for kind, picture in self._newest.items():
            if kind in self._layers:
                self._changes.add(kind, partial(self._change, kind, picture, places[kind]))
            elif kind not in self._unwanted:
                self._add(kind, picture, places[kind])
                new.append(kind)
        if new:
            link_limits(self._viewer, self._layers)
        self._show_titles(places)
        if not new:
            return
        chosen = {layer for layer in chosen if layer in self._viewer.layers}
        if chosen:
            self._viewer.layers.selection = chosen  # the user may be working with another layer
        elif "output" in self._layers:
            self._viewer.layers.selection = {self._layers["output"]}
        if all(layer in (*self._layers.values(), self._titles) for layer in self._viewer.layers):
            self._viewer.reset_view(margin=VIEW_MARGIN)

    def _add(self, kind: Kind, picture: NDArray[np.float32], left_px: int) -> None:
        attributes = preview_attributes(kind, picture, left_px)
        attributes |= {"name": PREFIX + TITLES[kind], "contrast_limits": self._limits[kind]}
        layer = self._viewer.add_image(picture, **attributes)
        if kind == "output":  # one colour bar for both phases
            show_colour_bar(layer)
        self._layers[kind] = layer

    def _change(self, kind: Kind, picture: NDArray[np.float32], left_px: int) -> None:
        layer = self._layers.get(kind)
        if layer is None or layer not in self._viewer.layers:
            return  # deleted by the user meanwhile; the next preview notices it
        layer.data = picture
        layer.translate = (0.0, left_px * MODEL_PIXEL_SIZE_UM)

    def _apply_limits(self) -> None:
        for kind, layer in self._layers.items():
            if kind in self._limits:
                layer.contrast_limits = self._limits[kind]

    def _note_deleted(self) -> None:
        for kind, layer in list(self._layers.items()):
            if layer not in self._viewer.layers:
                del self._layers[kind]
                self._unwanted.add(kind)
        if self._titles is not None and self._titles not in self._viewer.layers:
            self._titles = None
            self._unwanted.add(TITLES_NAME)

    def _show_titles(self, places: dict[Kind, int]) -> None:
        """Show a title above each column."""
        here = {kind: left for kind, left in places.items() if kind in self._layers}
        width_px = self._newest["input"].shape[1] if here else 0
        titles = column_titles(here, width_px)
        if titles == self._titled:
            return
        if self._titles is not None:
            self._viewer.layers.remove(self._titles)
            self._titles = None
        self._titled = titles
        if titles and TITLES_NAME not in self._unwanted:
            self._titles = add_titles(self._viewer, TITLES_NAME, titles, width_px)
