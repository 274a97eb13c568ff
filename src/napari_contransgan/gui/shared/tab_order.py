"""Let the Tab key go through a form as it is read: from the top, row by row."""

from collections.abc import Iterator
from itertools import pairwise

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLayout, QScrollArea, QWidget


def order_tabs(widget: QWidget) -> None:
    """Set the tab order of fields and buttons to that of their layouts; Qt's is that of their creation."""
    for first, second in pairwise(_stops(widget)):
        QWidget.setTabOrder(first, second)


def _stops(widget: QWidget) -> Iterator[QWidget]:
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield widget
    elif isinstance(widget, QScrollArea):
        body = widget.widget()
        if body is not None:
            yield from _stops(body)
    elif (layout := widget.layout()) is not None:
        yield from _in(layout)


def _in(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        if item is None:
            continue
        if (inner := item.layout()) is not None:
            yield from _in(inner)
        elif (widget := item.widget()) is not None:
            yield from _stops(widget)
