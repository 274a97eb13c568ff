"""Docks share a side as tabs, scroll as a whole, and leave the window its size."""

from itertools import pairwise

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDockWidget,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QTableWidget,
    QWidget,
)

from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.shared.open import TITLES, open_widget

pytestmark = pytest.mark.gui

CONTROLS = (QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox, QAbstractSlider, QTableWidget)


def dock_of(widget: DockedWidget) -> QDockWidget:
    dock = widget.parent()
    assert isinstance(dock, QDockWidget)
    return dock


@pytest.mark.parametrize("font_px", [9, 13])
def test_all_docks_together_leave_the_window_its_size(viewer, qtbot, frame, font_px):
    from napari.settings import get_settings

    get_settings().appearance.font_size = font_px
    add_image(viewer, frame)
    viewer.window.resize(1280, 800)
    qtbot.wait(100)
    widgets = [open_widget(viewer, name) for name in TITLES]
    qtbot.wait(300)
    window = viewer.window._qt_window
    assert (window.width(), window.height()) == (1280, 800)
    for one, next_one in pairwise(widgets):
        assert dock_of(one) in window.tabifiedDockWidgets(dock_of(next_one))
    for widget in widgets:
        dock_of(widget).raise_()
        qtbot.wait(30)
        assert widget.width() < 520, "the image keeps more than half of the window"
        assert widget.height() < 740
        body = widget.scroll_area.widget()
        assert body.width() >= body.minimumSizeHint().width(), "nothing is cut off; what is too wide scrolls"


def test_the_first_dock_is_as_wide_as_its_form(viewer, qtbot):
    viewer.window.resize(1280, 800)
    qtbot.wait(100)
    start = open_widget(viewer, "start")
    qtbot.wait(300)
    assert not start.scroll_area.horizontalScrollBar().isVisible()


def test_a_wider_form_widens_the_docks_it_joins(viewer, qtbot):
    viewer.window.resize(1280, 800)
    qtbot.wait(100)
    start = open_widget(viewer, "start")
    qtbot.wait(200)
    tie = open_widget(viewer, "tie")
    method = tie.form.fields["method"]
    qtbot.waitUntil(lambda: method.width() >= method.sizeHint().width(), timeout=3000)
    assert tie.width() > start.sizeHint().width()


@pytest.mark.parametrize(("width", "height", "font"), [(1066, 760, 9), (1280, 800, 13)])
def test_no_form_is_cut_on_a_small_screen_or_in_a_large_font(viewer, qtbot, frame, width, height, font):
    from napari.settings import get_settings

    get_settings().appearance.font_size = font
    add_image(viewer, frame)
    viewer.window.resize(width, height)
    qtbot.wait(100)
    widgets = {name: open_widget(viewer, name) for name in TITLES}
    cut = []
    for name, widget in widgets.items():
        dock_of(widget).raise_()
        try:
            qtbot.waitUntil(lambda area=widget.scroll_area: not area.horizontalScrollBar().isVisible(), timeout=3000)
        except qtbot.TimeoutError:
            body = widget.scroll_area.widget()
            cut.append((name, body.minimumSizeHint().width(), widget.width()))
    assert cut == []


@pytest.mark.parametrize("name", TITLES)
def test_every_control_has_a_name_and_a_tooltip(viewer, qtbot, name):
    widget = open_widget(viewer, name)
    qtbot.wait(50)
    controls = [control for kind in CONTROLS for control in widget.findChildren(kind)]
    shown = [one for one in controls if not one.isHidden() and not isinstance(one, QScrollBar)]
    own = [one for one in shown if not isinstance(one.parent(), QTabBar)]
    assert [one for one in own if not with_parents(one, widget, lambda part: part.toolTip())] == []
    assert [
        one for one in own if not (text_of(one) or with_parents(one, widget, lambda part: part.accessibleName()))
    ] == []


def text_of(control):
    return control.text() if isinstance(control, QAbstractButton) else ""


def with_parents(part, widget, text):
    """Return the text of a part, or of what it lies in."""
    while part is not widget and not text(part):
        part = part.parent()
    return "" if part is widget else text(part)


def test_a_widget_opens_once_and_comes_to_the_front(viewer, qtbot):
    tie, crop = open_widget(viewer, "tie"), open_widget(viewer, "crop")
    qtbot.waitUntil(lambda: crop.isVisible() and not tie.visibleRegion().boundingRect().height())
    assert open_widget(viewer, "tie") is tie
    qtbot.waitUntil(lambda: tie.visibleRegion().boundingRect().height() > 0)


def test_menu_shows_the_widget_that_another_one_opened(viewer):
    from napari._app_model import get_app_model

    widget = open_widget(viewer, "crop")
    commands = get_app_model().commands
    by_name = "napari-contransgan:Crop into tiles"  # before napari 0.9
    commands.execute_command(by_name if by_name in commands else "napari-contransgan.crop_widget").result()
    assert [one for one in viewer.window.dock_widgets.values() if isinstance(one, DockedWidget)] == [widget]
    assert dock_of(widget).isHidden()


def is_tab_stop(control):
    return control.isVisible() and bool(control.focusPolicy() & Qt.FocusPolicy.TabFocus)


@pytest.mark.parametrize("name", ["train", "tie", "predict", "microscope"])
def test_the_tab_key_goes_through_a_form_from_the_top(viewer, qtbot, frame, name):
    add_image(viewer, frame)
    viewer.window.resize(1280, 1000)
    widget = open_widget(viewer, name)
    qtbot.wait(100)
    expected = [one for one in widget.findChildren(QWidget) if is_tab_stop(one)]
    stops = []
    stop = widget
    while len(stops) < len(expected):  # not all round: PySide would keep the ring, and the viewer in it, for good
        stop = stop.nextInFocusChain()
        if widget.isAncestorOf(stop) and is_tab_stop(stop):
            stops.append(stop)
    places = [stop.mapTo(widget, stop.rect().topLeft()) for stop in stops]
    lines = [place.y() for place in places]
    assert len(lines) > 5
    assert all(later >= earlier - 8 for earlier, later in pairwise(lines)), lines
