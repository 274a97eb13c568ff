"""The live preview: the network's output for fixed samples, as layers that are updated."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points as PointsLayer
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

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

GAP = 0.05
"""Gap between the user's layers and the preview, as a fraction of their width."""

TITLES_NAME = f"{PREFIX}titles"

BEGIN_AFTER_MS = 200
"""Time in which the window shows that a run begins, before the layers are added."""


class LivePreview:
    """Shows the newest previews of a run, with the samples below each other and a column for each kind of map.

    A layer that the user deletes stays away until the next run, or until the preview is switched off and on.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which it is shown.
    owner : QObject, optional
        Object with which it ends.
    is_free : callable, optional
        Whether layers may be changed now. Adding one while napari draws a progress bar crashes the drawing.
    """

    def __init__(
        self, viewer: Viewer, owner: QObject | None = None, is_free: Callable[[], bool] = lambda: True
    ) -> None:
        self._viewer = viewer
        self._layers: dict[Kind, ImageLayer] = {}
        self._titles: PointsLayer | None = None
        self._titled: list[Title] = []
        self._unwanted: set[str] = set()
        self._limits: dict[Kind, Limits] = {}
        self._newest: dict[Kind, NDArray[np.float32]] = {}
        self._shown = True
        self._is_free = is_free
        self._changes = OneAtATime(owner, is_free)
        self._beginning = QTimer(owner)
        self._beginning.setSingleShot(True)
        self._beginning.setInterval(BEGIN_AFTER_MS)
        self._beginning.timeout.connect(self._begin_if_free)
        self._ready: Callable[[], object] | None = None
        self._corner_um = (0.0, 0.0)
        self._is_blank = self._is_new = False

    def begin(self, settings: TrainSettings, ready: Callable[[], object] | None = None) -> None:
        """Prepare for another run, whose first previews determine the contrast limits.

        napari needs up to half a second for each new layer. They are added soon, black and all at once, while the user
        waits for the run to start, and not when the first previews arrive and would interrupt the user. Added one at a
        time, with the window drawn in between, they crashed the drawing.

        Parameters
        ----------
        settings : TrainSettings
            Settings of the run.
        ready : callable, optional
            Called once all layers are there. The run should start its progress bar only then; see `is_free`.
        """
        self._unwanted.clear()
        self._changes.forget()
        if not self._layers:
            self._corner_um = self._free_corner_um()
        self._newest, self._limits, self._is_blank = montages(blank_previews(settings)), usual_limits(), True
        self._ready = ready
        self._beginning.start()

    def end(self) -> None:
        """Remove layers that have never shown a preview, and forget a run that has not started."""
        self._beginning.stop()
        self._ready = None
        if self._is_blank:
            self._newest = {}
            self.remove()

    def set_shown(self, shown: bool) -> None:
        """Show the layers with the newest previews, or remove them."""
        if shown == self._shown:
            return
        self._shown = shown
        self._unwanted.clear()
        if not shown:
            self.remove()
        elif not self._beginning.isActive():
            self._update()

    def show(self, previews: Sequence[Preview]) -> None:
        """Show the previews of a validation.

        Existing layers are updated one after the other: redrawing all of them at once would freeze the window.
        """
        self._newest = montages(previews)
        if self._newest and (self._is_blank or not self._limits):
            self._is_blank = False
            self._limits = preview_limits(self._newest)
            for kind in self._layers:
                self._changes.add(f"limits of {kind}", partial(self._apply_limits, kind))
        if self._shown:
            self._update()

    def settle(self) -> None:
        """Update the layers with pending changes now."""
        if self._beginning.isActive():
            self._beginning.stop()
            self._add_all()
        self._changes.finish()

    def remove(self) -> None:
        """Remove the layers."""
        self._changes.forget()
        for layer in (*self._layers.values(), self._titles):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers, self._titles, self._titled = {}, None, []

    def _begin_if_free(self) -> None:
        if self._is_free():
            self._add_all()
        else:
            self._beginning.start()

    def _add_all(self) -> None:
        if self._shown:
            self._update()
            self._changes.finish()
        ready, self._ready = self._ready, None
        if ready is not None:
            ready()

    def _update(self) -> None:
        self._note_deleted()
        for kind in [kind for kind in self._layers if kind not in self._newest]:
            self._viewer.layers.remove(self._layers.pop(kind))  # of an earlier run that had such maps
        places = columns(self._newest)
        for kind, picture in self._newest.items():
            if kind in self._layers:
                self._changes.add(kind, partial(self._change, kind, picture, places[kind]))
            elif kind not in self._unwanted:
                self._changes.add(kind, partial(self._add, kind, picture, places[kind]))
        self._changes.add("arrange", self._arrange)

    def _arrange(self) -> None:
        """Link what belongs together, and show the titles."""
        chosen = set(self._viewer.layers.selection)
        self._show_titles(columns(self._newest))
        if not self._is_new:
            return
        self._is_new = False
        link_limits(self._viewer, self._layers)
        own = {*self._layers.values(), self._titles}
        users = {layer for layer in chosen - own if layer in self._viewer.layers}
        if users or "output" in self._layers:
            self._viewer.layers.selection = users or {self._layers["output"]}
        if self._is_blank or all(layer in own for layer in self._viewer.layers):
            self._viewer.reset_view(margin=VIEW_MARGIN)

    def _free_corner_um(self) -> tuple[float, float]:
        """Return the upper left corner for the preview: to the right of what is shown, so that it covers no image."""
        extents = [layer.extent.world[:, -2:] for layer in self._viewer.layers if layer.visible and layer.ndim > 1]
        if not extents:
            return 0.0, 0.0
        top_um, right_um = min(float(one[0, 0]) for one in extents), max(float(one[1, 1]) for one in extents)
        gap_um = GAP * (right_um - min(float(one[0, 1]) for one in extents))
        return top_um + gap_um, right_um + gap_um

    def _add(self, kind: Kind, picture: NDArray[np.float32], left_px: int) -> None:
        attributes = preview_attributes(kind, picture, left_px, corner_um=self._corner_um)
        attributes |= {"name": PREFIX + TITLES[kind], "contrast_limits": self._limits[kind]}
        chosen = set(self._viewer.layers.selection)
        layer = self._viewer.add_image(picture, **attributes)
        if chosen:
            self._viewer.layers.selection = chosen  # the user may be working with another layer
        if kind == "output":  # one colour bar for both phases
            show_colour_bar(layer)
        self._layers[kind] = layer
        self._is_new = True

    def _change(self, kind: Kind, picture: NDArray[np.float32], left_px: int) -> None:
        layer = self._layers.get(kind)
        if layer is None or layer not in self._viewer.layers:
            return  # deleted by the user meanwhile; the next preview notices it
        layer.data = picture
        top_um, first_um = self._corner_um
        corner_um = (top_um, first_um + left_px * MODEL_PIXEL_SIZE_UM)
        if not np.array_equal(layer.translate, corner_um):  # napari draws again even if nothing changes
            layer.translate = corner_um

    def _apply_limits(self, kind: Kind) -> None:
        layer = self._layers.get(kind)
        if layer is not None and kind in self._limits and tuple(layer.contrast_limits) != self._limits[kind]:
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
        corner_px = tuple(side / MODEL_PIXEL_SIZE_UM for side in self._corner_um)
        titles = column_titles({kind: left + corner_px[1] for kind, left in here.items()}, width_px, corner_px[0])
        if titles == self._titled:
            return
        if self._titles is not None:
            self._viewer.layers.remove(self._titles)
            self._titles = None
        self._titled = titles
        if titles and TITLES_NAME not in self._unwanted:
            self._titles = add_titles(self._viewer, TITLES_NAME, titles, width_px)
