"""Tasks beside the window: results, errors, cancelling, and ends that come too early."""

import threading
import time
import warnings

import pytest
from qtpy.QtWidgets import QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import run_task
from napari_contransgan.progress import Progress

pytestmark = pytest.mark.gui


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


@pytest.fixture
def calls():
    return Calls()


def three_steps():
    for step in range(3):
        yield Progress(step, 3, f"step {step}")
    return "the result"


def failing_with(error):
    yield Progress(0, 1, "begin")
    raise error


def test_events_and_result_arrive_in_order_in_the_windows_thread(viewer, qtbot, calls):
    task = calls.start(three_steps)
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names == ["event", "event", "event", "result", "finished"]
    assert calls.values[-1] == "the result"
    assert calls.threads == {threading.main_thread()}


def test_the_work_runs_in_another_thread(viewer, qtbot, calls):
    def events():
        yield threading.current_thread()

    task = calls.start(events)
    qtbot.waitUntil(lambda: not task.running)
    assert calls.values[0] is not threading.main_thread()


def test_bad_input_is_told_with_its_message_alone(viewer, qtbot, calls, messages):
    task = calls.start(lambda: failing_with(InputError("file.tif: is empty: export it again")))
    qtbot.waitUntil(lambda: not task.running)
    assert messages() == ["[error] file.tif: is empty: export it again"]
    assert calls.names == ["event", "error", "finished"]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "ran out of memory"),
        (MemoryError(), "ran out of memory"),
        (RuntimeError("broken"), "bug in the plugin, not a problem with your data (RuntimeError: broken)"),
        (KeyError("x"), "Please report it"),
    ],
)
def test_any_other_error_ends_the_task_with_a_hint(viewer, qtbot, calls, messages, error, hint):
    task = calls.start(lambda: failing_with(error))
    qtbot.waitUntil(lambda: not task.running)
    (message,) = messages()
    assert message.startswith("[error] A task failed.")
    assert hint in message
    assert calls.names == ["event", "error", "finished"]
    assert calls.values[-1] is error


def test_an_error_before_the_first_event_ends_the_task_too(viewer, qtbot, calls, messages):
    def make_events():
        raise InputError("no network of that name")

    task = calls.start(make_events)
    qtbot.waitUntil(lambda: not task.running)
    assert messages() == ["[error] no network of that name"]
    assert calls.names == ["error", "finished"]


def test_cancel_closes_the_generator_in_its_own_thread(viewer, qtbot, calls):
    closed_in = []

    def endless():
        try:
            while True:
                time.sleep(0.005)
                yield Progress(0, 0, "…")
        finally:
            closed_in.append(threading.current_thread())

    task = calls.start(endless)
    qtbot.waitUntil(lambda: "event" in calls.names)
    task.cancel()
    qtbot.waitUntil(lambda: not task.running)
    assert len(closed_in) == 1
    assert closed_in[0] is not threading.main_thread()
    assert calls.names[-2:] == ["cancelled", "finished"]
    assert "result" not in calls.names


def test_an_error_while_closing_is_told(viewer, qtbot, calls, messages):
    def stubborn():
        try:
            while True:
                time.sleep(0.005)
                yield Progress(0, 0, "…")
        finally:
            raise InputError("run/best.safetensors: the disk is full")

    task = calls.start(stubborn)
    qtbot.waitUntil(lambda: "event" in calls.names)
    task.cancel()
    qtbot.waitUntil(lambda: not task.running)
    assert messages() == ["[error] run/best.safetensors: the disk is full"]
    assert calls.names[-2:] == ["error", "finished"]


def test_a_flood_of_events_does_not_overflow_the_stack(viewer, qtbot, calls, monkeypatch):
    monkeypatch.setattr("napari_contransgan.gui.shared.tasks._BAR_INTERVAL_S", 0)

    def flood():
        for step in range(5000):
            yield Progress(step, 5000, f"step {step}")

    task = calls.start(flood)
    qtbot.waitUntil(lambda: not task.running, timeout=30_000)
    assert [event.step for event in calls.values[:-1]] == list(range(5000))


def test_a_warning_in_the_work_neither_freezes_nor_stops_it(viewer, qtbot, calls, caplog, messages):
    def warning():
        warnings.warn("odd numbers", RuntimeWarning, stacklevel=1)
        yield Progress(1, 1, "done")

    task = calls.start(warning)
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names == ["event", "result", "finished"]
    assert "odd numbers" in caplog.text
    assert messages() == []


