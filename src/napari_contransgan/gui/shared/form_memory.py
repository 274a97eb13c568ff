"""Keep what was typed into the forms of a widget: until the window is closed, and the rest for the next start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QMainWindow

from napari_contransgan.gui.shared.fields import Choice, NumberLine
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.shared.remembered import recall_form, remember_form
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.plain_files import json_value

PAUSE_MS = 500
OF_ONE_RUN = ("focus_index", "flip_z", "name", "folder", "run_folder", "resume", "lr", "phase", "pairs", "pairs_phase")
"""Fields that belong to one image or one run; they are kept only until the window is closed."""

_of_windows: WeakKeyDictionary[QMainWindow, dict[str, dict[str, Any]]] = WeakKeyDictionary()


class FormMemory:
    """Fills the forms of a widget with what they held last, and stores what changes.

    Numbers of an image, such as its pixel size, are not among it: they come from the image, or from
    `napari_contransgan.gui.shared.optics_fields`.

    Parameters
    ----------
    owner : QObject
        The widget, with which it ends.
    window : QMainWindow
        Its window.
    name : str
        Name of the widget.
    forms : mapping of Rows
        Its forms by name.
    """

    def __init__(self, owner: QObject, window: QMainWindow, name: str, forms: Mapping[str, Rows]) -> None:
        self._window = ref(window)  # which owns the widget, and with it this
        self._name = name
        self._forms = forms
        self._first = self._values()
        self._soon = QTimer(owner)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PAUSE_MS)
        self._soon.timeout.connect(self.store)
        self._fill(recall_form(name) | _of_windows.get(window, {}).get(name, {}))
        for rows in forms.values():
            rows.valueChanged.connect(self._soon.start)

    def store(self) -> None:
        """Store the values now."""
        self._soon.stop()
        values, window = self._values(), self._window()
        changed = {name: value for name, value in values.items() if value != self._first.get(name)}
        if window is not None:
            _of_windows.setdefault(window, {})[self._name] = values
        lasting = {name: value for name, value in changed.items() if name.split(".")[-1] not in OF_ONE_RUN}
        if lasting != recall_form(self._name):
            remember_form(self._name, lasting)

    def _values(self) -> dict[str, Any]:
        return {
            f"{form}.{name}": json_value(field.value())
            for form, rows in self._forms.items()
            for name, field in rows.by_name().items()
            if not (isinstance(field, NumberLine) and field.shows_origin)
        }

    def _fill(self, values: Mapping[str, Any]) -> None:
        for form, rows in self._forms.items():
            for name, field in rows.by_name().items():
                key = f"{form}.{name}"
                if key in values and values[key] != json_value(field.value()) and _fits(field, values[key]):
                    field.setValue(
                        [Path(one) for one in values[key]] if isinstance(field, FoldersEdit) else values[key]
                    )


def _fits(field: Any, value: Any) -> bool:
    """Whether a stored value can be shown; the choices of a newer version may be others."""
    if isinstance(field, Choice):
        return field.findData(value) >= 0
    if isinstance(field, NumberLine):
        return value is None or isinstance(value, int | float)
    return type(value) is type(json_value(field.value()))
