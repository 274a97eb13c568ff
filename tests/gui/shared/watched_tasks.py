"""Tasks whose callbacks are noted."""

import threading

from napari_contransgan.gui.shared.tasks import run_task
from napari_contransgan.progress import Progress


class Calls:
    """Notes every callback and the thread it came in."""

    def __init__(self):
        self.names = []
        self.values = []
        self.threads = set()

    def __getattr__(self, name):
        def note(*values):
            self.names.append(name)
            self.values.extend(values)
            self.threads.add(threading.current_thread())

        return note

    def start(self, make_events, **more):
        return run_task(
            make_events,
            title="A task",
            on_event=self.event,
            on_result=self.result,
            on_error=self.error,
            on_cancelled=self.cancelled,
            on_finished=self.finished,
            **more,
        )


def three_steps():
    for step in range(3):
        yield Progress(step, 3, f"step {step}")
    return "the result"


def failing_with(error):
    yield Progress(0, 1, "begin")
    raise error
