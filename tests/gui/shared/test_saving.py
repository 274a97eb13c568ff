"""Results are saved as OME-TIFF with their units, under names that replace nothing unasked."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.shared.open import open_widget
from napari_contransgan.gui.shared.saving import file_name, targets_of, with_ending
from napari_contransgan.io import read_image

pytestmark = pytest.mark.gui


@pytest.fixture
def solved(viewer, click, finish, bump_stack):
    """The TIE widget after a run that gave a phase and its uncertainty."""
    add_image(viewer, bump_stack)
    widget = open_widget(viewer, "tie")
    widget.form.more.wants_uncertainty.setValue(True)
    assert not widget.panel.save_button.visible
    click(widget.panel.run_button)
    finish(widget)
    return widget


def choose(monkeypatch, path):
    asked = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: asked.append(given) or (str(path), ""))
    return asked


def test_phase_and_uncertainty_are_saved_next_to_each_other(viewer, solved, click, finish, tmp_path, monkeypatch):
    asked = choose(monkeypatch, tmp_path / "monday")
    click(solved.panel.save_button)
    finish(solved)
    assert "bump stack phase (TIE).ome.tif" in asked[0]
    phase = read_image(tmp_path / "monday.ome.tif")
    assert (phase.quantity, phase.pixel_size_um, phase.wavelength_um) == ("phase", 0.325, 0.55)
    assert np.array_equal(phase.data, viewer.layers["bump stack phase (TIE)"].data)
    assert read_image(tmp_path / "monday uncertainty (TIE).ome.tif").quantity == "phase-std"
    assert "monday.ome.tif, monday uncertainty (TIE).ome.tif" in solved.panel.message.value
    assert solved.panel.save_button.visible, "they can be saved once more"


def test_nothing_is_replaced_unasked(solved, click, tmp_path, monkeypatch, messages):
    (tmp_path / "monday uncertainty (TIE).ome.tif").write_text("mine")
    choose(monkeypatch, tmp_path / "monday.ome.tif")
    click(solved.panel.save_button)
    (message,) = [message for message in messages() if message.startswith("[error]")]
    assert "Is there already" in message
    assert not (tmp_path / "monday.ome.tif").exists()


def test_a_cancelled_dialog_saves_nothing(solved, click, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    click(solved.panel.save_button)
    assert solved.panel.task is None
    assert list(tmp_path.iterdir()) == []


def test_layers_that_were_removed_cannot_be_saved(viewer, solved, click):
    viewer.layers.clear()
    click(solved.panel.save_button)
    assert "nothing to save" in solved.panel.message.value


def test_a_result_offers_what_comes_next(viewer, solved):
    steps = {button.text: button for button in solved.panel.next_steps}
    assert list(steps) == ["3D", "Measure", "Adapt"]
    assert solved.panel.next_steps.visible
    steps["3D"].native.click()
    steps["Adapt"].native.click()
    by_kind = {type(one).__name__: one for one in viewer.window.dock_widgets.values()}
    assert by_kind["SurfaceWidget"].phase.value == viewer.layers["bump stack phase (TIE)"]
    assert by_kind["AdaptWidget"].stack.value == viewer.layers["bump stack"]


def test_names_of_files(viewer, tmp_path, frame):
    assert file_name('a/b: "c"') == "a_b_ _c_"
    assert with_ending(tmp_path / "cell 0.5").name == "cell 0.5.ome.tif"
    assert with_ending(tmp_path / "cell.TIF").name == "cell.TIF"
    layers = [add_image(viewer, replace(frame, name=name)) for name in ("cell phase (TIE)", "cell height (TIE)", "x")]
    names = [path.name for path in targets_of(layers, tmp_path / "out.tif")]
    assert names == ["out.tif", "out height (TIE).ome.tif", "out x.ome.tif"]
    assert [path.name for path in targets_of(layers[:2], tmp_path / "out.ome.zarr")] == [
        "out.ome.zarr",
        "out height (TIE).ome.zarr",
    ]
    (tmp_path / "in.ome.tif").write_text("there")
    with pytest.raises(InputError, match="is there already"):
        targets_of(layers[:1], tmp_path / "in")
