"""The button, bar and message of a task."""

import pytest
from tests.gui.shared.watched_tasks import failing_with, three_steps

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.run_panel import RunPanel

pytestmark = pytest.mark.gui


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


def test_the_form_says_why_a_task_failed(viewer, qtbot, messages):
    panel = RunPanel("Run", "")
    qtbot.addWidget(panel.native)
    panel.start(lambda: failing_with(InputError("there is no light")), title="A task", on_result=lambda _: "done")
    qtbot.waitUntil(lambda: panel.task is None)
    assert panel.message.value == "Failed: there is no light"


def test_run_panel_is_ready_again_when_the_result_cannot_be_used(viewer, qtbot, messages):
    def refuse(_):
        raise InputError("that layer is too large to show")

    panel = RunPanel("Run", "")
    qtbot.addWidget(panel.native)
    panel.start(three_steps, title="A task", on_result=refuse)
    qtbot.waitUntil(lambda: panel.task is None)
    assert panel.run_button.enabled
    assert messages() == ["[error] that layer is too large to show"]
