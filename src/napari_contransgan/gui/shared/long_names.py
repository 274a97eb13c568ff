"""Show both ends of a text that is too long for its choice: the end of a layer's name says what it is."""

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

MARGIN_PX = 4
"""Space around a text within a choice."""


def show_both_ends(choice: QComboBox) -> None:
    """Shorten texts that are too long in the middle, in the choice and in its open list."""
    opened_list = choice.view()
    if opened_list is not None:
        opened_list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    choice.installEventFilter(_Painter(choice))


def shortened(choice: QComboBox) -> str:
    """Return the text that the choice has room for."""
    option, style = _option(choice), choice.style()
    if style is None:
        return choice.currentText()
    edit_field = QStyle.SubControl.SC_ComboBoxEditField
    room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, edit_field, choice)
    elided = choice.fontMetrics().elidedText(
        option.currentText, Qt.TextElideMode.ElideMiddle, room.width() - 2 * MARGIN_PX
    )
    return str(elided)


def _option(choice: QComboBox) -> QStyleOptionComboBox:
    option = QStyleOptionComboBox()
    choice.initStyleOption(option)
    return option


class _Painter(QObject):
    def eventFilter(self, choice: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's naming
        if event is None or event.type() != QEvent.Type.Paint or not isinstance(choice, QComboBox):
            return False
        option = _option(choice)
        option.currentText = shortened(choice)
        painter = QStylePainter(choice)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()
        return True
