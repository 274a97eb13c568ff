"""Run an event generator in the background: progress, cancelling, readable errors.

Two habits of the thread workers below are worked around here. A generator worker swallows a RuntimeError (running out
of memory is one) and then never says that it is finished, so nothing may escape `_EventWorker.work`. And quitting a
worker leaves its generator suspended, so the generator is closed here, in its own thread, in every case.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from napari import current_viewer
from napari.qt.threading import GeneratorWorkerSignals, create_worker
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QObject, QTimer
from superqt.utils import WorkerBase

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.activity import ActivityBar
from napari_contransgan.gui.shared.hints import toast_of
from napari_contransgan.gui.shared.interpreter import COURTESY
from napari_contransgan.gui.shared.torch_guard import keep_triton_out
from napari_contransgan.progress import Progress

E = TypeVar("E")
R = TypeVar("R")

ProgressOf = Callable[[Any], Progress | None]
Takes = Callable[[Any], bool]

_LATER_MS = 10

_log = logging.getLogger(__name__)


def _any(_: object) -> bool:
    return True


class TaskError(Exception):
    """The error that the user reads when a task fails because of a bug; the cause is kept for the traceback."""


@dataclass(frozen=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class _Pause:
    request: object
    at: Takes
    until: Takes


class Task(Generic[E, R]):
    """A task that `run_task` started.

    Its callbacks are called in the window's thread, and no longer once its owner is gone.
    """

    def __init__(
        self,
        make_events: Callable[[], Generator[E, None, R]],
        *,
        title: str,
        on_event: Callable[[E], object] | None,
        on_result: Callable[[R], object] | None,
        on_error: Callable[[Exception], object] | None,
        on_cancelled: Callable[[], object] | None,
        on_finished: Callable[[], object] | None,
        on_paused: Callable[[], object] | None,
        progress_of: ProgressOf,
    ) -> None:
        self._make_events = make_events
        self._title = title
        self._on_event = on_event
        self._on_result = on_result
        self._on_error = on_error
        self._on_cancelled = on_cancelled
        self._on_finished = on_finished
        self._on_paused = on_paused
        self._progress_of = progress_of
        self._running = True
        self._abandoned = False
        self._outcome = _Outcome(cancelled=True)
        self._bar = ActivityBar(title, self.cancel)
        self._worker = create_worker(self, _worker_class=_EventWorker, _start_thread=False)
        self._worker.yielded.connect(self._receive)
        self._worker.paused.connect(self._receive_pause)
        self._worker.finished.connect(self._finish)
        self._worker.warned.connect(_log_warning)
        COURTESY.begin()
        self._worker.start()

    def __str__(self) -> str:
        return self._title  # napari shows this when the window is closed while the task runs

    @property
    def running(self) -> bool:
        """Whether the task has not ended yet."""
        return self._running

    @property
    def paused(self) -> bool:
        """Whether the task is paused, or will be after its next event, until `resume` or `cancel`."""
        return bool(self._worker.pause_requested)

    @property
    def drawing(self) -> bool:
        """Whether its progress bar is being drawn, which lets other events of the window be handled within."""
        return self._bar.drawing

    def pause(self, request: object = None, *, at: Takes = _any, until: Takes = _any) -> None:
        """Pause after the next event; the generator stays in memory, suspended.

        Parameters
        ----------
        request : object, optional
            Sent into the generator before the wait, say to have it save.
        at : callable, optional
            Whether an event is one upon which the request may be sent; by default each is.
        until : callable, optional
            Whether an event is the answer to the request; by default the first one is.
        """
        self._worker.pause(_Pause(request, at, until))

    def resume(self) -> None:
        """Continue after a pause."""
        self._worker.resume()

    def cancel(self) -> None:
        """Stop at the next event, or at once while paused, and close the generator in its own thread."""
        self._worker.quit()

    def abandon(self) -> None:
        """Stop without any further callbacks, since the widget is gone."""
        self._abandoned = True
        self.cancel()

    def events(self) -> Generator[E, None, R]:
        """Start the generator; called in the worker thread."""
        keep_triton_out()
        return self._make_events()

    def set_outcome(self, outcome: _Outcome) -> None:
        """Store how the work ended; called in the worker thread."""
        self._outcome = outcome

    def _receive(self, event: E) -> None:
        if self._abandoned or not self._running:
            return
        if self._on_event is not None:
            self._on_event(event)
        progress = self._progress_of(event)
        if progress is not None:
            self._bar.take(progress)

    def _receive_pause(self) -> None:
        if self._on_paused is not None and self._running and not self._abandoned and self.paused:
            self._on_paused()

    def _finish(self) -> None:
        if self._bar.drawing:  # drawing it handles other events; layers that were added within crashed the drawing
            QTimer.singleShot(_LATER_MS, self._finish)
            return
        self._running = False
        COURTESY.end()
        self._bar.close()
        if self._abandoned:
            return
        try:
            self._report()
        finally:
            if self._on_finished is not None:
                self._on_finished()

    def _report(self) -> None:
        outcome = self._outcome
        if outcome.error is not None:
            show_failure(outcome.error, self._title)
            if self._on_error is not None:
                self._on_error(outcome.error)
        elif outcome.cancelled or self._worker.abort_requested:
            if self._on_cancelled is not None:
                self._on_cancelled()
        elif self._on_result is not None:
            with errors_shown():
                self._on_result(outcome.value)


def run_task(
    make_events: Callable[[], Generator[E, None, R]],
    *,
    title: str,
    on_event: Callable[[E], object] | None = None,
    on_result: Callable[[R], object] | None = None,
    on_error: Callable[[Exception], object] | None = None,
    on_cancelled: Callable[[], object] | None = None,
    on_finished: Callable[[], object] | None = None,
    on_paused: Callable[[], object] | None = None,
    progress_of: ProgressOf | None = None,
    owner: QObject | None = None,
) -> Task[E, R]:
    """Start a task in a thread of its own and return at once.

    Exactly one of `on_result`, `on_error` and `on_cancelled` is called, and `on_finished` after it; none of them once
    `owner` is gone. Errors are shown as notifications before `on_error` is called. When the viewer's window closes,
    the task is cancelled.

    Parameters
    ----------
    make_events : callable
        Called in the thread; gives the generator. Import heavy modules inside it.
    title : str
        What runs, for the progress bar, messages, and the question that napari asks when its window is closed.
    on_event : callable, optional
        Gets each event.
    on_result : callable, optional
        Gets what the generator returned.
    on_error : callable, optional
        Gets the error, after it was shown.
    on_cancelled : callable, optional
        Called once the cancelled generator is closed.
    on_finished : callable, optional
        Called at the end, however the task ended: enable the form here.
    on_paused : callable, optional
        Called when the task waits, after a `Task.pause`.
    progress_of : callable, optional
        Gives the `Progress` of an event, or None; by default events that are `Progress` themselves.
    owner : QObject, optional
        Qt object without which the callbacks make no sense, such as ``widget.native``.

    Returns
    -------
    Task
        With `cancel`, `running`, `pause`, `resume` and `paused`.
    """
    task = Task(
        make_events,
        title=title,
        on_event=on_event,
        on_result=on_result,
        on_error=on_error,
        on_cancelled=on_cancelled,
        on_finished=on_finished,
        on_paused=on_paused,
        progress_of=progress_of or _own_progress,
    )
    if owner is not None:
        waiting = weakref.ref(task)  # the worker keeps the task while it runs; later the owner must not
        owner.destroyed.connect(lambda *_: _abandon(waiting))
    return task


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an `InputError` raised in this context as a notification."""
    try:
        yield
    except InputError as error:
        show_refusal(error)


