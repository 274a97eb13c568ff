"""Form fields of every widget: each shows a value and returns it as it was typed, valid or not.

All fields have one protocol, `Field`: ``value()``, ``setValue(value)`` and the signal ``valueChanged``.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QWidget

from napari_contransgan.errors import InputError

LEAST_LETTERS, MOST_LETTERS = 8, 15
"""Room that a choice has in any case; a longer text may be cut off in a narrow window."""


class Field(Protocol):
    """What a form needs of each of its fields."""

    valueChanged: Any  # noqa: N815 - Qt's naming

    def value(self) -> Any:
        """Return the value as it was typed, valid or not."""

    def setValue(self, value: Any, /) -> None:  # noqa: N802 - Qt's naming
        """Show a value."""


class NumberLine(QLineEdit):
    """A line for a number, which can say where its number comes from.

    Parameters
    ----------
    empty : str
        Placeholder that says what an empty line means; without it a number must be typed.
    empty_value : object
        Value of an empty line, if it may be empty.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming
    originChanged = Signal(str)  # noqa: N815 - Qt's naming

    def __init__(self, empty: str = "", empty_value: Any = None) -> None:
        super().__init__()
        self._may_be_empty = bool(empty)
        self._empty_value = empty_value
        self._stated: float | None = None
        self._shows_origin = False
        self.origin = ""
        self.setPlaceholderText(empty)
        self.setMinimumWidth(50)
        self.textChanged.connect(self._on_text)

    def value(self) -> Any:
        """Return the number, or the text if it is not a number; for an empty line, its meaning."""
        if self._stated is not None:
            return self._stated
        text = self.text().strip()
        return self._empty_value if not text and self._may_be_empty else number_or_text(text)

    def setValue(self, number: Any) -> None:  # noqa: N802 - Qt's naming
        """Show a number to its full precision."""
        is_empty = number is None or (self._may_be_empty and number == self._empty_value)
        self.setText("" if is_empty else number_text(number))

    def state(self, number: float | None, origin: str) -> None:
        """Fill in a number that the file, the layer or the program states; None leaves the line empty."""
        self._shows_origin = True
        blocked = self.blockSignals(True)
        self.setText("" if number is None else f"{number:.6g}")
        self.blockSignals(blocked)
        self._stated = number
        self._set_origin(origin if number is not None else "")

    def propose(self, number: float, origin: str) -> None:
        """Fill in a number as if it was typed, and say where the proposal comes from."""
        self._shows_origin = True
        self.setText(f"{number:.6g}")
        self._set_origin(origin)

    @property
    def shows_origin(self) -> bool:
        """Whether the line says where its number comes from, because an image may state it."""
        return self._shows_origin

    @property
    def typed(self) -> bool:
        """Whether the number was typed or proposed, and not stated by the file, the layer or the program."""
        return self._stated is None and self.number is not None

    @property
    def number(self) -> float | None:
        """The number, to its full precision if it was stated; None for an empty line.

        Raises
        ------
        InputError
            If the text is not a finite number.
        """
        if self._stated is not None:
            return self._stated
        text = self.text().strip()
        number = number_or_text(text) if text else None
        if isinstance(number, str) or (number is not None and not math.isfinite(number)):
            raise InputError(f"{self.accessibleName()}: '{text}' is not a valid number: type digits")
        return number

    def _on_text(self, text: str) -> None:
        self._stated = None
        if self._shows_origin:
            self._set_origin("typed" if text.strip() else "")
        self.valueChanged.emit()

    def _set_origin(self, origin: str) -> None:
        self.origin = origin
        self.originChanged.emit(origin)


class TextLine(QLineEdit):
    """A line of text."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self) -> None:
        super().__init__()
        self.textChanged.connect(lambda _: self.valueChanged.emit())

    def value(self) -> str:
        """Return the text."""
        return self.text()

    def setValue(self, text: str) -> None:  # noqa: N802 - Qt's naming
        """Show a text from its beginning."""
        self.setText(text)
        self.setCursorPosition(0)


class RangeLine(QWidget):
    """Two lines, for the lower and the upper end of a range."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = NumberLine(), NumberLine()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.low, 1)
        layout.addWidget(QLabel("to"))
        layout.addWidget(self.high, 1)
        for line in (self.low, self.high):
            line.valueChanged.connect(self.valueChanged)

    def value(self) -> tuple[Any, Any]:
        """Return both ends."""
        return self.low.value(), self.high.value()

    def setValue(self, ends: Sequence[float]) -> None:  # noqa: N802 - Qt's naming
        """Show both ends."""
        self.low.setValue(ends[0])
        self.high.setValue(ends[1])


class WholeNumber(QSpinBox):
    """A whole number, which the mouse wheel does not change while the form is scrolled."""

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        super().__init__()
        self.setRange(low, high)
        self.setSingleStep(step)
        leave_wheel_to_form(self)


class Choice(QComboBox):
    """One of several values, each with its text."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, choices: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__()
        offered = list(choices)
        for text, value in offered:
            self.addItem(text, value)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        longest = max((len(text) for text, _ in offered), default=0)
        self.setMinimumContentsLength(min(max(longest, LEAST_LETTERS), MOST_LETTERS))
        leave_wheel_to_form(self)
        self.currentIndexChanged.connect(lambda _: self.valueChanged.emit())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """Return a width for a few letters, so that a long text does not cut the form off in a narrow dock."""
        hint = super().minimumSizeHint()
        surplus = max(0, self.minimumContentsLength() - LEAST_LETTERS) * self.fontMetrics().horizontalAdvance("X")
        return QSize(hint.width() - surplus, hint.height())

    def value(self) -> Any:
        """Return the chosen value."""
        return self.currentData()

    def setValue(self, value: Any) -> None:  # noqa: N802 - Qt's naming
        """Choose a value; one that is not offered is added, so that the form can report it."""
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


class Tick(QCheckBox):
    """Yes or no."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.toggled.connect(lambda _: self.valueChanged.emit())

    def value(self) -> bool:
        """Return whether it is ticked."""
        return self.isChecked()

    def setValue(self, ticked: bool) -> None:  # noqa: N802 - Qt's naming
        """Tick it or not."""
        self.setChecked(ticked)


def number_text(number: float) -> str:
    """Write a number so that reading it gives the same number."""
    short = f"{number:.12g}"
    return short if float(short) == number else repr(number)


def number_or_text(text: str) -> float | str:
    """Read a number with a decimal point or comma; return the text if it is not a number."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def leave_wheel_to_form(field: QWidget) -> None:
    """Let the mouse wheel over a field scroll the form; it changes the value only of the field that has the focus."""
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(_WheelFilter(field))


class _WheelFilter(QObject):
    def eventFilter(self, field: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's naming
        if event is None or event.type() != QEvent.Type.Wheel or (isinstance(field, QWidget) and field.hasFocus()):
            return False
        event.ignore()
        return True
