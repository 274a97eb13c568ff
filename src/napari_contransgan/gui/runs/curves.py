"""Curves of the current run and of opened runs, in the same plots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from napari_contransgan.gui.runs.plot import AXIS_COLOUR, COLOURS, DASHES, CurvePlot, Picture, ShownCurve, Style
from napari_contransgan.gui.runs.series import RunSeries

ALL_LOSSES = "all"
ZERO_WIDTH_PX = 1.2

LOSS_HINTS = {
    "supervised": "difference from the true phase, for pairs",
    "generators": "how well generated images pass for real ones",
    "cycle": "difference after translation to the other domain and back",
    "discriminators": "how hard it is to tell generated images from real ones",
    "physics": "difference between the measured image and the image that the microscope would form of the phase",
}


@dataclass(frozen=True)
class ScoreTab:
    """One score: its name in the data, its axis, its explanation, and the score of an empty phase map."""

    name: str
    title: str
    axis: str
    hint: str
    zero: str | float


SCORE_TABS = (
    ScoreTab(
        *("psnr_db", "PSNR", "PSNR (dB)"),
        "Peak signal-to-noise ratio on held-out pairs, in decibels: higher is better.",
        "psnr_zero_db",
    ),
    ScoreTab(
        *("ssim", "SSIM", "SSIM"),
        "Structural similarity to the true phase on held-out pairs: 1 is perfect.",
        "ssim_zero",
    ),
    ScoreTab(
        *("slope", "Slope", "slope"),
        "Slope of the predicted against the true phase: 1 is correct; below 1 the phase is too weak, below 0 inverted.",
        0.0,
    ),
)
EMPTY_MAP = "empty phase map, for comparison"


class RunCurves(QTabWidget):
    """A tab for the losses and one for each score; only the visible tab is drawn, and only if it is stale."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[int, RunSeries] = {}  # by the place, which determines a run's style
        self._stale: set[int] = set()
        self.losses = CurvePlot("loss", logarithmic=True)
        self.scores = {tab.name: CurvePlot(tab.axis) for tab in SCORE_TABS}
        self.which_loss = QComboBox()
        self.which_loss.addItem(ALL_LOSSES)
        self.which_loss.setAccessibleName("Loss")
        self.which_loss.setToolTip("Choose one loss to compare runs: each run then has its own colour")
        self.which_loss.currentTextChanged.connect(lambda _: self._renew())
        self._which = QWidget()
        row = QHBoxLayout(self._which)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Loss shown"))
        row.addWidget(self.which_loss, 1)
        self._which.setVisible(False)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._which)
        layout.addWidget(self.losses, 1)
        self.addTab(page, "Losses")
        self.setTabToolTip(
            0, "The losses that training minimises; they say little about the quality of the predictions"
        )
        for tab in SCORE_TABS:
            self.setTabToolTip(self.addTab(self.scores[tab.name], tab.title), tab.hint)
        self.currentChanged.connect(lambda _: self.redraw())

    def put(self, run: RunSeries, place: int | None = None) -> int:
        """Show a run; its place, by default the first free one from 1 on, determines its style."""
        if place is None:
            place = next(number for number in range(1, len(self._runs) + 2) if number not in self._runs)
        self._runs[place] = run
        self.mark_stale()
        return place

    def remove(self, place: int) -> None:
        """Remove a run, if it is shown."""
        if self._runs.pop(place, None) is not None:
            self._renew()

    def mark_stale(self) -> None:
        """Note that a run has grown, so that `redraw` draws it."""
        self._stale = set(range(self.count()))

    def redraw(self) -> None:
        """Draw the visible tab, if it is stale."""
        seen = self.currentIndex()
        if seen not in self._stale:
            return
        self._stale.discard(seen)
        if seen == 0:
            self._offer_losses()
            self.losses.show_picture(self._loss_picture())
        else:
            tab = SCORE_TABS[seen - 1]
            self.scores[tab.name].show_picture(self._score_picture(tab))

    def style_of(self, place: int) -> Style:
        """Return the style of a run in plots where each run has its own colour."""
        return Style(COLOURS[place % len(COLOURS)])

    def _renew(self) -> None:
        self.mark_stale()
        self.redraw()

    def _places(self) -> list[tuple[int, RunSeries]]:
        return sorted(self._runs.items())

    def _loss_names(self) -> list[str]:
        return list(dict.fromkeys(name for _, run in self._places() for name in run.losses))

    def _offer_losses(self) -> None:
        names = [ALL_LOSSES, *self._loss_names()]
        if names != [self.which_loss.itemText(row) for row in range(self.which_loss.count())]:
            chosen, blocked = self.which_loss.currentText(), self.which_loss.blockSignals(True)
            self.which_loss.clear()
            self.which_loss.addItems(names)
            self.which_loss.setCurrentText(chosen if chosen in names else ALL_LOSSES)
            self.which_loss.blockSignals(blocked)
            self.losses.setToolTip("\n".join(f"{name}: {LOSS_HINTS[name]}" for name in names if name in LOSS_HINTS))
        self._which.setVisible(len(names) > 2)

    def _loss_picture(self) -> Picture:
        chosen = self.which_loss.currentText()
        names = [name for name in self._loss_names() if chosen in {ALL_LOSSES, name}]
        runs = self._places()
        by_run = len(names) == 1 and len(runs) > 1
        curves: dict[str, ShownCurve] = {}
        for order, (place, run) in enumerate(runs):
            for colour, name in zip(_cycled(COLOURS, len(names)), names, strict=True):
                if name in run.losses:
                    style = self.style_of(place) if by_run else Style(colour, DASHES[order % len(DASHES)])
                    curves[f"{place}/{name}"] = ShownCurve(*run.losses[name].curve(), style)
        if by_run:
            return Picture(curves, [(f"{run.name}: {names[0]}", self.style_of(place)) for place, run in runs])
        legend = [(name, Style(colour)) for colour, name in zip(_cycled(COLOURS, len(names)), names, strict=True)]
        if len(runs) > 1:
            legend += [
                (run.name, Style(AXIS_COLOUR, dash))
                for (_, run), dash in zip(runs, _cycled(DASHES, len(runs)), strict=True)
            ]
        return Picture(curves, legend)

    def _score_picture(self, tab: ScoreTab) -> Picture:
        curves: dict[str, ShownCurve] = {}
        legend: list[tuple[str, Style]] = []
        for place, run in self._places():
            if tab.name not in run.scores:
                continue
            style = self.style_of(place)
            steps, values = run.scores[tab.name].curve()
            curves[f"{place}/{tab.name}"] = ShownCurve(steps, values, style, marked=True)
            zero_style = Style(style.colour, "dashed", ZERO_WIDTH_PX)
            if isinstance(tab.zero, str):
                zeros = run.scores[tab.zero].curve() if tab.zero in run.scores else (steps[:0], steps[:0])
            else:
                zeros = steps, np.full(len(steps), tab.zero)
            curves[f"{place}/zero"] = ShownCurve(*zeros, zero_style)
            legend.append((run.name, style))
        if legend:
            legend.append((EMPTY_MAP, Style(AXIS_COLOUR, "dashed")))
        return Picture(curves, legend)


def _cycled(values: Sequence[str], count: int) -> list[str]:
    return [values[index % len(values)] for index in range(count)]
