"""Operate every widget in a real viewer, and save a picture of each.

Usage: python tools/screenshots.py docs/images [--only NAME ...]

Needs a display of at least 1280 x 800, such as the one of ``make screenshots``.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from napari._app_model import get_app_model
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QListWidget, QWidget
from superqt.utils import WorkerBase

from napari_contransgan.config import SimulationSettings, TieSettings, TrainSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.io import read_image
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import sample_frame, sample_stack, write_dataset
from napari_contransgan.tie import retrieve_phase

PLUGIN = "napari-contransgan"
SIZE = (1280, 800)
WIDGETS = {
    "start": "Start here",
    "tie": "Phase from focus stack (TIE)",
    "crop": "Crop into tiles",
    "predict": "Predict phase",
    "surface": "3D phase surface",
    "measure": "Measure objects",
    "adapt": "Adapt to my microscope",
    "train": "Train a network",
    "microscope": "Digital microscope",
}
PICTURES = (*WIDGETS, "preferences")


def main() -> None:
    """Take the requested pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the PNG files")
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES), metavar="NAME")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        take(arguments.only, out)


def take(names: list[str], out: Path) -> None:
    """Take pictures, with the current folder for the files that the widgets write."""
    drive: dict[str, Callable[[napari.Viewer, Any], QWidget | None]] = {
        "start": drive_start,
        "tie": drive_tie,
        "crop": drive_crop,
        "predict": drive_predict,
        "surface": drive_surface,
        "measure": drive_measure,
        "adapt": drive_adapt,
        "train": drive_train,
        "microscope": drive_microscope,
        "preferences": drive_preferences,
    }
    for name in names:
        viewer = napari.Viewer(show=True, show_welcome_screen=False)
        viewer.window.resize(*SIZE)
        viewer.canvas.overlays.scale_bar.visible = True
        dialog = drive[name](viewer, lambda viewer=viewer, name=name: open_widget(viewer, name))
        settle(1.0)
        path = out / f"{name}.png"
        if dialog is None:
            viewer.window.screenshot(str(path), flash=False, canvas_only=False)
        else:
            dialog.grab().save(str(path))
        print(f"{path.name}: layers {', '.join(layer.name for layer in viewer.layers)}")
        viewer.close()
        WorkerBase.await_workers()  # training saves first, into a folder that must still be the current one
        settle(1.0)


def open_widget(viewer: napari.Viewer, name: str) -> Any:
    """Open a widget as the menu does."""
    get_app_model().commands.execute_command(f"{PLUGIN}.{name}_widget").result()
    settle(0.3)
    (widget,) = [widget for title, widget in viewer.window.dock_widgets.items() if title.startswith(WIDGETS[name])]
    return widget


def drive_start(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Show the steps after the phase of the sample stack was computed."""
    add_image(viewer, sample_stack())
    add_image(viewer, result_of(retrieve_phase(sample_stack(), TieSettings())).phase)
    opened()


def drive_tie(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Show the phase and dry mass of the sample stack."""
    add_image(viewer, sample_stack())
    widget = opened()
    more = widget.form.more
    more.header.click()
    for wanted in (more.wants_uncertainty, more.conversions.wants_dry_mass):
        wanted.setValue(True)
    run(widget)


def drive_crop(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Show the tiles of the sample frame."""
    add_image(viewer, sample_frame())
    widget = opened()
    widget.folder.value = Path("tiles")
    run(widget)
    viewer.dims.set_current_step(0, 5)
    viewer.reset_view(layers=[viewer.layers[-1]])


def drive_predict(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Show the predicted phase of the sample frame."""
    add_image(viewer, sample_frame())
    widget = opened()
    wait(lambda: bool(widget.card.value), "the list of networks")
    run(widget)


def drive_surface(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Show the surface of the sample stack's phase."""
    add_image(viewer, result_of(retrieve_phase(sample_stack(), TieSettings())).phase)
    widget = opened()
    widget.show_button.native.click()


def drive_measure(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Measure the cells of the sample stack's phase."""
    result = result_of(retrieve_phase(sample_stack(), TieSettings()))
    add_image(viewer, result.phase)
    add_image(viewer, result.uncertainty).visible = False
    run(opened())


def drive_adapt(viewer: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Adapt the bundled network to a simulated microscope, and show the part that was kept back."""
    microscope = Microscope(coherence=0.3, stack_objective="10x", stack_coherence=0.3, stack_dz_um=5.0)
    settings = SimulationSettings(scene="dense", field_px=512, count=1, seed=5, microscope=microscope)
    result_of(write_dataset(settings, Path("mine")))
    add_image(viewer, read_image(Path("mine/stack/0000.ome.tif")))
    widget = opened()
    widget.fields["name"].setValue("my 10x")
    widget.folder.setValue([Path("my-10x")])
    run(widget, timeout_s=900)


def drive_train(_: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Train the bundled network further for a while, show its scores and preview, and stop after the picture."""
    pairs = Path("cells")
    result_of(write_dataset(SimulationSettings(count=24, seed=5), pairs, stacks=False))
    widget = opened()
    steps = 60
    settings = TrainSettings(
        pairs=(pairs,), start_from="all", steps=steps, batch_size=2, crop_px=128, validate_every=10, device="cpu"
    )
    widget.form.setValue(settings)
    widget.run_folder.setValue([Path("run")])
    widget.buttons.start.click()
    wait(lambda: widget.display.step >= 0.9 * steps or not widget.running, "the first steps")
    widget.display.curves.setCurrentIndex(1)
    settle(0.5)


def drive_microscope(_: napari.Viewer, opened: Callable[[], Any]) -> None:
    """Show a live field side by side, after a change in the form."""
    widget = opened()
    widget.form.field["scene"].setValue("dense")
    widget.side_box.setChecked(True)
    widget.live_box.setChecked(True)
    wait(lambda: not widget.live.busy, "the first field")
    widget.index.setValue(3)
    wait(lambda: not widget.live.busy, "the next field")


def drive_preferences(viewer: napari.Viewer, _: object) -> QWidget:
    """Open napari's preferences at the page of the plugin, and return the dialog."""
    dialog: QWidget = viewer.window._open_preferences_dialog()
    (pages,) = dialog.findChildren(QListWidget, "Preferences")
    pages.setCurrentItem(pages.findItems("ContransGAN", Qt.MatchFlag.MatchExactly)[0])
    return dialog


def run(widget: Any, timeout_s: float = 300) -> None:
    """Press Run and wait until it has finished."""
    widget.panel.run_button.native.click()
    wait(lambda: widget.panel.task is None, "the computation", timeout_s)


def wait(condition: Callable[[], bool], what: str, timeout_s: float = 300) -> None:
    """Keep the window alive until a condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        settle(0.05)


def settle(duration_s: float) -> None:
    """Let the window draw."""
    end = time.monotonic() + duration_s
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
