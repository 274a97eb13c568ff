"""The table of a microscope's objectives."""

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QPushButton, QVBoxLayout, QWidget
from qtpy.QtWidgets import QTableWidget as Table
from qtpy.QtWidgets import QTableWidgetItem as Cell

from napari_contransgan.gui.shared.fields import number_or_text, number_text
from napari_contransgan.gui.shared.rows import ERROR_COLOR, Location, message_label, say, show_mark
from napari_contransgan.optics import Objective

PLACE: Location = ("microscope", "objectives")
MOST_ROWS_SHOWN = 6

_NAME, _MAGNIFICATION, _NA, _PIXEL = range(4)
_HEADERS = (
    ("Name", "Your name for the objective; each name must be unique."),
    ("Magnification", "Magnification engraved on the objective, for example 10."),
    ("NA", "Numerical aperture engraved on the objective; dry objectives only, below 1."),
    ("Pixel (µm)", "Size of a camera pixel in the specimen: camera pixel divided by magnification."),
)
_COLUMN_OF = {"magnification": _MAGNIFICATION, "numerical_aperture": _NA}
_REST = Qt.ItemDataRole.UserRole


class ObjectiveTable(QWidget):
    """The objectives with their names; values without a column are kept with their row."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming
    renamed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(0, len(_HEADERS))
        self.table.setAccessibleName("Objectives")
        self.table.setToolTip("The objectives of the microscope, one in each row.")
        self._names: list[str] = []
        for column, (title, tooltip) in enumerate(_HEADERS):
            cell = Cell(title)
            cell.setToolTip(tooltip)
            self.table.setHorizontalHeaderItem(column, cell)
        self._header, self._side = QHeaderView(Qt.Orientation.Horizontal), QHeaderView(Qt.Orientation.Vertical)
        self.table.setHorizontalHeader(self._header)
        self.table.setVerticalHeader(self._side)
        self._header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._header.setVisible(True)
        self._side.setVisible(False)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.add_button, self.remove_button = QPushButton("Add objective"), QPushButton("Remove objective")
        self.add_button.setToolTip("Adds an empty row.")
        self.remove_button.setToolTip("Removes the selected row.")
        self.error, self.note = message_label(ERROR_COLOR), message_label()
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button)
        buttons.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.table)
        layout.addWidget(self.error)
        layout.addWidget(self.note)
        layout.addLayout(buttons)
        self.table.itemChanged.connect(self._on_cell)
        self.add_button.clicked.connect(self.add)
        self.remove_button.clicked.connect(self.remove)

    def names(self) -> list[str]:
        """Return the names, from the top."""
        return [self._text(row, _NAME) for row in range(self.table.rowCount())]

    def value(self) -> dict[str, dict[str, Any]]:
        """Return the objectives as they were typed, valid or not."""
        return {
            self._text(row, _NAME): self._rest(row)
            | {
                "magnification": number_or_text(self._text(row, _MAGNIFICATION)),
                "numerical_aperture": number_or_text(self._text(row, _NA)),
            }
            for row in range(self.table.rowCount())
        }

    def setValue(self, objectives: Mapping[str, Objective]) -> None:  # noqa: N802 - Qt's naming
        """Show objectives."""
        self.table.blockSignals(True)
        self.table.setRowCount(0)
        for name, lens in objectives.items():
            texts = name, number_text(lens.magnification), number_text(lens.numerical_aperture)
            self._append(texts, lens.model_dump(mode="json"))
        self.table.blockSignals(False)
        self._changed()

    def problems(self) -> dict[Location, str]:
        """Return the errors in the names, which the settings could not hold."""
        problems: dict[Location, str] = {}
        seen: set[str] = set()
        for name in self.names():
            if not name:
                problems[(*PLACE, name)] = "give each objective a name"
            elif name.casefold() in seen:
                problems[(*PLACE, name)] = f"two objectives are called {name}: give them different names"
            seen.add(name.casefold())
        return problems

    def mark(self, errors: dict[Location, str]) -> bool:
        """Mark the cells that have an error, remove those errors, and return whether there were any."""
        mine = {location: errors.pop(location) for location in list(errors) if location[: len(PLACE)] == PLACE}
        self.table.blockSignals(True)
        for row, name in enumerate(self.names()):
            wrong = {_COLUMN_OF.get(str(location[-1]), _NAME) for location in mine if location[2:3] == (name,)}
            for column in range(_PIXEL):
                cell = self.table.item(row, column)
                if cell is not None:
                    cell.setBackground(QBrush(QColor(ERROR_COLOR)) if column in wrong else QBrush())
        self.table.blockSignals(False)
        texts = [f"{location[2]}: {text}" if len(location) > 3 else text for location, text in mine.items()]
        show_mark(self.table, self.error, texts[0] if texts else "")
        return bool(mine)

    def show_pixels(self, camera_pixel_um: Any) -> None:
        """Show the size of a camera pixel in the specimen."""
        self.table.blockSignals(True)
        for row in range(self.table.rowCount()):
            magnification, cell = number_or_text(self._text(row, _MAGNIFICATION)), self.table.item(row, _PIXEL)
            if cell is None:
                continue
            known = isinstance(magnification, float) and magnification > 0 and isinstance(camera_pixel_um, float)
            cell.setText(f"{camera_pixel_um / magnification:.3g}" if known else "")
        self.table.blockSignals(False)

    def add(self) -> None:
        """Add an empty row, and start editing it."""
        self.table.blockSignals(True)
        self._append(("", "", ""), {})
        self.table.blockSignals(False)
        row = self.table.rowCount() - 1
        self.table.setCurrentCell(row, _NAME)
        self._changed()
        self.table.editItem(self.table.item(row, _NAME))

    def remove(self) -> None:
        """Remove the current row, or the last one; one row always remains."""
        row = self.table.currentRow() if self.table.currentRow() >= 0 else self.table.rowCount() - 1
        if self.table.rowCount() > 1:
            self.table.removeRow(row)
            self._changed()

    def _append(self, texts: tuple[str, str, str], rest: dict[str, Any]) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        for column, text in enumerate((*texts, "")):
            cell = Cell(text)
            if column == _PIXEL:
                cell.setFlags(Qt.ItemFlag.ItemIsEnabled)
            elif column == _NAME:
                cell.setData(_REST, rest)
            self.table.setItem(row, column, cell)

    def _on_cell(self, cell: Cell) -> None:
        if cell.column() == _NAME and cell.row() < len(self._names):
            before, now = self._names[cell.row()], cell.text().strip()
            if before and now and before != now and now not in self._names:
                self.renamed.emit(before, now)
        self._changed()

    def _changed(self) -> None:
        self._names = self.names()
        self.remove_button.setEnabled(self.table.rowCount() > 1)
        aberrant = [
            self._text(row, _NAME)
            for row in range(self.table.rowCount())
            if any((self._rest(row).get("aberrations") or {}).values())
        ]
        say(self.note, f"Objectives with aberrations, from the YAML file: {', '.join(aberrant)}." if aberrant else "")
        self._fit()
        self.valueChanged.emit()

    def _fit(self) -> None:
        rows = min(max(self.table.rowCount(), 2), MOST_ROWS_SHOWN)
        self.table.setFixedHeight(rows * self._side.defaultSectionSize() + self._header.sizeHint().height() + 6)

    def _rest(self, row: int) -> dict[str, Any]:
        cell = self.table.item(row, _NAME)
        return dict(cell.data(_REST) or {}) if cell is not None else {}

    def _text(self, row: int, column: int) -> str:
        cell = self.table.item(row, column)
        return cell.text().strip() if cell is not None else ""
