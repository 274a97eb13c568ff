"""How long the window stalls while it opens widgets and computes, next to what napari itself needs for a layer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.window.pulse import Pulse, wait
from napari import Viewer
from qtpy.QtWidgets import QApplication

from napari_contransgan.gui.shared.napari_versions import show_colour_bar
from napari_contransgan.gui.shared.open import open_widget

SAMPLE = "napari-contransgan", "through_focus_stack"
AFTERWARDS_S = 1.0
LONGEST_S = 900
DRAWN_BEATS = 3
"""Beats after a layer was added that count as drawing it."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    what : str
        What was done.
    answer_ms : float
        How long the call took that a click makes.
    computing_ms : float
        The longest stall in which no layer was added.
    adding_ms : float
        The longest stall in which layers were added, or drawn for the first time.
    """

    what: str
    answer_ms: float
    computing_ms: float
    adding_ms: float


class Watch:
    """Measures what is done in one viewer.

    Parameters
    ----------
    viewer : Viewer
        The viewer, whose layers are followed.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.rows: list[Row] = []
        self._pulse: Pulse | None = None
        self._added: list[int] = []
        viewer.layers.events.inserting.connect(self._note)
        viewer.layers.events.removing.connect(self._note)

    def do(self, what: str, act: Callable[[], object], until: Callable[[], bool] = lambda: True) -> None:
        """Do something, wait until it is complete and drawn, and add a row."""
        self._pulse, self._added = Pulse(), []
        wait(0.1)
        began = time.perf_counter()
        act()
        answer_ms = 1e3 * (time.perf_counter() - began)
        while not until() and time.perf_counter() - began < LONGEST_S:
            wait(0.01)
        wait(AFTERWARDS_S)
        self._pulse.stop()
        adding = {beat + more for beat in self._added for more in range(DRAWN_BEATS)}
        stalls_ms = self._pulse.stalls_ms
        computing = [ms for beat, ms in enumerate(stalls_ms) if beat not in adding]
        drawing = [ms for beat, ms in enumerate(stalls_ms) if beat in adding]
        self.rows.append(Row(what, answer_ms, max(computing, default=0.0), max(drawing, default=0.0)))
        print(self.rows[-1], flush=True)

    def run(self, what: str, widget: Any) -> None:
        """Press Run and wait for the end."""
        self.do(what, partial(widget.panel.run_button.changed.emit, True), lambda: widget.panel.task is None)

    def open(self, name: Any) -> Any:
        """Open a widget."""
        self.do(f"open the widget '{name}'", partial(open_widget, self.viewer, name))
        return open_widget(self.viewer, name)

    def _note(self, _: object) -> None:
        if self._pulse is not None:
            self._added.append(len(self._pulse.stalls_ms))


def measure_work(folder: Path) -> list[Row]:
    """Do one thing after the other in a window, and return a row for each.

    Parameters
    ----------
    folder : Path
        Folder for an adapted network.
    """
    viewer = Viewer()
    viewer.window.resize(1280, 800)
    wait(1)
    watch = Watch(viewer)
    yx, zyx = np.zeros((512, 512), np.float32), np.zeros((3, 512, 512), np.float32)
    for number in ("first", "second"):
        watch.do(f"napari alone: add the {number} image", partial(viewer.add_image, yx, contrast_limits=(0, 1)))
    watch.do("napari alone: show a colour bar", lambda: show_colour_bar(viewer.layers[-1]))
    watch.do("napari alone: add a stack", partial(viewer.add_image, zyx, contrast_limits=(0, 1)))
    watch.do("napari alone: remove all layers", viewer.layers.clear)
    watch.do("open the sample stack", partial(viewer.open_sample, *SAMPLE))
    stack = viewer.layers[0]
    tie = watch.open("tie")
    watch.run("TIE", tie)
    phase = viewer.layers.selection.active
    watch.do("3D", lambda: _show_in_3d(watch.viewer, phase))
    viewer.dims.ndisplay = 2
    predict = watch.open("predict")
    watch.do("list the networks", lambda: None, lambda: bool(predict.card.value))
    predict.use(stack)
    for number in ("first", "second"):
        watch.run(f"predict, {number} time", predict)
    measure = watch.open("measure")
    measure.use(phase)
    watch.run("measure objects", measure)
    adapt = watch.open("adapt")
    adapt.use(stack)
    adapt.folder.setValue([folder / "adapted"])
    adapt.fields["minutes"].setValue(0.1)
    watch.run("adapt", adapt)
    viewer.close()
    QApplication.processEvents()
    return watch.rows


def _show_in_3d(viewer: Viewer, phase: Any) -> None:
    surface: Any = open_widget(viewer, "surface")
    surface.use(phase)
    surface.show_surface()
