"""Work that follows a form: one task at a time, always for the newest request."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.tasks import Task, run_task

E = TypeVar("E")
R = TypeVar("R")


@dataclass(frozen=True)
class Request(Generic[E, R]):
    """A task to run.

    Parameters
    ----------
    make_events : callable
        As `run_task` takes it.
    on_result, on_event, on_cancelled : callable
        As `run_task` takes them; called only while no newer request has come.
    """

    make_events: Callable[[], Generator[E, None, R]]
    on_result: Callable[[R], object]
    on_event: Callable[[E], object] = lambda _: None
    on_cancelled: Callable[[], object] = lambda: None


class NewestRequest(Generic[E, R]):
    """Run one task at a time, for the newest request; one that is out of date gives way.

    Parameters
    ----------
    request : callable
        Return the request as the form has it now, or raise an `InputError`.
    title : str
        What runs, for the progress bar and messages.
    pause_ms : int
        Wait after an edit, so that a number can be typed to its end.
    on_refused : callable
        Called with the `InputError` that `request` raised.
    owner : QWidget
        The widget it belongs to.
    on_wait : callable, optional
        Called when the newest request waits until an older one has stopped.
    """

    def __init__(
        self,
        request: Callable[[], Request[E, R]],
        *,
        title: str,
        pause_ms: int,
        on_refused: Callable[[InputError], object],
        owner: QWidget,
        on_wait: Callable[[], object] = lambda: None,
    ) -> None:
        self._request = request
        self._title = title
        self._on_refused = on_refused
        self._on_wait = on_wait
        self._owner = owner
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(pause_ms)
        self._timer.timeout.connect(self.compute)
        self._task: Task[E, R] | None = None
        self._number = 0
        self._waits = False

    @property
    def busy(self) -> bool:
        """Whether something is computed, or about to be."""
        return self._task is not None or self._timer.isActive()

    def compute_later(self) -> None:
        """Compute after a pause; what is computed now is out of date."""
        self._give_way()
        self._timer.start()

    def compute(self) -> None:
        """Compute now, or as soon as an older request has stopped."""
        self._timer.stop()
        self._give_way()
        self._waits = False
        try:
            request = self._request()
        except InputError as error:
            self._on_refused(error)
            return
        if self._task is not None:
            self._waits = True
            self._on_wait()
            return
        self._run(request, self._number)

    def cancel_pause(self) -> None:
        """Forget an edit whose pause has not ended."""
        self._timer.stop()

    def abandon(self) -> None:
        """Stop the work and call back no more; also safe when the owner is being deleted."""
        if self._task is not None:
            self._task.abandon()
        self._task = None
        self._waits = False
        self._number += 1

    def _give_way(self) -> None:
        self._number += 1
        if self._task is not None:
            self._task.cancel()

    def _run(self, request: Request[E, R], number: int) -> None:
        def on_event(event: E) -> None:
            if number == self._number:
                request.on_event(event)

        def on_result(result: R) -> None:
            if number == self._number:
                request.on_result(result)

        def on_cancelled() -> None:
            if number == self._number:
                request.on_cancelled()

        self._task = run_task(
            request.make_events,
            title=self._title,
            on_event=on_event,
            on_result=on_result,
            on_cancelled=on_cancelled,
            on_finished=self._on_finished,
            owner=self._owner,
        )

    def _on_finished(self) -> None:
        self._task = None
        if self._waits:
            self.compute()
