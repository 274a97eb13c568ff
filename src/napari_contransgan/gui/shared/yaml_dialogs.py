"""File dialogs for YAML files."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

_FILTER = "YAML (*.yaml *.yml)"


def ask_for_yaml(parent: QWidget, what: str) -> Path | None:
    """Let the user choose a file to read; return None if the dialog is cancelled."""
    chosen, _ = QFileDialog.getOpenFileName(parent, f"Load: {what}", "", _FILTER)
    return Path(chosen) if chosen else None


def ask_where_to_save(parent: QWidget, what: str, name: str) -> Path | None:
    """Let the user choose a file to write; return None if the dialog is cancelled."""
    chosen, _ = QFileDialog.getSaveFileName(parent, f"Save: {what}", name, _FILTER)
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix else path.with_suffix(".yaml")
