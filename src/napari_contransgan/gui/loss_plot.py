"""A live plot of training losses against the step."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

LINE_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#b0a000", "#999999")
"""Told apart by colour-blind people too, and seen on a dark and on a light window."""

AXIS_COLOUR = "#909090"


class _LogAxis(pg.AxisItem):  # type: ignore[misc]
    """A logarithmic axis that labels 1, 2 and 5 of each decade where all nine would write over each other."""

    def logTickStrings(  # noqa: N802 - pyqtgraph's name
        self, values: Sequence[float], scale: float, spacing: float
    ) -> list[str]:
        del scale, spacing
        labelled = "125" if self.range[1] - self.range[0] > 1 else "123456789"
        numbers = [10.0**value for value in values]
        return [f"{number:.3g}" if f"{number:.0e}"[0] in labelled else "" for number in numbers]


class LossPlot(QWidget):
    """Curves of several losses on a logarithmic axis.

    Values are cheap to add; they are drawn by `redraw`, which the owner calls as often as the eye needs it.

    Parameters
    ----------
    parent : QWidget, optional
        The Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: dict[str, array[float]] = {}
        self._values: dict[str, array[float]] = {}
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._stale: dict[str, None] = {}

        self._view = pg.PlotWidget(background=None, axisItems={"left": _LogAxis("left")})
        plot = self._view.getPlotItem()
        plot.setLogMode(x=False, y=True)
        plot.setLabel("bottom", "step")
        plot.setLabel("left", "loss")
        plot.showGrid(x=True, y=True, alpha=0.2)
        plot.setClipToView(True)
        plot.setDownsampling(auto=True, mode="mean")
        plot.setContentsMargins(0, 0, 0, 6)  # else the axis' name is cut off
        for side in ("bottom", "left"):
            plot.getAxis(side).setPen(AXIS_COLOUR)
            plot.getAxis(side).setTextPen(AXIS_COLOUR)
        self._legend = plot.addLegend(offset=(-8, 8), labelTextColor=AXIS_COLOUR)
        self._view.setMinimumHeight(160)
        # pyqtgraph asks for 640 px, which would take half of a window away from the image.
        self._view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        """Append one value to each named curve, without drawing."""
        for name, value in losses.items():
            self._steps.setdefault(name, array("d")).append(step)
            self._values.setdefault(name, array("d")).append(value)
            self._stale[name] = None

    def redraw(self) -> None:
        """Draw the curves that have grown since the last call."""
        for name in self._stale:
            steps, values = self.curve(name)
            # A logarithm has no place for zero and below; a gap is honest.
            self._line(name).setData(steps, np.where(values > 0, values, np.nan), connect="finite")
        self._stale.clear()

    def curve(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the steps and the values of one curve, both of shape (n,); empty for an unknown name."""
        empty: array[float] = array("d")
        return np.array(self._steps.get(name, empty)), np.array(self._values.get(name, empty))

    def names(self) -> tuple[str, ...]:
        """Give the names of the curves, in the order in which they came."""
        return tuple(self._values)

    def clear(self) -> None:
        """Forget all curves."""
        for line in self._lines.values():
            self._view.removeItem(line)
        for kept in (self._steps, self._values, self._lines, self._stale):
            kept.clear()

    def _line(self, name: str) -> pg.PlotDataItem:
        if name not in self._lines:
            colour = LINE_COLOURS[len(self._lines) % len(LINE_COLOURS)]
            self._lines[name] = self._view.plot(name=name, pen=pg.mkPen(colour, width=2))
        return self._lines[name]
