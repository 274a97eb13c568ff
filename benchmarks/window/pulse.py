"""The pulse of a window: each delay of a timer is a time in which the window did not answer."""

import time

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

TICK_MS = 5


class Pulse:
    """A timer in the window; delays between two beats are stalls of the window."""

    def __init__(self) -> None:
        self.stalls_ms: list[float] = []
        self.times_s: list[float] = []
        self._began = self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.stalls_ms.append(1e3 * (now - self._last) - TICK_MS)
        self.times_s.append(self._last - self._began)
        self._last = now


def wait(seconds: float) -> None:
    """Let the window process its events."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QApplication.processEvents()
        time.sleep(0.001)
