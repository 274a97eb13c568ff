"""Notes the callbacks of a task."""

import pytest
from tests.gui.shared.watched_tasks import Calls


@pytest.fixture
def calls():
    return Calls()
