"""Run and Cancel buttons, a progress bar and a message: the lower part of every widget that computes."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from magicgui.widgets import Container, ProgressBar, PushButton, Widget

from napari_contransgan.gui.shared.form import wrapped_text
from napari_contransgan.gui.shared.tasks import Task, run_task
from napari_contransgan.progress import Progress

R = TypeVar("R")


class RunPanel(Container[Widget]):
    """Runs one task at a time and shows its progress.

    Parameters
    ----------
    run_text, tooltip : str
        Text and tooltip of the Run button.
    on_busy : callable, optional
        Called with True when a task starts and False when it has ended.
    cancelled_text : str
        Message after the user has cancelled the task.
    """

    def __init__(
        self,
        run_text: str,
        tooltip: str,
        *,
        on_busy: Callable[[bool], object] | None = None,
        cancelled_text: str = "Cancelled.",
    ) -> None:
        self._on_busy = on_busy
        self._cancelled_text = cancelled_text
        self.run_button = PushButton(text=run_text, tooltip=tooltip)
        self.cancel_button = PushButton(text="Cancel", enabled=False, tooltip="Stops the computation at its next step.")
        self.bar = ProgressBar(visible=False)
        self.message = wrapped_text()
        buttons = Container(layout="horizontal", labels=False, widgets=[self.run_button, self.cancel_button])
        super().__init__(labels=False, widgets=[buttons, self.bar, self.message])
        self.margins = buttons.margins = (0, 0, 0, 0)
        self.task: Task[Progress, Any] | None = None
        self.cancel_button.changed.connect(self._cancel)

    def start(
        self,
        make_events: Callable[[], Generator[Progress, None, R]],
        *,
        title: str,
        on_result: Callable[[R], str],
        on_event: Callable[[Progress], object] | None = None,
    ) -> None:
        """Run a task; the Run button is disabled until it has ended, however it ends.

        Parameters
        ----------
        make_events : callable
            Returns the task's generator; called in the worker thread.
        title : str
            Title of the task.
        on_result : callable
            Takes the result, and returns a summary of it.
        on_event : callable, optional
            Takes each event too.
        """

        def finish(result: R) -> None:
            self._say("")
            self._say(on_result(result))

        def show(event: Progress) -> None:
            self._show(event)
            if on_event is not None:
                on_event(event)

        self.run_button.enabled = False
        self.cancel_button.enabled = True
        self.message.value = f"{title} …"
        self.bar.native.setRange(0, 0)
        self.bar.visible = True
        if self._on_busy is not None:
            self._on_busy(True)
        self.task = run_task(
            make_events,
            title=title,
            on_event=show,
            on_result=finish,
            on_error=lambda _: self._say("Failed: see the notification at the lower right."),
            on_cancelled=lambda: self._say(self._cancelled_text),
            on_finished=self._reset,
            owner=self.native,
        )

    def _show(self, event: Progress) -> None:
        self.bar.native.setRange(0, event.total)
        self.bar.native.setValue(event.step)
        self._say(event.message)

    def _say(self, text: str) -> None:
        self.message.value = text

    def _cancel(self) -> None:
        if self.task is not None:
            self.cancel_button.enabled = False
            self._say("Cancelling …")
            self.task.cancel()

    def _reset(self) -> None:
        self.bar.visible = False
        self.cancel_button.enabled = False
        self.run_button.enabled = True
        self.task = None
        if self._on_busy is not None:
            self._on_busy(False)