def test_a_widget_that_is_gone_is_called_no_more(viewer, qtbot, calls):
    released = threading.Event()

    def waiting():
        yield Progress(0, 1, "begin")
        released.wait(10)
        yield Progress(1, 1, "end")

    owner = QWidget()
    task = calls.start(waiting, owner=owner)
    qtbot.waitUntil(lambda: calls.names == ["event"])
    owner.deleteLater()
    qtbot.wait(50)
    released.set()
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names == ["event"]


def test_closing_the_viewer_cancels_the_task(viewer, qtbot, calls, messages):
    ended = threading.Event()

    def endless():
        try:
            while True:
                time.sleep(0.005)
                yield Progress(0, 0, "…")
        finally:
            ended.set()

    task = calls.start(endless)
    qtbot.waitUntil(lambda: "event" in calls.names)
    viewer.close()
    qtbot.waitUntil(lambda: not task.running)
    assert ended.is_set()
    assert "result" not in calls.names
    assert messages() == []


def test_cancel_button_of_the_activity_dock_cancels_the_task(viewer, qtbot, calls):
    from napari.utils import progress

    def endless():
        while True:
            time.sleep(0.005)
            yield Progress(0, 10, "…")

    task = calls.start(endless)
    qtbot.waitUntil(lambda: "event" in calls.names)
    (bar,) = progress._all_instances
    assert bar.total == 10
    bar.cancel()
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names[-2:] == ["cancelled", "finished"]
    assert len(progress._all_instances) == 0


class Counter:
    """A task that counts as long as it is allowed to, and notes what it was sent."""

    def __init__(self):
        self.allowed = threading.Semaphore(0)
        self.begun = 0
        self.counted = 0
        self.sent = []
        self.closed = threading.Event()

    def __call__(self):
        try:
            while self.counted < 1000:
                self.begun += 1
                assert self.allowed.acquire(timeout=20)
                self.counted += 1
                request = yield self.counted
                while request is not None:
                    self.sent.append(request)
                    request = yield f"answer to {request}"
            return self.counted
        finally:
            self.closed.set()


@pytest.fixture
def counter():
    counter = Counter()
    yield counter
    counter.allowed.release(2000)


def start_paused(calls, counter, qtbot):
    """Pause during the second count, and let far more counts than these be ready."""
    waiting = threading.Event()
    task = calls.start(counter, on_paused=lambda: (calls.note_pause(), waiting.set()))
    counter.allowed.release(1)
    qtbot.waitUntil(lambda: counter.begun == 2)
    task.pause("save")
    counter.allowed.release(1000)
    qtbot.waitUntil(waiting.is_set)
    return task


def test_a_pause_asks_for_a_save_once_and_then_waits(viewer, qtbot, calls, counter):
    task = start_paused(calls, counter, qtbot)
    assert counter.counted == 2
    assert counter.sent == ["save"]
    assert calls.values == [1, 2, "answer to save"]
    assert calls.names == ["event", "event", "event", "note_pause"]
    assert task.paused
    assert task.running
    qtbot.wait(200)
    assert counter.counted == 2


def test_a_paused_task_goes_on_where_it_was(viewer, qtbot, calls, counter):
    task = start_paused(calls, counter, qtbot)
    task.resume()
    assert not task.paused
    qtbot.waitUntil(lambda: not task.running)
    assert [value for value in calls.values if isinstance(value, int)] == [*range(1, 1001), 1000]
    assert counter.sent == ["save"]


def test_a_pause_waits_for_the_event_to_ask_at_and_for_the_answer(viewer, qtbot, calls):
    asked = threading.Event()

    def events():
        yield "prelude"
        asked.wait()  # without this the thousand steps may be over before the pause is asked for
        answers = []
        for step in range(1000):
            request = yield step
            if request:
                answers = ["first answer", "second answer"]
            yield from answers
            answers = []

    waiting = threading.Event()
    task = calls.start(events, on_paused=waiting.set)
    task.pause("save", at=lambda event: isinstance(event, int), until=lambda event: event == "second answer")
    asked.set()
    qtbot.waitUntil(waiting.is_set)
    assert calls.values[-3:] == [calls.values[-3], "first answer", "second answer"]
    assert isinstance(calls.values[-3], int)
    task.resume()
    qtbot.waitUntil(lambda: not task.running)
    assert [value for value in calls.values if isinstance(value, int)] == list(range(1000))


