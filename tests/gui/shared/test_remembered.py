"""What was typed comes back: per microscope, after a dock was closed, and after a restart."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.gui.shared import remembered
from napari_contransgan.gui.shared.form_memory import FormMemory
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.shared.open import open_widget
from napari_contransgan.gui.shared.remembered import recall_form, recall_optics, remember_form, remember_optics
from napari_contransgan.io import Image

pytestmark = pytest.mark.gui


def image(**known):
    return Image(np.zeros((40, 60), np.uint16), "YX", **known)


def test_numbers_come_back_for_images_of_the_same_microscope():
    remember_optics(image(pixel_size_um=0.65, numerical_aperture=0.25), {"coherence": 0.4, "wavelength_um": 0.53})
    assert recall_optics(image(pixel_size_um=0.65, numerical_aperture=0.25)) == {
        "coherence": 0.4,
        "wavelength_um": 0.53,
    }
    assert recall_optics(image(pixel_size_um=0.65)) == {}
    assert recall_optics(image(pixel_size_um=0.325, numerical_aperture=0.25)) == {}


def test_a_typed_pixel_size_leads_to_the_images_that_state_it():
    remember_optics(image(), {"pixel_size_um": 0.65, "coherence": 0.4})
    assert recall_optics(image()) == {"pixel_size_um": 0.65, "coherence": 0.4}
    assert recall_optics(image(pixel_size_um=0.65))["coherence"] == 0.4


def test_later_numbers_replace_earlier_ones_and_keep_the_others():
    remember_optics(image(), {"coherence": 0.4, "wavelength_um": 0.53})
    remember_optics(image(), {"coherence": 0.5})
    remember_form("TieWidget", {"a": 1})
    assert recall_optics(image()) == {"coherence": 0.5, "wavelength_um": 0.53}
    assert recall_form("TieWidget") == {"a": 1}


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"microscopes": 3, "forms": [1]}'])
def test_a_broken_file_is_as_good_as_none(content):
    remembered._file().parent.mkdir(parents=True, exist_ok=True)
    remembered._file().write_text(content)
    assert recall_optics(image()) == {}
    assert recall_form("TieWidget") == {}
    remember_optics(image(), {"coherence": 0.4})
    assert recall_optics(image()) == {"coherence": 0.4}


def test_what_was_typed_for_a_run_is_proposed_for_the_next_image(viewer, click, finish, bump_stack):
    plain = replace(bump_stack, pixel_size_um=None, z_step_um=None, wavelength_um=None, origin_yx_um=(0.0, 0.0))
    add_image(viewer, plain)
    widget = open_widget(viewer, "tie")
    assert widget.wavelength.origin == "default"
    for field, text in ((widget.pixel_size, "0,325"), (widget.dz, "1"), (widget.wavelength, "0.53")):
        field.setText(text)
    click(widget.panel.run_button)
    finish(widget)
    viewer.window.remove_dock_widget(widget.parent())

    layer = add_image(viewer, replace(plain, name="next day"))
    again = open_widget(viewer, "tie")
    again.use(layer)
    assert (again.pixel_size.number, again.pixel_size.origin) == (0.325, "as typed before")
    assert (again.dz.number, again.wavelength.number) == (1.0, 0.53)
    stated = add_image(viewer, replace(bump_stack, name="states all"))
    again.use(stated)
    assert (again.wavelength.number, again.wavelength.typed) == (0.55, False)


def test_a_closed_dock_keeps_its_form(viewer, frame):
    add_image(viewer, frame)
    widget = open_widget(viewer, "crop")
    widget.rows.setValue(2)
    widget.show_layer.setValue(False)
    viewer.window.remove_dock_widget(widget.parent())
    again = open_widget(viewer, "crop")
    assert again is not widget
    assert (again.rows.value(), again.columns.value(), again.show_layer.value()) == (2, 4, False)


def test_folders_and_ticks_of_one_run_are_kept_with_the_window_alone(viewer, tmp_path, monkeypatch):
    widget = open_widget(viewer, "train")
    widget.form.steps.setValue(77)
    widget.run_folder.setValue([tmp_path])
    viewer.window.remove_dock_widget(widget.parent())
    assert recall_form("TrainWidget") == {"basic.steps": 77}
    again = open_widget(viewer, "train")
    assert (again.form.steps.value(), again.run_folder.value()) == (77, (tmp_path,))
    viewer.window.remove_dock_widget(again.parent())
    monkeypatch.setattr("napari_contransgan.gui.shared.form_memory._of_windows", {})
    restarted = open_widget(viewer, "train")
    assert (restarted.form.steps.value(), restarted.run_folder.value()) == (77, ())


def test_values_that_no_longer_fit_are_left_out(viewer, qtbot):
    remember_form("TieWidget", {"fields.method": "of an older version", "fields.regularisation": "1e-3"})
    remember_form("CropWidget", {"form.rows": "many", "form.columns": 3})
    assert open_widget(viewer, "tie").method.value() != "of an older version"
    crop = open_widget(viewer, "crop")
    assert (crop.rows.value(), crop.columns.value()) == (4, 3)
    assert isinstance(crop._memory, FormMemory)
