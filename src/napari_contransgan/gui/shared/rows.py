"""Rows of the digital microscope's form: a label, a field, and a line below it that says what is wrong."""

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_contransgan.gui.shared.value_fields import Field

Location = tuple[str | int, ...]
"""Where a value stands among the settings, such as ``("microscope", "camera", "exposure")``."""

ERROR_COLOR = "#ff6b5e"
ADVICE_COLOR = "#e6a117"

_MARK = f"QLineEdit, QAbstractSpinBox, QComboBox, QTableWidget {{ border: 1px solid {ERROR_COLOR}; }}"
_FONT_GROWS = 1.2  # napari's font is larger than the one that labels are measured with


@dataclass(frozen=True)
class Row:
    """A field, its label, a word beside it and a line below that says what is wrong."""

    label: QLabel
    field: Field
    note: QLabel
    error: QLabel

    def mark(self, text: str) -> None:
        """Say what is wrong with the value; nothing if it is right."""
        show_mark(self.field, self.error, text)


class Rows(QWidget):
    """Fields below each other that stand for values at one place of the settings.

    Parameters
    ----------
    place : tuple
        Location of that place.
    """

    edited = Signal()

    def __init__(self, place: Location = ()) -> None:
        super().__init__()
        self.place = place
        self.rows: dict[str, Row] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(3)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def add(self, name: str, label: str, field: Any, tooltip: str) -> Any:
        """Add the field of one value and give it back."""
        row = Row(QLabel(label), field, QLabel(), message_label(ERROR_COLOR))
        line, body = QHBoxLayout(), QWidget()
        line.addWidget(field, 1)
        line.addWidget(row.note)
        row.note.setVisible(False)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(line)
        column.addWidget(row.error)
        for part in (row.label, field):
            part.setToolTip(tooltip)
        self._layout.addRow(row.label, body)
        self.rows[name] = row
        field.edited.connect(self.edited)
        return field

    def add_wide(self, widget: QWidget) -> None:
        """Add a widget of the form's full width."""
        self._layout.addRow(widget)

    def note(self, name: str, text: str) -> None:
        """Say a word beside a field."""
        self.rows[name].note.setText(text)
        self.rows[name].note.setVisible(bool(text))

    def values(self) -> dict[str, Any]:
        """All values as they stand, right or wrong."""
        return {name: row.field.value() for name, row in self.rows.items()}

    def show_values(self, values: Any) -> None:
        """Show the attributes of an object."""
        for name, row in self.rows.items():
            row.field.setValue(getattr(values, name))

    def mark(self, errors: dict[Location, str]) -> bool:
        """Mark the fields whose errors are given and take those out; tell whether there are any."""
        found = False
        for name, row in self.rows.items():
            place = (*self.place, name)
            hits = [location for location in errors if location[: len(place)] == place]
            texts = [errors.pop(location) for location in hits]
            row.mark(texts[0] if texts else "")
            found = found or bool(texts)
        return found


def align_rows(*forms: Rows) -> None:
    """Give the labels of several forms below each other one width."""
    labels = [row.label for rows in forms for row in rows.rows.values()]
    width = round(_FONT_GROWS * max(label.sizeHint().width() for label in labels))
    for label in labels:
        label.setMinimumWidth(width)


def show_mark(field: Any, error: QLabel, text: str) -> None:
    """Frame a field whose value is wrong, and say why in the label."""
    if error.text() == text:
        return
    error.setText(text)
    error.setVisible(bool(text))
    field.setStyleSheet(_MARK if text else "")


class WrappedLabel(QLabel):
    """Text in as many lines as it needs at the width that the other fields give it, and no more.

    Parameters
    ----------
    least_lines : int
        Lines that it has room for in any case, so that what is above it stays in place.
    """

    def __init__(self, least_lines: int = 0) -> None:
        super().__init__()
        self._least_lines = least_lines
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """As high as the text is at the present width."""
        least = self._least_lines * self.fontMetrics().lineSpacing()
        return QSize(0, max(least, self.heightForWidth(self.width())))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """The same."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Ask for another height when the width changes."""
        super().resizeEvent(event)
        if event is not None and event.oldSize().width() != event.size().width():
            self.updateGeometry()


def message_label(color: str = "") -> QLabel:
    """Make a label for messages, hidden while there are none."""
    label = WrappedLabel()
    if color:
        label.setStyleSheet(f"color: {color};")
    label.setVisible(False)
    return label


def say(label: QLabel, text: str) -> None:
    """Show a text, or hide the label if there is none."""
    label.setText(text)
    label.setVisible(bool(text))
