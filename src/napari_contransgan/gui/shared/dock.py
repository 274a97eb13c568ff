"""A dock widget of the plugin: it scrolls as a whole, is a tab among the others, and ends its work when closed."""

from collections.abc import Mapping
from pathlib import Path

from napari.layers import Layer
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QScrollArea, QScrollBar, QSizePolicy, QVBoxLayout, QWidget

from napari_contransgan.gui.shared.form_memory import FormMemory
from napari_contransgan.gui.shared.pacing import soon
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.tab_order import order_tabs

PLUGIN = "ContransGAN"
LEAST_LINES = 8
NARROWEST_PX, WIDEST_LINES, PART_OF_WINDOW = 240, 30, 0.39
"""Limits of the width that a form asks for, the second one in heights of a line, so that it follows the font. If the
form needs more, it gets a horizontal scroll bar."""

WIDEN_AFTER_MS = 50
"""Time after which a new form has its fonts, and knows its width."""

BAR_MARGIN_PX = 4
"""Room that napari's style adds around a scroll bar, which the bar's own hint leaves out."""


class DockedWidget(QWidget):
    """A dock widget whose work ends when its window closes, or when napari removes it from its dock.

    Parameters
    ----------
    tab : str
        Short title, for the tab of a dock that shares its place with others; by default napari's title of the dock
        without the name of the plugin.
    """

    def __init__(self, tab: str = "") -> None:
        super().__init__()
        self._tab = tab
        self.finished = False
        self.is_closed = False
        self._memory: FormMemory | None = None
        self._joined = False
        self._widen_soon = QTimer(self)
        self._widen_soon.setSingleShot(True)
        self._widen_soon.timeout.connect(self._widen)
        body = QWidget()
        self.scroll_area = _DockScroll(body)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(self.scroll_area)
        self.content = QVBoxLayout()
        self.content.setContentsMargins(0, 0, 0, 0)
        self.content.setSpacing(4)
        inside = QVBoxLayout(body)
        inside.setContentsMargins(6, 4, 6, 4)
        inside.addLayout(self.content)

    @property
    def native(self) -> QWidget:
        """The Qt widget, by the name that widgets of magicgui have for it."""
        return self

    def end_work(self) -> None:
        """Stop running tasks; each widget with work of its own implements this."""

    def forms(self) -> Mapping[str, Rows]:
        """Return the forms whose values are kept, by name."""
        return {}

    def use(self, layer: Layer) -> None:
        """Choose a layer to work on; each widget that works on one implements this."""

    def use_path(self, path: Path, *, is_phase: bool = False) -> None:
        """Work with a folder of images or a network that another widget wrote; those that can, implement this."""

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 - Qt's naming
        """End the work when the window is closed."""
        self.is_closed = True
        self._close_down()
        super().closeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """End the work when napari removes the widget from its dock, which is not a close event in Qt."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            self.is_closed = self.parent() is None
            if self.is_closed:
                self._close_down()
            elif not self._joined:
                soon(self, self.join_others)
        return super().event(event)

    def _close_down(self) -> None:
        self.end_work()
        if self._memory is not None:
            self._memory.store()

    def join_others(self) -> None:
        """Put the dock behind the tabs of the plugin's other docks on this side; once, since the user may move it."""
        dock = self.parent()
        if self._joined or not isinstance(dock, QDockWidget):
            return
        self._joined = True
        order_tabs(self)
        window = dock.parent()
        if isinstance(window, QMainWindow):
            self._memory = FormMemory(self, window, type(self).__name__, self.forms())
        dock.setWindowTitle(self._tab or dock.windowTitle().removesuffix(f" ({PLUGIN})"))
        if dock.isFloating() or not isinstance(window, QMainWindow):
            return
        side = window.dockWidgetArea(dock)
        others = [
            other
            for other in window.findChildren(QDockWidget)
            if other is not dock
            and isinstance(other.widget(), DockedWidget)
            and window.dockWidgetArea(other) == side
            and not other.isFloating()
        ]
        if others:
            window.tabifyDockWidget(others[-1], dock)
            dock.show()
            dock.raise_()
            self._widen_soon.start(WIDEN_AFTER_MS)

    def _widen(self) -> None:
        """Give the dock the width that its form asks for, if the docks that it joined had less."""
        dock = self.parent()
        window = dock.parent() if isinstance(dock, QDockWidget) and not dock.isFloating() else None
        if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget) and self.width() < self.sizeHint().width():
            window.resizeDocks([dock], [self.sizeHint().width()], Qt.Orientation.Horizontal)


class _DockScroll(QScrollArea):
    """Scrolls a form that is taller than its dock."""

    def __init__(self, body: QWidget) -> None:
        super().__init__()
        self._body = body
        self._bar = QScrollBar()
        self._letters = QLabel(self)  # napari gives labels its font, and not this
        self._letters.hide()
        self.setVerticalScrollBar(self._bar)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(body)
        body.installEventFilter(self)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """Return the size of the whole form; Qt's own hint stops at 24 lines."""
        hint = self._body.sizeHint()
        width = max(hint.width(), self._body.minimumSizeHint().width())
        return QSize(min(width, self._widest_px()) + self._room(), hint.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """Return a size that a small window has room for; a form that needs more scrolls."""
        least = self._body.minimumSizeHint()
        width = min(least.width(), self._widest_px())
        return QSize(width + self._room(), LEAST_LINES * self.fontMetrics().lineSpacing())

    def eventFilter(self, watched: object, event: QEvent | None) -> bool:  # noqa: N802 - Qt's naming
        """Request another size when a part of the form opens or closes."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)  # type: ignore[arg-type]

    def _widest_px(self) -> int:
        window = self.window() or self
        part_px = max(round(PART_OF_WINDOW * window.width()), NARROWEST_PX)
        self._letters.ensurePolished()
        return min(part_px, WIDEST_LINES * self._letters.fontMetrics().lineSpacing())

    def _room(self) -> int:
        return self._bar.sizeHint().width() + BAR_MARGIN_PX
