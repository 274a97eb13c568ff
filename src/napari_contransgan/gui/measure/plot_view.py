"""A plot as a picture in the form, and a button that saves it as PNG, SVG or TIFF."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QFileDialog, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_contransgan.gui.shared.pacing import soon
from napari_contransgan.gui.shared.preferences import in_folder_for_results
from napari_contransgan.gui.shared.tasks import run_task
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 160


@dataclass(frozen=True)
class Plot:
    """A figure, and the picture of it that the window shows."""

    figure: "Figure"
    png: bytes


def plot_of(figure: "Figure") -> Plot:
    """Draw a figure; to be called in a worker thread, since it takes a few tenths of a second."""
    from napari_contransgan.drawing import png_of

    return Plot(figure, png_of(figure, _DPI))


class PlotView(QWidget):
    """Shows one plot as wide as the form; hidden until there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.plot: Plot | None = None
        self._name = "plot"
        self.picture = _Picture()
        self.save_button = QPushButton("Save plot …")
        self.save_button.setToolTip("Saves the plot as PNG, SVG or TIFF.")
        self.save_button.clicked.connect(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.picture)
        layout.addWidget(self.save_button)
        self.setVisible(False)

    def show_plot(self, plot: Plot | None, name: str) -> None:
        """Show a plot, or nothing; the name is proposed for its file."""
        self.plot, self._name = plot, name
        self.setVisible(plot is not None)
        if plot is not None:
            self.picture.show_png(plot.png)
            soon(self, self.picture.updateGeometry)  # its height follows from the width that it is given

    def save(self) -> None:
        """Let the user choose a file, and save the plot."""
        if self.plot is None:
            return
        start = in_folder_for_results(f"{self._name}.png")
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the plot", start, "Plots (*.png *.svg *.tif *.tiff)")
        if not chosen:
            return
        path, figure = Path(chosen), self.plot.figure
        path = path if path.suffix else path.with_suffix(".png")
        self.save_button.setEnabled(False)
        run_task(
            lambda: _saving(path, figure),
            title="Save the plot",
            on_finished=lambda: self.save_button.setEnabled(True),
            owner=self,
        )


def _saving(path: Path, figure: "Figure") -> Generator[Progress, None, None]:
    from napari_contransgan.drawing import save_figure

    yield Progress(0, 1, f"Saving {path.name}")
    save_figure(path, figure)


class _Picture(QWidget):
    """A picture scaled to the width of the widget."""

    def __init__(self) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_png(self, png: bytes) -> None:
        """Show a picture."""
        self._pixmap.loadFromData(png)
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Take the height that the width needs."""
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Draw the picture."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        fitted = self._pixmap.scaled(
            width, height, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        painter.drawPixmap(QRectF(0, 0, self.width(), self.height()), fitted, QRectF(fitted.rect()))

    def _fit(self) -> None:
        if not self._pixmap.isNull():
            height = round(self.width() * self._pixmap.height() / self._pixmap.width())
            if height != self.height():
                self.setFixedHeight(max(height, 1))
