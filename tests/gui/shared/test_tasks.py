"""Tasks that run next to the window: results, errors, cancelling, and ends that come too early."""

import threading
import time
import warnings

import pytest
from qtpy.QtWidgets import QWidget
from tests.gui.shared.watched_tasks import failing_with, three_steps

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared import activity
from napari_contransgan.progress import Progress

pytestmark = pytest.mark.gui


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
    monkeypatch.setattr(activity, "INTERVAL_S", 0)
    monkeypatch.setattr(activity, "SHOWN_AFTER_MS", 0)

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
    qtbot.waitUntil(lambda: len(progress._all_instances) == 1)
    (bar,) = progress._all_instances
    qtbot.waitUntil(lambda: bar.total == 10)
    bar.cancel()
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names[-2:] == ["cancelled", "finished"]
    assert len(progress._all_instances) == 0


def test_a_result_waits_until_the_bar_is_drawn(viewer, qtbot, calls, monkeypatch):
    drawn = []
    monkeypatch.setattr(activity.ActivityBar, "drawing", property(lambda _: not drawn))
    task = calls.start(three_steps)
    qtbot.waitUntil(lambda: calls.names == ["event", "event", "event"])
    qtbot.wait(100)
    assert calls.names == ["event", "event", "event"]
    drawn.append(True)
    qtbot.waitUntil(lambda: not task.running)
    assert calls.names[3:] == ["result", "finished"]


def test_a_short_task_shows_no_bar(viewer, qtbot, calls, monkeypatch):
    from napari.utils import progress

    monkeypatch.setattr(activity, "SHOWN_AFTER_MS", 2000)
    bars = []
    progress._all_instances.events.changed.connect(bars.append)
    task = calls.start(three_steps)
    qtbot.waitUntil(lambda: not task.running)
    qtbot.wait(2200)
    progress._all_instances.events.changed.disconnect(bars.append)
    assert bars == []


def test_other_events_can_say_how_far_they_are(viewer, qtbot, calls):
    seen = []

    def progress_of(event):
        seen.append(event)
        return Progress(event, 3, "counting")

    task = calls.start(lambda: (number for number in range(3)), progress_of=progress_of)
    qtbot.waitUntil(lambda: not task.running)
    assert seen == [0, 1, 2]
