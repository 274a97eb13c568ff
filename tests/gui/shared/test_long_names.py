"""Choices show both ends of long texts."""

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QComboBox

from napari_contransgan.gui.shared.long_names import shortened, show_both_ends

NAME = "2026-03-02 plate 4 well B7 field 12 focus stack phase (predicted)"


@pytest.fixture
def choice(qtbot):
    made = QComboBox()
    qtbot.addWidget(made)
    made.addItems([NAME, "short"])
    show_both_ends(made)
    made.resize(220, 26)
    made.show()
    return made


def test_a_long_name_shows_its_beginning_and_its_end(choice):
    text = shortened(choice)
    assert text.startswith("2026-03")
    assert text.endswith("(predicted)")
    assert choice.fontMetrics().horizontalAdvance(text) < choice.width()


def test_a_short_name_is_shown_whole(choice):
    choice.setCurrentText("short")
    assert shortened(choice) == "short"


def test_a_wide_choice_shows_a_long_name_whole(choice):
    choice.resize(900, 26)
    assert shortened(choice) == NAME


def test_the_chosen_value_keeps_its_whole_name(choice):
    assert choice.currentText() == NAME


def test_the_picture_shows_the_shortened_name(choice):
    before = _picture(choice)
    choice.setItemText(0, NAME.replace("(predicted)", "(TIE)"))
    assert (before != _picture(choice)).any()


def _picture(choice):
    QApplication.processEvents()
    image = choice.grab().toImage()
    return np.array([[image.pixel(x, y) for x in range(image.width())] for y in range(image.height())])
