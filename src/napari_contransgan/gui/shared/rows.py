"""A form: rows of a label and a field, each with a note to the right of the field and a line below it for errors."""

from dataclasses import dataclass
from typing import Any, TypeVar

from magicgui.widgets import FileEdit
from magicgui.widgets.bases import ValueWidget
from pydantic import BaseModel
from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_contransgan.gui.shared.fields import NumberLine, Tick
from napari_contransgan.gui.shared.setting_fields import label_of, setting_field, tooltip_of

Location = tuple[str | int, ...]
"""Where a value is among the settings, such as ``("microscope", "camera", "exposure")``."""

F = TypeVar("F")

ERROR_COLOR = "#ec5447"
ADVICE_COLOR = "#c47f00"
"""Readable on a dark and on a light background."""

LEAST_WIDTH_PX = 300

_MARK = f"QLineEdit, QAbstractSpinBox, QComboBox, QTableWidget {{ border: 1px solid {ERROR_COLOR}; }}"
_FONT_GROWS = 1.2  # napari's font is larger than the one that labels are measured with


@dataclass(frozen=True)
class Row:
    """A field, its label, a note to the right of it and a line below it for errors."""

    label: QLabel
    field: Any
    note: QLabel
    error: QLabel

    def mark(self, text: str) -> None:
        """Show an error of the value; an empty text clears the mark."""
        show_mark(self.field, self.error, text)


class Rows(QWidget):
    """A form of fields below each other, for the values of one part of the settings.

    Parameters
    ----------
    place : tuple
        Location of that part.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, place: Location = ()) -> None:
        super().__init__()
        self.place = place
        self.rows: dict[str, Row] = {}
        self._owners: dict[str, type[BaseModel]] = {}
        self._labels: list[QLabel] = []
        self._magicgui: list[ValueWidget[Any] | FileEdit] = []
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(3)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """Return the size below which fields would be cut off."""
        least = super().minimumSizeHint()
        return QSize(max(least.width(), LEAST_WIDTH_PX), least.height())

    def __getitem__(self, name: str) -> Any:
        """Return the field of a value."""
        return self.rows[name].field

    def add_settings(self, model: type[BaseModel], *names: str) -> None:
        """Add the fields of several settings; see `add_setting`."""
        for name in names:
            self.add_setting(model, name)

    def add_setting(self, model: type[BaseModel], name: str, field: Any = None, hint: str = "") -> Any:
        """Add the field of a setting and return it; label, tooltip and kind come from the settings class.

        Parameters
        ----------
        model : type of BaseModel
            The settings class.
        name : str
            The setting.
        field : Field, optional
            Used instead of the field that `setting_field` would build.
        hint : str
            Added to the tooltip.
        """
        if field is None:
            field = setting_field(model, name)
        self._owners[name] = model
        label = "" if isinstance(field, Tick) else label_of(model, name)
        return self.add(name, label, field, f"{tooltip_of(model, name)} {hint}".strip())

    def add(self, name: str, label: str, field: F, tooltip: str) -> F:
        """Add the field of one value and return it; without a label it has the full width."""
        row = Row(QLabel(label), field, QLabel(), message_label(ERROR_COLOR))
        widget: Any = field
        line, body = QHBoxLayout(), QWidget()
        line.addWidget(widget, 1)
        line.addWidget(row.note)
        row.note.setVisible(False)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addLayout(line)
        column.addWidget(row.error)
        for part in (row.label, widget):
            part.setToolTip(tooltip)
        widget.setAccessibleName(label)
        if label:
            self._layout.addRow(row.label, body)
            self._labels.append(row.label)
        else:  # a tick has its text beside it, and the width of the label too
            self._layout.addRow(body)
        self.rows[name] = row
        widget.valueChanged.connect(lambda *_: self.valueChanged.emit())
        if isinstance(field, NumberLine):
            field.originChanged.connect(lambda origin: self.note(name, origin))
        return field

    def add_magicgui(self, widget: ValueWidget[Any] | FileEdit) -> None:
        """Add a magicgui widget, such as a choice of layers or of a file, with its own label and tooltip.

        Its value is not among those of `value`.
        """
        label = QLabel(widget.label)
        label.setToolTip(widget.tooltip)
        widget.native.setAccessibleName(widget.label)
        self._layout.addRow(label, widget.native)
        self._labels.append(label)
        self._magicgui.append(widget)
        widget.changed.connect(lambda *_: self.valueChanged.emit())

    def add_wide(self, widget: QWidget) -> None:
        """Add a widget of the form's full width."""
        self._layout.addRow(widget)

    def by_name(self) -> dict[str, Any]:
        """Return the fields by the names of their values."""
        return {name: row.field for name, row in self.rows.items()}

    def reset_choices(self) -> None:
        """Offer the layers that there are now."""
        for widget in self._magicgui:
            if hasattr(widget, "reset_choices"):
                widget.reset_choices()

    def choose_layer(self, layer: object) -> None:
        """Choose a layer in the first field that offers it."""
        self.reset_choices()
        for widget in self._magicgui:
            if layer in getattr(widget, "choices", ()):
                widget.value = layer
                return

    def labels(self) -> tuple[QLabel, ...]:
        """Return the labels of the rows that have one."""
        return tuple(self._labels)

    def note(self, name: str, text: str) -> None:
        """Show a note to the right of a field."""
        say(self.rows[name].note, text)

    def value(self) -> dict[str, Any]:
        """Return all values as they were typed, valid or not."""
        return {name: row.field.value() for name, row in self.rows.items()}

    def values_of(self, model: type[BaseModel]) -> dict[str, Any]:
        """Return the values of the fields that `add_setting` made for a settings class.

        Raises
        ------
        InputError
            If a line for a number holds something else; the message names its label.
        """
        fields = {name: self[name] for name, owner in self._owners.items() if owner is model}
        for field in fields.values():
            if isinstance(field, NumberLine):
                _ = field.number
        return {name: field.value() for name, field in fields.items()}

    def setValue(self, values: Any) -> None:  # noqa: N802 - Qt's naming
        """Show the attributes of an object."""
        for name, row in self.rows.items():
            row.field.setValue(getattr(values, name))

    def mark(self, errors: dict[Location, str]) -> bool:
        """Mark the fields that have an error, remove those errors, and return whether there were any."""
        found = False
        for name, row in self.rows.items():
            place = (*self.place, name)
            hits = [location for location in errors if location[: len(place)] == place]
            texts = [errors.pop(location) for location in hits]
            row.mark(texts[0] if texts else "")
            found = found or bool(texts)
        return found


