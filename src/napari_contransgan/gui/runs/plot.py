"""A plot of curves against the training step, with its legend below the plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer

from napari_contransgan.gui.runs.thinning import Curve, thinned_around
from napari_contransgan.gui.shared.rows import WrappedLabel

COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#3f8fd0", "#b0a000", "#999999")
"""Distinguishable for colour-blind people, and visible on a dark and on a light window."""

AXIS_COLOUR = "#909090"
LEAST_HEIGHT_PX = 160

MOST_POINTS = 800
"""About the width of the plot in pixels; more points are averaged."""

MOST_MARKED = 60
"""Curves with no more points than this have a dot at each; a single point would be invisible without."""

LOOK_MS = 150
"""Delay after which a zoomed plot shows its details."""

_SAMPLES = {"solid": "━━", "dashed": "╍╍", "dotted": "┅┅", "dash-dotted": "━╍"}
_PENS = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
    "dash-dotted": Qt.PenStyle.DashDotLine,
}
DASHES = tuple(_PENS)


@dataclass(frozen=True)
class Style:
    """How a curve is drawn; `dash` is one of `DASHES`."""

    colour: str
    dash: str = "solid"
    width_px: float = 2


@dataclass(frozen=True)
class ShownCurve:
    """A curve and how it is drawn."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    style: Style
    marked: bool = False


@dataclass(frozen=True)
class Picture:
    """Content of a plot: curves by name, and the legend."""

    curves: Mapping[str, ShownCurve] = field(default_factory=dict)
    legend: Sequence[tuple[str, Style]] = ()


class CurvePlot(QWidget):
    """A plot of curves.

    Parameters
    ----------
    label : str
        Label of the vertical axis, with its unit.
    logarithmic : bool
        Whether that axis is logarithmic; values of zero and below then leave a gap.
    """

    def __init__(self, label: str, *, logarithmic: bool = False) -> None:
        super().__init__()
        self._logarithmic = logarithmic
        self._items: dict[str, pg.PlotDataItem] = {}
        self._picture = Picture()
        self._look = QSignalDebouncer(parent=self)
        self._look.setTimeout(LOOK_MS)
        self._look.triggered.connect(self._draw)
        self._view = _View(background=None, axisItems={"left": _LogAxis("left")} if logarithmic else None)
        plot = self._view.getPlotItem()
        plot.setLogMode(x=False, y=logarithmic)
        plot.setLabel("bottom", "step")
        plot.setLabel("left", label)
        plot.showGrid(x=True, y=True, alpha=0.2)
        plot.setContentsMargins(0, 0, 0, 6)  # otherwise the label of the axis is cut off
        for side in ("bottom", "left"):
            plot.getAxis(side).setPen(AXIS_COLOUR)
            plot.getAxis(side).setTextPen(AXIS_COLOUR)
            plot.getAxis(side).enableAutoSIPrefix(False)  # the form shows 1000 steps, not 1 k
        plot.getViewBox().sigXRangeChanged.connect(lambda *_: self._look_closer())
        self._view.setMinimumHeight(LEAST_HEIGHT_PX)
        self._view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.legend = WrappedLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._view, 1)
        layout.addWidget(self.legend)

    def show_picture(self, picture: Picture) -> None:
        """Draw these curves, and remove all others."""
        for gone in self._items.keys() - picture.curves.keys():
            self._view.removeItem(self._items.pop(gone))
        if picture.legend != self._picture.legend:
            self.legend.setText(" &nbsp; ".join(_legend_entry(name, style) for name, style in picture.legend))
        self._picture = picture
        self._draw()

    def drawn(self, name: str) -> Curve:
        """Return the points of a curve as drawn, before any logarithm; empty for an unknown name."""
        item = self._items.get(name)
        steps, values = (None, None) if item is None else item.getOriginalDataset()
        return (np.empty(0), np.empty(0)) if steps is None or values is None else (steps, values)

    def names(self) -> tuple[str, ...]:
        """Return the names of the curves that are drawn."""
        return tuple(self._items)

    def _draw(self) -> None:
        seen = self._seen()
        for name, curve in self._picture.curves.items():
            steps, values = thinned_around((curve.steps, curve.values), seen, MOST_POINTS)
            if self._logarithmic:
                values = np.where(values > 0, values, np.nan)  # the rest has no logarithm
            if name not in self._items:
                self._items[name] = self._view.plot()
            colour = pg.mkColor(curve.style.colour)
            self._items[name].setData(
                steps,
                values,
                connect="finite",
                pen=pg.mkPen(colour, width=curve.style.width_px, style=_PENS[curve.style.dash]),
                symbol="o" if curve.marked and len(steps) <= MOST_MARKED else None,
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )

    def _seen(self) -> tuple[float, float] | None:
        """Return the range of steps on display; None if everything is shown."""
        box = self._view.getPlotItem().getViewBox()
        if box.autoRangeEnabled()[0]:
            return None
        low, high = box.viewRange()[0]
        return float(low), float(high)

    def _look_closer(self) -> None:
        if self._seen() is not None:
            self._look.throttle()


class _View(pg.PlotWidget):  # type: ignore[misc]
    """A plot with a small size hint; pyqtgraph asks for 640 x 480 px, at the expense of the image and the form."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        return QSize(LEAST_HEIGHT_PX, LEAST_HEIGHT_PX)


class _LogAxis(pg.AxisItem):  # type: ignore[misc]
    """A logarithmic axis that labels 1, 2 and 5 of each decade where nine labels would overlap."""

    def logTickStrings(  # noqa: N802 - pyqtgraph's name
        self, values: Sequence[float], scale: float, spacing: float
    ) -> list[str]:
        del scale, spacing
        span = self.range[1] - self.range[0]
        labelled = "1" if span > 2.5 else "125" if span > 0.7 else "123456789"
        numbers = [10.0**value for value in values]
        return [f"{number:.3g}" if f"{number:.0e}"[0] in labelled else "" for number in numbers]


def _legend_entry(name: str, style: Style) -> str:
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(" ", "&nbsp;")
    return f'<span style="color:{style.colour}">{_SAMPLES[style.dash]}</span>&nbsp;{escaped}'
