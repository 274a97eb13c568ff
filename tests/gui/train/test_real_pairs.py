"""From a focus stack and its TIE phase to a training on pairs, with clicks alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from tests.gui.train.run_in_hand import wait_for_end

from napari_contransgan.config import PairFolders
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.io import find_images, write_image

pytestmark = pytest.mark.gui


@pytest.fixture
def stack(viewer, bump_stack, tmp_path):
    """A stack of 96 x 192 px, opened from a file as a user does."""
    path = tmp_path / "cells.ome.tif"
    write_image(path, replace(bump_stack, data=np.concatenate([bump_stack.data] * 2, axis=2), name="cells"))
    (layer,) = viewer.open(path, plugin="napari-contransgan")
    return layer


@pytest.fixture
def next_step(qtbot):
    """Press the button that a widget offers after its result."""

    def press(widget, text):
        (button,) = [one for one in widget.panel.next_steps if one.text == text]
        qtbot.mouseClick(button.native, Qt.MouseButton.LeftButton)

    return press


@pytest.fixture
def cut(open_widget, click, finish, next_step):
    """Cut a layer into 1 x 2 tiles in a folder, and press "Train on these"."""

    def crop(layer, folder: Path):
        widget = open_widget("Crop into tiles")
        widget.image.value = layer
        widget.rows.setValue(1)
        widget.columns.setValue(2)
        widget.folder.value = folder
        click(widget.panel.run_button)
        finish(widget)
        next_step(widget, "Train on these")

    return crop


def trainer(viewer):
    (widget,) = [one for one in viewer.window.dock_widgets.values() if type(one).__name__ == "TrainWidget"]
    return widget


@pytest.mark.parametrize("phase_first", [False, True])
@pytest.mark.parametrize("labels", ["crop", "use as label"])
def test_tiles_of_a_stack_and_of_its_phase_are_trained_on_as_pairs(
    viewer, qtbot, open_widget, click, finish, next_step, cut, stack, tmp_path, monkeypatch, phase_first, labels
):
    images, phase = tmp_path / "images", tmp_path / "labels"
    tie = open_widget("Phase from focus stack (TIE)")
    tie.use(stack)
    click(tie.panel.run_button)
    finish(tie)
    phase_layer = viewer.layers[f"{stack.name} phase (TIE)"]

    def make_labels():
        if labels == "crop":
            cut(phase_layer, phase)
            return
        monkeypatch.setattr("napari_contransgan.gui.tie.labels.TRAINING_CROP_PX", 96)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(phase))
        click(tie.label_button)
        finish(tie)
        next_step(tie, "Train on these")

    for make in (make_labels, lambda: cut(stack, images))[:: 1 if phase_first else -1]:
        make()
    assert [len(find_images(folder)) for folder in (images, phase)] == [2, 2]
    widget = trainer(viewer)
    assert widget.form.value()["pairs"] == (PairFolders(lr=images, phase=phase),)
    assert not widget.form.value()["lr"]
    assert "used as pairs" in widget.message.text()
    if labels == "crop" and phase_first:
        return
    widget.form.preset.setValue("tiny")
    widget.form.steps.setValue(2)
    for name, value in (("crop_px", 64), ("batch_size", 2), ("device", "cpu")):
        widget.form.advanced[name].setValue(value)
    qtbot.mouseClick(widget.buttons.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.checking, timeout=120_000)
    assert "6 planes of 2 stacks" in widget.message.text()
    widget.run_folder.setValue([tmp_path / "run"])
    qtbot.mouseClick(widget.buttons.start, Qt.MouseButton.LeftButton)
    wait_for_end(qtbot, widget, timeout_s=180)
    assert widget.message.text().startswith("Finished.")
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_folders_that_do_not_belong_together_stay_unpaired(viewer, open_widget, cut, stack, tmp_path, bump_stack):
    cut(stack, tmp_path / "images")
    other = add_image(viewer, replace(bump_stack, data=bump_stack.data[1], axes="YX", quantity="phase", name="other"))
    cut(other, tmp_path / "labels")
    form = trainer(viewer).form
    assert form.lr.value() == (tmp_path / "images",)
    assert form.phase.value() == (tmp_path / "labels",)
    assert form.pairs.value() == ()
