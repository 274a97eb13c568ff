"""The widget of the digital microscope, with and without its live field, and its form alone."""

import pytest
from tests.gui.microscope.fields import NAME

from napari_contransgan.config import SimulationSettings
from napari_contransgan.gui.microscope.settings import SettingsForm


@pytest.fixture
def widget(open_widget):
    made = open_widget(NAME)
    made.form.setValue(SimulationSettings(field_px=80, seed=2, scene="dense"))
    return made


@pytest.fixture
def settle(qtbot):
    """Wait until the live field rests."""
    return lambda widget: qtbot.waitUntil(lambda: not widget.live.busy, timeout=120_000)


@pytest.fixture
def shown(widget, settle, qtbot):
    """The widget with its live field on."""
    widget.live_box.click()
    settle(widget)
    return widget


@pytest.fixture
def form(qtbot):
    made = SettingsForm()
    qtbot.addWidget(made)
    made.show()
    return made
