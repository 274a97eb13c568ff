"""Work of every kind that the window does in the background: begun as a user begins it, and held until let go."""

import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QFileDialog
from tests.gui.train.run_in_hand import RunInHand
from tests.measuring.scenes import dome, phase_map

from napari_contransgan.adapting.events import AdaptResult, PartScores
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.shared.tasks import Task
from napari_contransgan.io import Image, write_image
from napari_contransgan.progress import Progress

SHAPE = (96, 96)
CELL = dome(SHAPE, (20.0, 20.0), (8.0, 8.0), 1.5)


class Held:
    """Holds every task that computes, before its first step, until it is let go."""

    def __init__(self, monkeypatch: Any) -> None:
        self.reached, self._gate = threading.Event(), threading.Event()
        events = Task.events

        def held(task: Any) -> Generator[Any, Any, Any]:
            if str(task) != "List the networks":
                self.reached.set()
                assert self._gate.wait(60)
            return (yield from events(task))

        monkeypatch.setattr(Task, "events", held)

    def let_go(self) -> None:
        self._gate.set()


class Bench:
    """A window with the layers and the folder that work needs.

    Parameters
    ----------
    viewer : Viewer
        The window.
    folder : Path
        A folder of its own.
    stack : Image
        A focus stack.
    monkeypatch : MonkeyPatch
        Answers dialogs.
    """

    def __init__(self, viewer: Any, folder: Path, stack: Image, monkeypatch: Any) -> None:
        self.viewer, self.folder, self.monkeypatch = viewer, folder, monkeypatch
        self.stack = add_image(viewer, stack)
        self.frame = add_image(viewer, replace(stack, data=stack.data[1], axes="YX", z_step_um=None, name="frame"))
        self.phase = add_image(viewer, phase_map(CELL))
        self.other = add_image(viewer, replace(phase_map(0.8 * CELL), name="other"))
        write_image(folder / "in" / "a.ome.tif", stack)

    def widget(self, name: str, layer: Any) -> Any:
        """Open a widget on a layer."""
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-contransgan", name)
        widget.use(layer)
        return widget

    def answer(self, folder: Path) -> None:
        """Choose a folder in every dialog."""
        self.monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))


def tie(bench: Bench) -> Callable[[], bool]:
    return _run(bench.widget("Phase from focus stack (TIE)", bench.stack))


def tie_folder(bench: Bench) -> Callable[[], bool]:
    widget = bench.widget("Phase from focus stack (TIE)", bench.stack)
    bench.answer(bench.folder / "in")
    return _pressed(widget.folder_button, widget)


def predict(bench: Bench) -> Callable[[], bool]:
    return _run(bench.widget("Predict phase", bench.frame))


def predict_folder(bench: Bench) -> Callable[[], bool]:
    widget = bench.widget("Predict phase", bench.frame)
    bench.answer(bench.folder / "in")
    return _pressed(widget.folder_button, widget)


def adapt(bench: Bench) -> Callable[[], bool]:
    widget = bench.widget("Adapt to my microscope", bench.stack)
    widget.folder.setValue([bench.folder / "network"])
    bench.monkeypatch.setattr("napari_contransgan.adapting.adapt.adapt", _adapted)
    return _run(widget)


def train(bench: Bench) -> Callable[[], bool]:
    bench.monkeypatch.setattr("napari_contransgan.gui.train.widget.training_events", _trained)
    _, widget = bench.viewer.window.add_plugin_dock_widget("napari-contransgan", "Train a network")
    widget.form.pairs.setValue([bench.folder])
    widget.form.steps.setValue(3)
    widget.run_folder.setValue([bench.folder / "run"])
    widget.buttons.start.click()
    return lambda: bool(widget.running)


def crop(bench: Bench) -> Callable[[], bool]:
    widget = bench.widget("Crop into tiles", bench.frame)
    widget.folder.value = bench.folder / "tiles"
    return _run(widget)


def objects(bench: Bench) -> Callable[[], bool]:
    return _run(_measure(bench, "objects"))


def profile(bench: Bench) -> Callable[[], bool]:
    widget = _measure(bench, "profile")
    widget.profile.draw_line()
    widget.profile.line.value.add_lines([[[20.0, 5.0], [20.0, 35.0]]])
    return _run(widget)


def comparison(bench: Bench) -> Callable[[], bool]:
    widget = _measure(bench, "compare")
    widget.compare.reference.value = bench.other
    return _run(widget)


def beads(bench: Bench) -> Callable[[], bool]:
    widget = _measure(bench, "beads")
    widget.beads.index_contrast.setValue(0.03)
    return _run(widget)


JOBS = {job.__name__: job for job in (tie, tie_folder, predict, predict_folder, adapt, train, crop)} | {
    job.__name__: job for job in (objects, profile, comparison, beads)
}


def _measure(bench: Bench, part: str) -> Any:
    widget = bench.widget("Measure objects", bench.phase)
    widget.tabs.setCurrentWidget(getattr(widget, part))
    return widget


def _run(widget: Any) -> Callable[[], bool]:
    return _pressed(widget.panel.run_button, widget)


def _pressed(button: Any, widget: Any) -> Callable[[], bool]:
    """Press a button; return whether its work still runs."""
    panel = widget.panel
    button.native.click()
    assert panel.task is not None
    return lambda: panel.task is not None


def _trained(*arguments: Any) -> Any:
    """Stand in for a training run, which needs a data set."""
    run = RunInHand()
    run.step_allowed.release(10_000)
    return run(*arguments)


def _adapted(images: Any, settings: Any, folder: Path) -> Generator[Any, None, AdaptResult]:
    """Stand in for an adaptation, which would take a minute; it reads its stack."""
    assert np.isfinite(images[0].data).all()
    yield Progress(1, 1, "Adapting")
    scores = PartScores(1.0, 1.0, 0.1)
    checkpoint = folder / "best.safetensors"
    return AdaptResult(checkpoint, "my 20x", "paired", "adapted", scores, scores, "all", 1, 0.1, {}, ())
