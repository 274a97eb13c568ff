"""Work that follows a form: an edit makes older work out of date, and only the newest reports."""

import threading

import pytest
from qtpy.QtWidgets import QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.newest import NewestRequest, Request
from napari_contransgan.progress import Progress

pytestmark = pytest.mark.gui


class Work:
    """A number as the form, and what was reported for it."""

    def __init__(self, owner):
        self.number = 0
        self.told = []
        self.begun = []
        self.go_on = threading.Event()
        self.newest = NewestRequest(
            self.request,
            title="Work",
            pause_ms=50,
            on_refused=lambda error: self.told.append(str(error)),
            on_wait=lambda: self.told.append("waits"),
            owner=owner,
        )

    def request(self):
        number = self.number
        if number < 0:
            raise InputError("below 0")

        def events():
            self.begun.append(number)
            yield Progress(0, 2, "begin")
            self.go_on.wait(5)
            yield Progress(1, 2, "end")
            return number

        return Request(events, on_result=self.told.append, on_cancelled=lambda: self.told.append("cancelled"))


@pytest.fixture
def work(viewer, qtbot):
    owner = QWidget()
    qtbot.addWidget(owner)
    one = Work(owner)
    yield one
    one.go_on.set()
    one.newest.abandon()


def test_a_result_is_reported(work, qtbot):
    work.go_on.set()
    work.newest.compute()
    qtbot.waitUntil(lambda: not work.newest.busy)
    assert work.told == [0]


def test_edits_in_quick_succession_begin_once(work, qtbot):
    work.go_on.set()
    for number in (1, 2, 3):
        work.number = number
        work.newest.compute_later()
        assert work.newest.busy
    qtbot.waitUntil(lambda: not work.newest.busy)
    assert work.begun == work.told == [3]


def test_what_is_out_of_date_stops_and_says_nothing(work, qtbot):
    work.newest.compute()
    qtbot.waitUntil(lambda: work.begun == [0])
    work.number = 1
    work.newest.compute()
    assert work.told == ["waits"]
    work.go_on.set()
    qtbot.waitUntil(lambda: not work.newest.busy)
    assert work.begun == [0, 1]
    assert work.told == ["waits", 1]


def test_a_request_that_is_refused_runs_nothing_and_stops_what_ran(work, qtbot):
    work.newest.compute()
    qtbot.waitUntil(lambda: work.begun == [0])
    work.number = -1
    work.newest.compute()
    work.go_on.set()
    qtbot.waitUntil(lambda: not work.newest.busy)
    assert work.told == ["below 0"]


def test_after_abandoning_nothing_is_reported(work, qtbot):
    work.newest.compute()
    qtbot.waitUntil(lambda: work.begun == [0])
    work.newest.abandon()
    work.go_on.set()
    qtbot.wait(100)
    assert work.told == []
    assert not work.newest.busy