def show_refusal(error: InputError) -> None:
    """Show an `InputError` as a notification, the reason first."""
    viewer = current_viewer()
    show_error(toast_of(error, [layer.name for layer in viewer.layers] if viewer is not None else []))


def show_failure(error: Exception, title: str) -> None:
    """Show why a task failed: the message alone for bad input, otherwise what happened and what to do."""
    if isinstance(error, InputError):
        show_refusal(error)
        return
    failure = TaskError(f"{title} failed. {_in_plain_words(error)}")
    failure.__cause__ = error
    notification_manager.receive_error(TaskError, failure.with_traceback(error.__traceback__), error.__traceback__)


def _in_plain_words(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return "The computer ran out of memory: close other programs, or use a smaller image. Nothing was changed."
    return (
        f"This is a bug in the plugin, not a problem with your data ({type(error).__name__}: {text}). Please report it."
    )


def _abandon(waiting: "weakref.ref[Task[Any, Any]]") -> None:
    task = waiting()
    if task is not None:
        task.abandon()


def _own_progress(event: object) -> Progress | None:
    return event if isinstance(event, Progress) else None


def _log_warning(details: tuple[Any, ...]) -> None:
    _log.warning("%s", details[0])


class _EventWorker(WorkerBase[None]):
    """Takes events from a task's generator until it ends, fails or is told to quit, and pauses when told to."""

    def __init__(self, task: Task[Any, Any]) -> None:
        super().__init__(SignalsClass=GeneratorWorkerSignals)
        self._task = task  # also keeps the task alive while it runs
        self._changed = threading.Condition()
        self._pause: _Pause | None = None

    @property
    def pause_requested(self) -> bool:
        return self._pause is not None

    def pause(self, pause: _Pause) -> None:
        with self._changed:
            if not self.abort_requested:
                self._pause = pause

    def resume(self) -> None:
        with self._changed:
            self._pause = None
            self._changed.notify_all()

    def quit(self) -> None:
        """Quit; napari calls this too, when its window closes."""
        with self._changed:
            super().quit()
            self._pause = None
            self._changed.notify_all()

    def run(self) -> None:
        """Run, and ignore that Qt's half of this worker may be gone if the program has ended meanwhile."""
        with suppress(RuntimeError):  # `work` lets none escape
            super().run()

    def work(self) -> None:
        try:
            outcome = self._consume()
        except Exception as error:
            outcome = _Outcome(error=error)
        self._task.set_outcome(outcome)

    def _consume(self) -> _Outcome:
        with closing(self._task.events()) as events:
            try:
                while not self.abort_requested:
                    event = next(events)
                    self.yielded.emit(event)
                    pause = self._pause
                    if pause is not None and pause.at(event):
                        self._wait(events, pause)
            except StopIteration as stop:
                return _Outcome(value=stop.value)
        return _Outcome(cancelled=True)

    def _wait(self, events: Generator[Any, Any, Any], pause: _Pause) -> None:
        sent, answered = pause.request, pause.request is None
        while not answered and self._pause is pause:
            event = events.send(sent)
            self.yielded.emit(event)
            sent, answered = None, pause.until(event)
        with self._changed:
            if self._pause is pause:
                self.paused.emit()
            self._changed.wait_for(lambda: self._pause is not pause)
