"""Changes of the viewer spread over time, so that none of them holds the window for long."""

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

PAUSE_MS = 20
"""Between two works: time for the viewer to draw the last one, and for the user's clicks."""


class OneAtATime:
    """Does works one after the other, with turns of the event loop between them.

    Of works for the same thing, the newest counts.

    Parameters
    ----------
    owner : QObject, optional
        When it is deleted, what waits is left undone.
    """

    def __init__(self, owner: QObject | None = None) -> None:
        self._waiting: dict[str, Callable[[], None]] = {}
        self._timer = QTimer(owner)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._do_next)

    def add(self, thing: str, work: Callable[[], None]) -> None:
        """Do `work` soon, in place of what still waits for the same thing."""
        self._waiting[thing] = work
        if not self._timer.isActive():
            self._timer.start()

    def finish(self) -> None:
        """Do at once what still waits."""
        while self._waiting:
            self._do_next()

    def forget(self) -> None:
        """Leave undone what still waits."""
        self._waiting.clear()
        self._timer.stop()

    def _do_next(self) -> None:
        if self._waiting:
            self._waiting.pop(next(iter(self._waiting)))()
        if not self._waiting:
            self._timer.stop()
