"""Run and Cancel buttons, a progress bar, a message and a Save button: the lower part of widgets that compute."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from magicgui.widgets import Container, ProgressBar, PushButton, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.form import wrapped_text
from napari_contransgan.gui.shared.preferences import folder_for_results
from napari_contransgan.gui.shared.saving import ask_where_to_save, images_of, saving_events, targets_of
from napari_contransgan.gui.shared.tasks import Task, errors_shown, run_task
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
        self.save_button = PushButton(
            text="Save result…",
            visible=False,
            tooltip="Saves the new layers as OME-TIFF, with pixel size, unit and wavelength.",
        )
        self.next_steps: Container[PushButton] = Container(layout="horizontal", labels=False, visible=False)
        self._next: tuple[PushButton, ...] = ()
        self._results: tuple[Viewer, tuple[ImageLayer, ...], Path | None] | None = None
        buttons = Container(layout="horizontal", labels=False, widgets=[self.run_button, self.cancel_button])
        super().__init__(labels=False, widgets=[buttons, self.bar, self.message, self.save_button, self.next_steps])
        self.margins = buttons.margins = self.next_steps.margins = (0, 0, 0, 0)
        self.task: Task[Progress, Any] | None = None
        self.cancel_button.changed.connect(self._cancel)
        self.save_button.changed.connect(self.save_result)

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

        self._results, self.save_button.visible, self.next_steps.visible = None, False, False
        self._next = ()
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
            on_error=lambda error: self._say(_failure_text(error)),
            on_cancelled=lambda: self._say(self._cancelled_text),
            on_finished=self._reset,
            owner=self.native,
        )

    def offer_to_save(self, viewer: Viewer, layers: Sequence[ImageLayer], origin: ImageLayer | None = None) -> None:
        """Show a button that saves layers; its dialog begins in the folder of the preferences or of the origin."""
        path = None if origin is None else origin.source.path
        self._results = viewer, tuple(layers), None if path is None else Path(path)

    def offer_next(self, steps: Mapping[str, tuple[str, Callable[[], object]]]) -> None:
        """Show buttons for what can be done with the result: their texts, tooltips and functions."""
        self.next_steps.clear()
        buttons = []
        for text, (tooltip, function) in steps.items():
            button = PushButton(text=text, tooltip=tooltip)
            button.changed.connect(lambda _, function=function: function())
            self.next_steps.append(button)
            buttons.append(button)
        self._next = tuple(buttons)

    def save_result(self) -> None:
        """Let the user choose a file, and save the layers that are still there."""
        if self._results is None or self.task is not None:
            return
        results = viewer, offered, file = self._results
        layers = [layer for layer in offered if layer in viewer.layers]
        if not layers:
            self._say("The layers of the result were removed: there is nothing to save.")
            return
        chosen = ask_where_to_save(self.native, layers, folder_for_results(file))
        if chosen is None:
            return
        with errors_shown():
            following = self._next
            targets, images = targets_of(layers, chosen), images_of(layers)
            self.start(
                lambda: saving_events(images, targets),
                title="Save",
                on_result=lambda saved: f"Saved in {saved[0].parent}: {', '.join(path.name for path in saved)}",
            )
            self._results, self._next = results, following  # they can be saved again, under another name

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
        self.save_button.visible = self._results is not None
        self.next_steps.visible = bool(self._next)
        if self._on_busy is not None:
            self._on_busy(False)


def _failure_text(error: Exception) -> str:
    """Say why a task failed; a notification shows only the first line of it."""
    return f"Failed: {error}" if isinstance(error, InputError) else "Failed: see the notification at the lower right."
