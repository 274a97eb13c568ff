"""The guided path: it shows what is done, and opens the widget of the next step with the right layer."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_contransgan.gui.shared.layers import DIFFERENCE_KEY, add_image
from napari_contransgan.gui.shared.next_steps import use_layer
from napari_contransgan.gui.start.steps import found_in
from napari_contransgan.io import Image, find_images, read_image

NAME = "Start here"

pytestmark = pytest.mark.gui


@pytest.fixture
def start(open_widget):
    return open_widget(NAME)


@pytest.fixture
def phase(yx_bump_rad):
    return Image(yx_bump_rad, "YX", pixel_size_um=0.325, quantity="phase", wavelength_um=0.55, name="bump phase")


def marks(start):
    return {step: label.text() for step, label in start.marks.items()}


def opened(viewer, kind):
    return next(one for one in viewer.window.dock_widgets.values() if type(one).__name__ == kind)


def test_an_empty_window_asks_for_an_image(start):
    assert marks(start)["open"] == "▶"
    assert {name for name, button in start.buttons.items() if button.isEnabled()} == {"open", "sample"}
    assert start.buttons["tie"].toolTip() == "Open a focus stack first."


def test_marks_follow_the_layers(viewer, start, qtbot, bump_stack, phase):
    add_image(viewer, bump_stack)
    qtbot.waitUntil(lambda: marks(start)["open"] == "✓")
    assert start.texts["open"].text() == "bump stack"
    assert marks(start)["phase"] == "▶"
    assert start.buttons["tie"].isEnabled()
    layer = add_image(viewer, phase)
    qtbot.waitUntil(lambda: marks(start)["phase"] == "✓")
    assert marks(start)["inspect"] == "▶"
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: marks(start)["phase"] == "▶")


def test_a_difference_of_two_phases_is_a_result_and_no_phase(viewer, start, qtbot, phase):
    add_image(viewer, phase)
    add_image(viewer, replace(phase, name="difference", settings={DIFFERENCE_KEY: "one - other"}))
    qtbot.waitUntil(lambda: marks(start)["phase"] == "✓")
    assert start.texts["phase"].text() == "bump phase"
    assert len(found_in(viewer.layers).results) == 2


def test_a_single_frame_is_predicted_and_not_solved(viewer, start, qtbot, frame):
    add_image(viewer, frame)
    qtbot.waitUntil(start.buttons["predict"].isEnabled)
    assert not start.buttons["tie"].isEnabled()


@pytest.mark.parametrize(
    ("button", "kind", "field", "expected"),
    [
        ("tie", "TieWidget", "stack", "first stack"),
        ("adapt", "AdaptWidget", "stack", "first stack"),
        ("predict", "PredictWidget", "image", "first stack"),
        ("surface", "SurfaceWidget", "phase", "bump phase"),
        ("measure", "MeasureWidget", "phase", "bump phase"),
    ],
)
def test_each_button_opens_its_widget_with_the_active_layer(
    viewer, start, qtbot, bump_stack, phase, button, kind, field, expected
):
    for image in (replace(bump_stack, name="first stack"), bump_stack, phase):
        add_image(viewer, image)
    viewer.layers.selection.active = viewer.layers[expected]
    qtbot.waitUntil(start.buttons[button].isEnabled)
    start.buttons[button].click()
    assert getattr(opened(viewer, kind), field).value is viewer.layers[expected]
    start.buttons[button].click()  # once more shows the same one
    assert sum(type(one).__name__ == kind for one in viewer.window.dock_widgets.values()) == 1


def test_an_open_widget_takes_the_layer_too(viewer, open_widget, phase):
    open_widget("3D phase surface")
    layers = [add_image(viewer, replace(phase, name=name)) for name in ("one", "two")]
    use_layer(viewer, "surface", layers[0])
    assert opened(viewer, "SurfaceWidget").phase.value is layers[0]


def test_all_results_are_saved_with_their_units(
    viewer, start, qtbot, bump_stack, phase, tmp_path, monkeypatch, messages
):
    add_image(viewer, bump_stack)
    add_image(viewer, phase)
    add_image(viewer, replace(phase, name="bump/std", quantity="phase-std"))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    qtbot.waitUntil(start.buttons["save"].isEnabled)
    start.buttons["save"].click()
    qtbot.waitUntil(lambda: marks(start)["save"] == "✓")
    files = find_images(tmp_path)
    assert [path.name for path in files] == ["bump phase.ome.tif", "bump_std.ome.tif"]
    read = read_image(files[0])
    assert (read.quantity, read.pixel_size_um, read.wavelength_um) == ("phase", 0.325, 0.55)
    assert np.array_equal(read.data, phase.data)
    start.buttons["save"].click()
    assert messages() == [f"[error] Is there already: choose another folder, or rename the layer ({files[0]})"]


def test_files_are_opened_with_their_pixel_size(viewer, start, saved, frame, monkeypatch):
    path = saved(frame)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path)], ""))
    start.buttons["open"].click()
    assert tuple(viewer.layers[0].scale) == (0.65, 0.65)


def test_labels_with_dry_masses_are_a_measurement(viewer, start, qtbot):
    viewer.add_labels(np.ones((4, 4), int), name="plain")
    table = viewer.add_labels(np.ones((4, 4), int), features={"index": [1], "dry_mass_pg": [3.0]}, name="measured")
    assert found_in(viewer.layers).tables == (table,)
    qtbot.waitUntil(lambda: marks(start)["measure"] == "✓")


def test_a_closed_panel_no_longer_follows(viewer, start):
    dock = start.parent()
    viewer.window.remove_dock_widget(dock)
    viewer.add_image(np.zeros((4, 4)))
    assert not start._soon.isActive()
