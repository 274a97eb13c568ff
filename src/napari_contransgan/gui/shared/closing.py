"""End a widget's work together with its dock."""

from qtpy.QtCore import QEvent
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """A dock widget whose work ends when its window closes, or when napari removes it from its dock."""

    def end_work(self) -> None:
        """Stop running tasks; each widget implements this."""
        raise NotImplementedError

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 - Qt's naming
        """End the work when the window is closed."""
        self.end_work()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """End the work when napari removes the widget from its dock, which is not a close event in Qt."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.end_work()
        return super().event(event)
