"""Spread changes of the viewer over time, so that the window stays responsive."""

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

PAUSE_MS = 20
"""Pause between two changes, in which the viewer draws the last one and reacts to clicks."""


def soon(owner: QObject, act: Callable[[], object]) -> None:
    """Act once the event loop is back; never after the owner was deleted, which PySide6's `singleShot` would do."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.timeout.connect(act)
    timer.timeout.connect(timer.deleteLater)
    timer.start(0)


class OneAtATime:
    """Makes changes one after the other, returning to the event loop between them.

    Of several changes to the same thing, only the newest is made.

    Parameters
    ----------
    owner : QObject, optional
        When it is deleted, pending changes are dropped.
    is_free : callable, optional
        Whether a change may be made now; by default it always may.
    """

    def __init__(self, owner: QObject | None = None, is_free: Callable[[], bool] = lambda: True) -> None:
        self._is_free = is_free
        self._waiting: dict[str, Callable[[], None]] = {}
        self._timer = QTimer(owner)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._on_time)

    def add(self, thing: str, work: Callable[[], None]) -> None:
        """Do `work` soon, instead of any pending work for the same thing."""
        self._waiting[thing] = work
        if not self._timer.isActive():
            self._timer.start()

    def finish(self) -> None:
        """Do all pending work now."""
        while self._waiting:
            self._do_next()

    def forget(self) -> None:
        """Drop all pending work."""
        self._waiting.clear()
        self._timer.stop()

    def _on_time(self) -> None:
        if self._is_free():
            self._do_next()

    def _do_next(self) -> None:
        if self._waiting:
            self._waiting.pop(next(iter(self._waiting)))()
        if not self._waiting:
            self._timer.stop()
