"""The bar of a task in napari's activity dock."""

import time
from collections.abc import Callable

from napari.utils import cancelable_progress
from qtpy.QtCore import QTimer

from napari_contransgan.progress import Progress

SHOWN_AFTER_MS = 300
"""A task that ends sooner has no bar: showing one draws the whole window."""

INTERVAL_S = 0.25


class ActivityBar:
    """Shows how far a task is, once it has taken `SHOWN_AFTER_MS`.

    napari's bar runs the event loop each time it changes, so other events may be handled within.

    Parameters
    ----------
    title : str
        What runs.
    on_cancel : callable
        Called when its Cancel button is pressed.
    """

    def __init__(self, title: str, on_cancel: Callable[[], None]) -> None:
        self._title = title
        self._on_cancel = on_cancel
        self._bar: _Bar | None = None
        self._newest: Progress | None = None
        self._drawing = self._closed = False
        self._time_s = 0.0
        self._soon = QTimer()
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._show)
        self._soon.start(SHOWN_AFTER_MS)

    @property
    def drawing(self) -> bool:
        """Whether it is being drawn."""
        return self._drawing

    def take(self, progress: Progress) -> None:
        """Show how far the task is, unless that was done just now."""
        self._newest = progress
        if self._bar is not None and not self._drawing and time.monotonic() - self._time_s >= INTERVAL_S:
            self._draw(self._bar, progress)

    def close(self) -> None:
        """Remove it."""
        self._closed = True
        self._soon.stop()
        if self._bar is not None:
            self._bar.close()

    def _show(self) -> None:
        self._drawing = True
        try:
            bar = _Bar(self._title, self._on_cancel)
        finally:
            self._drawing = False
        if self._closed:  # the task has ended meanwhile
            bar.close()
            return
        self._bar = bar
        if self._newest is not None:
            self._draw(bar, self._newest)

    def _draw(self, bar: "_Bar", progress: Progress) -> None:
        self._drawing, self._time_s = True, time.monotonic()
        try:
            if bar.total != progress.total:
                bar.total = progress.total
            bar.set_description(progress.message or self._title)
            bar.update(progress.step - bar.n)
        finally:
            self._drawing = False


class _Bar(cancelable_progress):  # type: ignore[misc]
    """napari's own progress bar, whose Cancel button cancels the task."""

    def __init__(self, title: str, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        super().__init__(desc=title, total=0)

    def cancel(self) -> None:
        super().cancel()
        self._on_cancel()
