"""Computing the phase of a folder of stacks in the window."""

from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.io import read_image, write_image

NAME = "Phase from focus stack (TIE)"

pytestmark = pytest.mark.gui


@pytest.fixture(autouse=True)
def _one_process(monkeypatch):
    monkeypatch.setattr("napari_contransgan.gui.shared.folder_button.MOST_WORKERS", 1)


@pytest.fixture
def folder(tmp_path, bump_stack):
    """Two stacks with different pixel sizes, and a file that is none."""
    write_image(tmp_path / "in" / "a.ome.tif", bump_stack)
    write_image(tmp_path / "in" / "b.ome.tif", replace(bump_stack, pixel_size_um=0.65))
    (tmp_path / "in" / "c.tif").write_bytes(b"no image")
    return tmp_path / "in"


@pytest.fixture
def choose(monkeypatch):
    """Let the user choose folders in the dialogs, one after the other; "" is Cancel."""

    def chosen(*folders):
        answers = cycle(folders)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(next(answers)))

    return chosen


def test_each_stack_gets_its_phase_next_to_it_with_its_own_pixel_size(
    viewer, open_widget, click, finish, choose, folder, bump_stack
):
    add_image(viewer, replace(bump_stack, pixel_size_um=0.1, z_step_um=5.0, wavelength_um=0.7, name="another"))
    choose(folder, folder)
    widget = open_widget(NAME)
    assert widget.folder_button.text == "Compute a folder …"
    click(widget.folder_button)
    finish(widget)
    message = widget.panel.message.value
    assert message.startswith(f"Done: 2 images, in {folder}.")
    assert "c.tif: is not a TIFF file" in message
    for name, pixel_um in (("a", 0.325), ("b", 0.65)):
        phase = read_image(folder / f"{name}_phase.ome.tif")
        assert (phase.pixel_size_um, phase.wavelength_um) == (pixel_um, 0.55)
        assert phase.origin_yx_um == pytest.approx(bump_stack.origin_yx_um)
    assert read_image(folder / "a_phase.ome.tif").data.max() == pytest.approx(0.8, rel=0.1)
    assert len(viewer.layers) == 1
    click(widget.folder_button)
    finish(widget)
    assert "2 of them were done earlier" in widget.panel.message.value


def test_what_was_typed_counts_for_all_stacks_and_further_results_are_written(
    open_widget, click, finish, choose, folder, tmp_path
):
    choose(folder, tmp_path / "out")
    widget = open_widget(NAME)
    widget.form.pixel_size.setText("0.5")
    widget.form.more.conversions.wants_path.setValue(True)
    widget.form.more.wants_uncertainty.setValue(True)
    click(widget.folder_button)
    finish(widget)
    for name in "ab":
        for kind in ("phase", "phase_path", "phase_uncertainty"):
            assert read_image(tmp_path / "out" / f"{name}_{kind}.ome.tif").pixel_size_um == 0.5
    assert sorted(path.name for path in folder.iterdir()) == ["a.ome.tif", "b.ome.tif", "c.tif"]


def test_the_order_of_the_planes_comes_from_each_file_unless_it_was_ticked(
    viewer, open_widget, click, finish, choose, folder, bump_stack, tmp_path
):
    falling = replace(bump_stack, data=bump_stack.data[::-1], z_falls=True)
    write_image(folder / "b.ome.tif", falling)
    add_image(viewer, falling)
    widget = open_widget(NAME)
    assert widget.flip_z.value()
    choose(folder, tmp_path / "out")
    click(widget.folder_button)
    finish(widget)
    for name in "ab":
        assert read_image(tmp_path / "out" / f"{name}_phase.ome.tif").data.max() == pytest.approx(0.8, rel=0.1)


@pytest.mark.parametrize("answers", [("",), ("in", "")])
def test_a_cancelled_dialog_starts_nothing(open_widget, click, choose, answers):
    choose(*answers)
    widget = open_widget(NAME)
    click(widget.folder_button)
    assert widget.panel.task is None


def test_cancel_keeps_what_is_complete(viewer, open_widget, click, finish, qtbot, choose, folder, bump_stack):
    long = replace(bump_stack, data=np.stack([bump_stack.data] * 40), axes="TZYX", time_step_s=1.0)
    write_image(folder / "b.ome.tif", long)
    choose(folder, folder)
    widget = open_widget(NAME)
    click(widget.folder_button)
    qtbot.waitUntil(lambda: widget.panel.message.value.startswith("b.ome.tif: retrieved"), timeout=60_000)
    assert not widget.folder_button.enabled
    click(widget.panel.cancel_button)
    finish(widget)
    assert widget.panel.message.value == "Cancelled."
    assert (folder / "a_phase.ome.tif").is_file()
    assert not (folder / "b_phase.ome.tif").exists()
    assert widget.folder_button.enabled


def test_a_number_that_is_none_is_refused_before_anything_is_read(open_widget, click, choose, folder, messages):
    choose(folder, folder)
    widget = open_widget(NAME)
    widget.form.pixel_size.setText("wide")
    click(widget.folder_button)
    (message,) = messages()
    assert "Pixel size" in message
    assert widget.panel.task is None