def test_a_pause_without_a_request_sends_nothing(viewer, qtbot, calls, counter):
    waiting = threading.Event()
    task = calls.start(counter, on_paused=waiting.set)
    task.pause()
    counter.allowed.release(5)
    qtbot.waitUntil(waiting.is_set)
    assert counter.counted == 1
    assert counter.sent == []


def test_a_pause_that_is_taken_back_in_time_has_no_effect(viewer, qtbot, calls, counter):
    task = calls.start(counter, on_paused=calls.note_pause)
    counter.allowed.release(1)
    qtbot.waitUntil(lambda: counter.begun == 2)
    task.pause("save")
    task.resume()
    counter.allowed.release(1000)
    qtbot.waitUntil(lambda: not task.running)
    assert "note_pause" not in calls.names
    assert counter.sent == []


def test_cancel_ends_a_paused_task_without_another_step(viewer, qtbot, calls, counter):
    task = start_paused(calls, counter, qtbot)
    task.cancel()
    qtbot.waitUntil(lambda: not task.running)
    assert counter.closed.is_set()
    assert counter.counted == 2
    assert calls.names[-2:] == ["cancelled", "finished"]


def test_a_task_that_was_cancelled_cannot_be_paused(viewer, qtbot, calls, counter):
    task = calls.start(counter)
    counter.allowed.release(1)
    qtbot.waitUntil(lambda: counter.begun == 2)
    task.cancel()
    task.pause("save")
    assert not task.paused
    counter.allowed.release(1)
    qtbot.waitUntil(lambda: not task.running)
    assert counter.sent == []


def test_closing_the_viewer_ends_a_paused_task(viewer, qtbot, calls, counter, messages):
    task = start_paused(calls, counter, qtbot)
    viewer.close()
    qtbot.waitUntil(lambda: not task.running)
    assert counter.closed.is_set()
    assert counter.counted == 2
    assert messages() == []


def test_a_paused_task_ends_with_its_owner(viewer, qtbot, calls, counter):
    owner, waiting = QWidget(), threading.Event()
    task = calls.start(counter, owner=owner, on_paused=waiting.set)
    task.pause()
    counter.allowed.release(1000)
    qtbot.waitUntil(waiting.is_set)
    owner.deleteLater()
    qtbot.waitUntil(lambda: not task.running)
    assert counter.counted == 1
    assert "finished" not in calls.names


def test_a_task_that_is_asked_to_pause_at_its_end_gives_its_result(viewer, qtbot, calls):
    task = calls.start(three_steps, on_paused=lambda: (calls.note_pause(), task.resume()))
    task.pause("save")
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names[-2:] == ["result", "finished"]


def test_other_events_can_say_how_far_they_are(viewer, qtbot, calls):
    seen = []

    def progress_of(event):
        seen.append(event)
        return Progress(event, 3, "counting")

    task = calls.start(lambda: (number for number in range(3)), progress_of=progress_of)
    qtbot.waitUntil(lambda: not task.running)
    assert seen == [0, 1, 2]


def test_run_panel_is_ready_again_after_an_error(viewer, qtbot, click, messages):
    panel = RunPanel("Run", "")
    qtbot.addWidget(panel.native)
    panel.native.show()
    panel.start(lambda: failing_with(RuntimeError("x")), title="A task", on_result=lambda _: "done")
    assert not panel.run_button.enabled
    qtbot.waitUntil(lambda: panel.task is None)
    assert panel.run_button.enabled
    assert not panel.cancel_button.enabled
    assert not panel.bar.visible


def test_run_panel_is_ready_again_when_the_result_cannot_be_used(viewer, qtbot, messages):
    def refuse(_):
        raise InputError("that layer is too large to show")

    panel = RunPanel("Run", "")
    qtbot.addWidget(panel.native)
    panel.start(three_steps, title="A task", on_result=refuse)
    qtbot.waitUntil(lambda: panel.task is None)
    assert panel.run_button.enabled
    assert messages() == ["[error] that layer is too large to show"]