def align_rows(*forms: Rows) -> None:
    """Give the labels of several forms below each other the same width."""
    labels = [label for rows in forms for label in rows.labels()]
    width = round(_FONT_GROWS * max(label.sizeHint().width() for label in labels))
    for label in labels:
        label.setMinimumWidth(width)


def show_mark(field: Any, error: QLabel, text: str) -> None:
    """Outline a field whose value is invalid, and say why in the label."""
    if error.text() == text:
        return
    say(error, text)
    field.setStyleSheet(_MARK if text else "")


class WrappedLabel(QLabel):
    """Text that wraps at the width the other fields give it, as tall as its lines and no taller.

    Parameters
    ----------
    least_lines : int
        Least number of lines to reserve, so that the widgets above do not move.
    """

    def __init__(self, least_lines: int = 0) -> None:
        super().__init__()
        self._least_lines = least_lines
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """Return the height of the text at the present width."""
        least = self._least_lines * self.fontMetrics().lineSpacing()
        return QSize(0, max(least, self.heightForWidth(self.width())))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """Return the same."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Ask for another height when the width changes."""
        super().resizeEvent(event)
        if event is not None and event.oldSize().width() != event.size().width():
            self.updateGeometry()


def message_label(color: str = "") -> QLabel:
    """Make a label for messages, hidden while it is empty."""
    label = WrappedLabel()
    if color:
        label.setStyleSheet(f"color: {color};")
    label.setVisible(False)
    return label


def say(label: QLabel, text: str) -> None:
    """Show a text, or hide the label if the text is empty."""
    label.setText(text)
    label.setVisible(bool(text))
