"""Fields of the digital microscope's form: each shows its value and gives it back as typed, right or wrong."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)


class Field(Protocol):
    """What the form needs of each of its fields."""

    edited: Any

    def value(self) -> Any:
        """Give the value as it stands, right or wrong."""

    def setValue(self, value: Any, /) -> None:  # noqa: N802 - Qt's naming
        """Show a value."""


class NumberLine(QLineEdit):
    """A line for a number.

    Parameters
    ----------
    empty : str
        What an empty line stands for; without it a number must be typed.
    """

    edited = Signal()

    def __init__(self, empty: str = "") -> None:
        super().__init__()
        self._may_be_empty = bool(empty)
        self.setPlaceholderText(empty)
        self.setMinimumWidth(50)
        self.textChanged.connect(lambda _: self.edited.emit())

    def value(self) -> float | str | None:
        """Give the number, the text if it is none, and None for a line that was left empty where it may be."""
        text = self.text().strip()
        if not text and self._may_be_empty:
            return None
        return number_or_text(text)

    def setValue(self, number: float | None) -> None:  # noqa: N802 - Qt's naming
        """Show a number to its full precision."""
        self.setText("" if number is None else number_text(number))


class TextLine(QLineEdit):
    """A line of text."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.textChanged.connect(lambda _: self.edited.emit())

    def value(self) -> str:
        """Give the text."""
        return self.text()

    def setValue(self, text: str) -> None:  # noqa: N802 - Qt's naming
        """Show a text from its beginning."""
        self.setText(text)
        self.setCursorPosition(0)


class RangeLine(QWidget):
    """Two lines for the lower and the upper end of a range."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = NumberLine(), NumberLine()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.low, 1)
        layout.addWidget(QLabel("to"))
        layout.addWidget(self.high, 1)
        for line in (self.low, self.high):
            line.edited.connect(self.edited)

    def value(self) -> tuple[float | str | None, float | str | None]:
        """Give both ends."""
        return self.low.value(), self.high.value()

    def setValue(self, ends: Sequence[float]) -> None:  # noqa: N802 - Qt's naming
        """Show both ends."""
        self.low.setValue(ends[0])
        self.high.setValue(ends[1])


class WholeNumber(QSpinBox):
    """A whole number, which the wheel does not change while the form is scrolled."""

    edited = Signal()

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        super().__init__()
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.valueChanged.connect(lambda _: self.edited.emit())

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Leave the wheel to the form, unless this field is the one in use."""
        _wheel(self, event, super().wheelEvent)


class Choice(QComboBox):
    """One of several values, each with its text."""

    edited = Signal()

    def __init__(self, choices: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__()
        for text, value in choices:
            self.addItem(text, value)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(lambda _: self.edited.emit())

    def value(self) -> Any:
        """Give the chosen value."""
        return self.currentData()

    def setValue(self, value: Any) -> None:  # noqa: N802 - Qt's naming
        """Choose a value; one that is not among the choices is added, for the form to say what is wrong with it."""
        index = self.findData(value)
        if index < 0:
            self.addItem(str(value), value)
            index = self.count() - 1
        self.setCurrentIndex(index)

    def offer(self, names: Sequence[str]) -> None:
        """Offer other names, without choosing another one on the user's behalf."""
        chosen, blocked = self.value(), self.blockSignals(True)
        self.clear()
        for name in names:
            self.addItem(name, name)
        if chosen is not None:
            self.setValue(chosen)
        self.blockSignals(blocked)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Leave the wheel to the form, unless this field is the one in use."""
        _wheel(self, event, super().wheelEvent)


class Tick(QCheckBox):
    """A yes or no."""

    edited = Signal()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.toggled.connect(lambda _: self.edited.emit())

    def value(self) -> bool:
        """Whether it is ticked."""
        return self.isChecked()

    def setValue(self, ticked: bool) -> None:  # noqa: N802 - Qt's naming
        """Tick it or not."""
        self.setChecked(ticked)


def number_text(number: float) -> str:
    """Write a number so that reading it gives the same one."""
    short = f"{number:.12g}"
    return short if float(short) == number else repr(number)


def number_or_text(text: str) -> float | str:
    """Read a number with a point or a comma; give the text if it is none."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _wheel(field: QWidget, event: QWheelEvent | None, take: Any) -> None:
    if event is None or field.hasFocus():
        take(event)
    else:
        event.ignore()
