"""Keep Python itself from stopping the window while tasks run.

Python collects cyclic garbage in whichever thread allocates memory. In a worker, that can destroy Qt objects while the
window draws them. A full collection also goes through all objects of napari and PyTorch (700,000; 0.4 s), and every
thread waits for it. So while tasks run, garbage is collected in the window's thread, and only among objects that are
newer than the first seconds of the task. A full collection that someone asks for, as napari does when a layer is
removed, still goes through everything.

A thread that computes in Python lets another one in only every `sys.getswitchinterval` seconds, and drawing the window
calls Python many times. So the threads take shorter turns.
"""

import gc
import sys
import time

from qtpy.QtCore import QTimer

SHORT_TURN_S = 0.002
COLLECT_MS = 500
FULL_EVERY_S = 20.0


class Courtesy:
    """Collects garbage in the window's thread and shortens the turns of threads, as long as any task runs.

    `begin` and `end` are called in the window's thread, once each for every task.

    Attributes
    ----------
    freezes : bool
        Whether its collections leave out what is older; switch it off where something else sees to that.
    """

    def __init__(self) -> None:
        self.freezes = True
        self._tasks = 0
        self._turn_s = 0.0
        self._is_settled = self._collects_new = False
        self._full_s = 0.0
        self._timer: QTimer | None = None

    def begin(self) -> None:
        """Begin with the first task."""
        self._tasks += 1
        if self._tasks > 1:
            return
        self._turn_s = sys.getswitchinterval()
        sys.setswitchinterval(min(self._turn_s, SHORT_TURN_S))
        if not gc.isenabled():
            return  # someone collects it in a way of their own
        gc.disable()
        if self.freezes and self._look_at_all not in gc.callbacks:
            gc.callbacks.append(self._look_at_all)
        self._freeze()
        self._full_s, self._is_settled = time.monotonic(), False
        self._timer = QTimer()
        self._timer.setInterval(COLLECT_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    def end(self) -> None:
        """End with the last task."""
        self._tasks -= 1
        if self._tasks:
            return
        sys.setswitchinterval(self._turn_s)
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            gc.enable()

    def _collect(self) -> None:
        """Collect what is new; what modules hold that are imported in the first seconds is not looked at again.

        Later nothing is frozen, since what a long task leaves behind would then never be collected.
        """
        now = time.monotonic()
        is_full = now - self._full_s >= FULL_EVERY_S
        if is_full:
            self._full_s = now
            self._collects_new = True
            gc.collect()
            self._collects_new = False
        else:
            gc.collect(1)
        if not self._is_settled:
            self._freeze()
        self._is_settled |= is_full

    def _freeze(self) -> None:
        if self.freezes:
            gc.freeze()

    def _look_at_all(self, phase: str, info: dict[str, int]) -> None:
        """Have a full collection go through everything, unless it is our own or began by itself."""
        if info["generation"] < 2 or self._collects_new:
            return
        if phase == "start" and gc.get_count()[0] <= gc.get_threshold()[0]:
            gc.unfreeze()
        elif phase == "stop" and self._timer is not None:
            gc.freeze()


COURTESY = Courtesy()
"""The one for this process, whose interpreter it changes."""
