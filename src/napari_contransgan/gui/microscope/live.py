"""The live simulated field: computed in the background for the newest settings, and shown part by part."""

from collections.abc import Callable

from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.layers import NAMES, FieldLayers
from napari_contransgan.gui.microscope.work import FieldDone, FieldPart, Role, field_events
from napari_contransgan.gui.shared.tasks import Task, run_task

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
        self._owner = owner
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.show)
        self._task: Task[FieldPart, FieldDone] | None = None
        self._newest = 0
        self._due = False
        self._missing: set[Role] = set()  # of the field that is computed
        owner.destroyed.connect(self.stop)

    @property
    def busy(self) -> bool:
        """Whether something is computed, or about to be."""
        return self._task is not None or self._timer.isActive()

    def refresh(self) -> None:
        """Compute again after a pause, since something has changed."""
        self._give_way()
        self._timer.start()

    def show(self) -> None:
        """Compute now; what is computed meanwhile gives way first."""
        self._timer.stop()
        self._give_way()
        try:
            settings, index = self._inputs()
        except InputError as error:
            self._due = False
            self._on_text(f"No field: {error}")
            return
        if self._task is not None:
            self._due = True  # what runs was told to stop, and gives way when it has
            self._on_text("Waiting for the former field to stop …")
            return
        number = self._newest
        self._missing = set(NAMES)
        self._task = run_task(
            lambda: field_events(settings, index),
            title=TITLE,
            on_event=lambda part: self._take(part, number),
            on_result=lambda done: self._take_end(done, number),
            on_cancelled=lambda: self._take_end(FieldDone("Stopped.", complete=False), number),
            on_finished=self._on_finished,
            owner=self._owner,
        )

    def stop(self, *_: object) -> None:
        """Stop the work; the layers stay."""
        if self._task is not None:
            self._task.abandon()
        self._task = None
        self._due = False
        self._newest += 1

    def cancel_pause(self) -> None:
        """Drop a pending edit."""
        self._timer.stop()

    def _give_way(self) -> None:
        self._newest += 1
        if self._task is not None:
            self._task.cancel()

    def _take(self, part: FieldPart, number: int) -> None:
        if number != self._newest:
            return
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

    def _take_end(self, done: FieldDone, number: int) -> None:
        if number != self._newest:
            return
        self._on_text(done.text)
        if not done.complete and not self._missing & {"lr", "phase"}:
            self.layers.remove(self._missing)  # they belong to a previous field and will not be updated

    def _on_finished(self) -> None:
        self._task = None
        if self._due:
            self._due = False
            self.show()
