"""How long the window stalls while a network trains in it, and how soon Stop takes effect."""

import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.training.data import make_pairs
from benchmarks.window.pulse import Pulse, wait
from napari import Viewer
from qtpy.QtWidgets import QApplication

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.train.widget import TrainWidget

LONG_MS = 50
SHOWN = 8


def train(seconds: float, shot: Path | None) -> None:
    """Train the compact Contrans in a real window and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = make_pairs(Path(folder) / "pairs")
        settings = TrainSettings(
            pairs=(pairs,),
            lr=pairs / "lr",
            phase=pairs / "phase",
            recipe="paper",
            steps=100_000,
            batch_size=1,
            crop_px=128,
            validate_every=20,
            save_every=10,
            threads=1,
        )
        viewer = Viewer()
        widget = TrainWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Train")
        viewer.window.resize(1280, 800)
        widget.form.setValue(settings)
        widget.run_folder.setValue([Path(folder) / "run"])
        measure(widget, seconds, shot, viewer)
        viewer.close()


def measure(widget: TrainWidget, seconds: float, shot: Path | None, viewer: Viewer) -> None:
    """Print the stalls in the first `seconds` after Start, and the time that Stop takes."""
    wait(1)
    starting = Pulse()
    began = time.perf_counter()
    widget.start()
    QApplication.processEvents()
    answer_s = time.perf_counter() - began
    while not widget.display.step:
        wait(0.01)
    starting.stop()
    pulse = Pulse()
    wait(seconds)
    pulse.stop()
    stalls_ms = np.array(pulse.stalls_ms)
    if shot is not None:
        viewer.screenshot(str(shot), canvas_only=False)
    step, began = widget.display.step, time.perf_counter()
    widget.stop()
    while widget.running:
        wait(0.01)
    took_s, more = time.perf_counter() - began, widget.display.step - step
    print(f"{widget.display.step} steps in {seconds:g} s\n")
    print("| measurement | value |\n| --- | --- |")
    print(f"| Start answers after, ms | {1e3 * answer_s:.0f} |")
    print(f"| longest stall between Start and the first step, ms | {max(starting.stalls_ms):.0f} |")
    print(f"| longest stall while training, ms | {stalls_ms.max():.0f} |")
    for share in (99.9, 99):
        print(f"| {share} % of all waits are shorter than, ms | {np.percentile(stalls_ms, share):.0f} |")
    longest = [(when_s, ms) for when_s, ms in zip(pulse.times_s, stalls_ms, strict=False) if ms > LONG_MS]
    told = ", ".join(f"{ms:.0f} at {when_s:.1f} s" for when_s, ms in sorted(longest, key=lambda one: -one[1])[:SHOWN])
    print(f"| stalls over {LONG_MS} ms, and the longest of them | {len(longest)}: {told} |")
    print(f"| Stop: further steps taken, seconds until saved and ended | {more}, {took_s:.1f} |")
