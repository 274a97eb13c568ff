"""A form field for folders, with a button to choose one."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget

from napari_contransgan.gui.shared.preferences import folder_for_results

SEPARATOR = ";"


class FoldersEdit(QWidget):
    """A line for one or several folders, and a button to choose one.

    Parameters
    ----------
    several : bool
        Whether the line may hold several folders, separated by ``;``; the button then appends one.
    placeholder : str
        Text of the empty line.
    for_results : bool
        Whether the dialog of an empty line begins in the folder for results that the preferences name.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, *, several: bool = False, placeholder: str = "", for_results: bool = False) -> None:
        super().__init__()
        self._for_results = for_results
        self._several = several
        self._line = QLineEdit()
        self._line.setPlaceholderText(placeholder)
        self._line.textChanged.connect(lambda _text: self.valueChanged.emit())
        button = QToolButton()
        button.setText("…")
        button.setToolTip("Choose a folder")
        button.clicked.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        layout.addWidget(button)

    def value(self) -> tuple[Path, ...]:
        """Return the folders; none for an empty line."""
        parts = self._line.text().split(SEPARATOR) if self._several else [self._line.text()]
        return tuple(Path(part.strip()).expanduser() for part in parts if part.strip())

    def setValue(self, folders: Sequence[Path]) -> None:  # noqa: N802 - Qt's naming
        """Show folders."""
        self._line.setText(f"{SEPARATOR} ".join(str(folder) for folder in folders))

    def set_placeholder(self, text: str) -> None:
        """Change the text of the empty line."""
        self._line.setPlaceholderText(text)

    def _ask(self) -> None:
        folders = self.value()
        usual = folder_for_results(None) if self._for_results else None
        start = str(folders[-1]) if folders else str(usual or "")
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", start)
        if chosen:
            self.setValue((*folders, Path(chosen)) if self._several else (Path(chosen),))
