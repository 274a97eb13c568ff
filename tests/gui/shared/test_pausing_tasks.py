"""Pausing tasks that run next to the window."""

import threading

import pytest
from qtpy.QtWidgets import QWidget
from tests.gui.shared.watched_tasks import three_steps

pytestmark = pytest.mark.gui


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
