"""What is done soon is not done after its owner was deleted."""

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_contransgan.gui.shared.pacing import soon


class _Owner(QWidget):
    def __init__(self):
        super().__init__()
        self.times = 0

    def act(self):
        self.objectName()  # an error once the widget is deleted
        self.times += 1


@pytest.fixture
def owner(qapp):
    made = _Owner()
    yield made
    if made.times:
        made.deleteLater()


def test_it_is_done_once_and_not_at_once(owner, qtbot):
    soon(owner, owner.act)
    assert owner.times == 0
    qtbot.wait(50)
    assert owner.times == 1


def test_it_is_not_done_for_a_deleted_widget(owner, qtbot):
    soon(owner, owner.act)
    owner.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    qtbot.wait(50)
    assert owner.times == 0
