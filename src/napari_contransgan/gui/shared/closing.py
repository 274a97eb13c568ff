"""What ends with a widget's dock."""

from qtpy.QtCore import QEvent
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """A dock widget whose work ends when its window closes, or when napari takes it out of its dock."""

    def end_work(self) -> None:
        """Stop what runs; each widget says how."""
        raise NotImplementedError

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 - Qt's naming
        """End the work when the window is closed."""
        self.end_work()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """End the work when napari takes the widget out of its dock, which closes nothing in Qt's sense."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.end_work()
        return super().event(event)
