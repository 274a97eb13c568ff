"""The live simulated field: computed in the background for the newest settings, and shown part by part."""

from collections.abc import Callable

from napari.viewer import Viewer
from qtpy.QtWidgets import QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.gui.microscope.layers import NAMES, FieldLayers
from napari_contransgan.gui.microscope.work import FieldDone, FieldPart, Role, field_events
from napari_contransgan.gui.shared.newest import NewestRequest, Request

TITLE = "Digital microscope"

PAUSE_MS = 300
"""After an edit, so that a number can be typed to its end."""


class LiveField:
    """Computes one field at a time; an edit stops an outdated computation.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which the field is shown.
    inputs : callable
        Returns the settings and the index of the field in the form, or raises an `InputError`.
    on_text : callable
        Shows a message.
    owner : QWidget
        The widget it belongs to.
    """

    def __init__(
        self,
        viewer: Viewer,
        *,
        inputs: Callable[[], tuple[SimulationSettings, int]],
        on_text: Callable[[str], object],
        owner: QWidget,
    ) -> None:
        self.layers = FieldLayers(viewer)
        self._inputs = inputs
        self._on_text = on_text
        self._missing: set[Role] = set()  # of the field that is computed
        self._newest = NewestRequest(
            self._request,
            title=TITLE,
            pause_ms=PAUSE_MS,
            on_refused=lambda error: self._on_text(f"No field: {error}"),
            on_wait=lambda: self._on_text("Waiting for the previous field to stop …"),
            owner=owner,
        )
        owner.destroyed.connect(self.stop)

    @property
    def busy(self) -> bool:
        """Whether something is computed, or about to be."""
        return self._newest.busy

    def refresh(self) -> None:
        """Compute again after a pause, since something has changed."""
        self._newest.compute_later()

    def show(self) -> None:
        """Compute now; what is computed meanwhile gives way first."""
        self._newest.compute()

    def stop(self, *_: object) -> None:
        """Stop the work; the layers stay."""
        self._newest.abandon()

    def cancel_pause(self) -> None:
        """Drop a pending edit."""
        self._newest.cancel_pause()

    def _request(self) -> Request[FieldPart, FieldDone]:
        settings, index = self._inputs()
        self._missing = set(NAMES)
        return Request(
            lambda: field_events(settings, index),
            on_event=self._take,
            on_result=self._take_end,
            on_cancelled=lambda: self._take_end(FieldDone("Stopped.", complete=False)),
        )

    def _take(self, part: FieldPart) -> None:
        if part.images:
            self._missing -= set(part.images)
            self.layers.show(part.images)
        self._on_text(part.text + self._former_text())

    def _former_text(self) -> str:
        """Return a text that names the layers that still belong to the previous field."""
        names = [NAMES[role] for role in ("stack", "tie") if role in self._missing and self.layers.has(role)]
        if "lr" in self._missing or not names:
            return ""
        return f" (still of the previous field: {', '.join(name.partition(': ')[2] for name in names)})"

    def _take_end(self, done: FieldDone) -> None:
        self._on_text(done.text)
        if not done.complete and not self._missing & {"lr", "phase"}:
            self.layers.remove(self._missing)  # they belong to a previous field and will not be updated
