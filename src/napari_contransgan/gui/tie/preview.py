"""A live preview of TIE: the phase of a rectangle that follows the form, the slider and the mouse."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Shapes
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import contrast_limits, image_from_layer, layer_tuple
from napari_contransgan.gui.shared.newest import NewestRequest, Request
from napari_contransgan.gui.tie.region import (
    PreviewResult,
    Window,
    add_region,
    lay_over,
    place_over,
    preview_events,
    time_point,
    window_of,
)
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress

PREVIEW_NAME = "TIE preview"
TITLE = "TIE preview"

PAUSE_MS = 400
"""After an edit, so that a number can be typed to its end."""


class TiePreview:
    """Shows the phase of a region, always for the newest settings; an edit stops an outdated computation.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which it is shown.
    inputs : callable
        Returns the stack and the settings in the form, or raises an `InputError`.
    on_text : callable
        Shows a message.
    on_end : callable
        Called when the user has deleted a layer of the preview, or the stack.
    owner : QWidget
        The widget it belongs to.
    """

    def __init__(
        self,
        viewer: Viewer,
        *,
        inputs: Callable[[], tuple[Image, TieSettings]],
        on_text: Callable[[str], object],
        on_end: Callable[[], object],
        owner: QWidget,
    ) -> None:
        self._viewer = viewer
        self._inputs = inputs
        self._on_text = on_text
        self._on_end = on_end
        self._newest = NewestRequest(
            self._request,
            title=TITLE,
            pause_ms=PAUSE_MS,
            on_refused=lambda error: self._on_text(f"No preview: {error}"),
            owner=owner,
        )
        self._ending = QTimer(owner)
        self._ending.setSingleShot(True)
        self._ending.timeout.connect(self._end)
        self._stack: ImageLayer | None = None
        self._region: Shapes | None = None
        self._shown: ImageLayer | None = None
        self._start_yx_px = (0, 0)
        self._limits: tuple[float, ...] = ()
        self._time: int | None = None
        self._connected: list[tuple[Any, Callable[..., None]]] = []
        owner.destroyed.connect(self.forget)

    @property
    def on(self) -> bool:
        """Whether the preview follows the form."""
        return self._stack is not None

    @property
    def busy(self) -> bool:
        """Whether something is computed, or about to be."""
        return self.on and self._newest.busy

    def start(self, stack: ImageLayer) -> None:
        """Show the region on a stack, and start to compute."""
        self.stop()
        self._stack = stack
        self._region = add_region(self._viewer, stack)
        for emitter, callback in (
            (self._region.events.data, self.refresh),
            (stack.events.data, self.refresh),
            (stack.events.scale, self._follow_stack),
            (stack.events.units, self._follow_stack),
            (stack.events.translate, self._follow_stack),
            (self._viewer.dims.events.current_step, self._on_slider),
            (self._viewer.layers.events.removed, self._on_removed),
        ):
            emitter.connect(callback)
            self._connected.append((emitter, callback))
        self._newest.compute()

    def stop(self) -> None:
        """Stop the work and remove the layers."""
        layers = [layer for layer in (self._shown, self._region) if layer is not None]
        if self.on:
            self._newest.cancel_pause()
        self.forget()
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def forget(self, *_: object) -> None:
        """Stop the work and disconnect from the viewer, without touching layers that may be gone."""
        for emitter, callback in self._connected:
            emitter.disconnect(callback)
        self._connected.clear()
        self._newest.abandon()
        self._stack = self._region = self._shown = None

    def refresh(self, *_: object) -> None:
        """Compute again after a pause, since something has changed."""
        if self.on:
            self._newest.compute_later()

    def to_front(self) -> None:
        """Move the preview's layers above all others."""
        layers = self._viewer.layers
        for layer in (self._shown, self._region):
            if layer is not None and layer in layers:
                layers.move(layers.index(layer), len(layers))

    def _request(self) -> Request[Progress, PreviewResult]:
        assert self._stack is not None  # noqa: S101
        assert self._region is not None  # noqa: S101
        image, settings = self._inputs()
        time = self._time = time_point(self._viewer, self._stack, image)
        y_axis, x_axis = image.axes.index("Y"), image.axes.index("X")
        window = window_of(self._region, (image.data.shape[y_axis], image.data.shape[x_axis]))
        if self._shown is None:  # later the former text stays, else the buttons below it would jump
            self._on_text("Preview …")
        return Request(
            lambda: preview_events(image, settings, window, time), on_result=lambda result: self._show(result, window)
        )

    def _show(self, result: PreviewResult, window: Window) -> None:
        self._on_text(result.text)
        if result.phase is None or self._stack is None:
            return
        phase = replace(result.phase, name=PREVIEW_NAME)
        self._start_yx_px = window[0].start, window[1].start
        if self._shown is None:
            active = self._viewer.layers.selection.active
            data, attributes, _ = layer_tuple(phase)  # without a colour bar, since the result has one
            self._shown = self._viewer.add_image(data, **attributes | place_over(self._stack, self._start_yx_px))
            self.to_front()
            self._viewer.layers.selection.active = active
            self._limits = tuple(self._shown.contrast_limits)
        else:
            self._shown.data = phase.data
            limits = contrast_limits(phase.data, phase.quantity)
            if (
                limits is not None and tuple(self._shown.contrast_limits) == self._limits
            ):  # otherwise the user chose others
                self._shown.contrast_limits = limits
                self._limits = tuple(self._shown.contrast_limits)
            lay_over(self._shown, self._stack, self._start_yx_px)

    def _follow_stack(self, *_: object) -> None:
        if self._stack is None or self._region is None:
            return
        lay_over(self._region, self._stack)
        if self._shown is not None:
            lay_over(self._shown, self._stack, self._start_yx_px)
        self.refresh()

    def _on_slider(self, *_: object) -> None:
        if self._stack is None:
            return
        with suppress(InputError):  # the next computation reports it
            if time_point(self._viewer, self._stack, image_from_layer(self._stack)) != self._time:
                self.refresh()

    def _on_removed(self, event: Any) -> None:
        if event.value in (self._stack, self._region, self._shown):
            self._ending.start(0)  # later: layers that were selected with it are about to be removed too

    def _end(self) -> None:
        if self.on:
            self.stop()
            self._on_end()
