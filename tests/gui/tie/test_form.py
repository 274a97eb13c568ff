"""The form of the TIE widget: what it offers, what it takes from the image, and the settings that come out."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.gui.tie.results import MoreResults
from napari_contransgan.io import Image, write_image
from napari_contransgan.quantities import Conversions
from napari_contransgan.tie import SOLVERS

NAME = "Phase from focus stack (TIE)"

pytestmark = pytest.mark.gui


def test_untouched_form_gives_the_settings_of_the_command_line(viewer, open_widget, bump_stack):
    add_image(viewer, bump_stack)
    form = open_widget(NAME).form
    assert form.settings() == TieSettings(wavelength_um=0.55, dz_um=1.0, pixel_size_um=0.325)
    assert form.more_results() == MoreResults()


def test_every_solver_is_offered_with_its_explanation(open_widget):
    method = open_widget(NAME).method
    assert method.value() == "anchored"
    for row, (name, solver) in enumerate(SOLVERS.items()):
        assert method.itemText(row) == solver.title
        assert method.itemData(row, Qt.ItemDataRole.ToolTipRole) == solver.explanation
        method.setValue(name)
        assert method.toolTip() == solver.explanation


def test_chosen_method_is_used_and_noted_with_the_result(viewer, open_widget, click, finish, bump_stack):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.method.setCurrentText(SOLVERS["dct"].title)
    click(widget.panel.run_button)
    finish(widget)
    details = viewer.layers["bump stack phase (TIE)"].metadata[METADATA_KEY]
    assert details["settings"]["tie"]["method"] == "dct"


def test_every_choice_lands_in_the_settings(viewer, open_widget, bump_stack, tmp_path):
    add_image(viewer, bump_stack)
    form = open_widget(NAME).form
    form.regularisation.setText("0,5")
    form.focus.setText("1")
    form.flip_z.setValue(True)
    form.microscope.numerical_aperture.setText("0.65")
    form.microscope.coherence.setText("0.3")
    corrections = form.corrections
    for name in ("drift", "dead_pixels", "saturation", "equal_sums", "light_correction"):
        corrections.rows[name].setValue(False)
    corrections.rows["magnification"].setValue(True)
    corrections.flat_field.setValue("picture")
    corrections.flat_picture.value = tmp_path / "flat.tif"
    corrections.rows["specimen_sign"].setValue("negative")
    assert form.settings() == TieSettings(
        wavelength_um=0.55,
        dz_um=1.0,
        pixel_size_um=0.325,
        regularisation=0.5,
        focus_index=1,
        flip_z=True,
        numerical_aperture=0.65,
        coherence=0.3,
        drift=False,
        dead_pixels=False,
        saturation=False,
        equal_sums=False,
        light_correction=False,
        magnification=True,
        flat_field=tmp_path / "flat.tif",
        specimen_sign="negative",
    )
    corrections.flat_field.setValue("estimate")
    assert form.settings().flat_field == "estimate"


def test_flat_field_without_its_picture_is_told(viewer, open_widget, bump_stack):
    add_image(viewer, bump_stack)
    form = open_widget(NAME).form
    assert not form.corrections.flat_picture.enabled
    form.corrections.flat_field.setValue("picture")
    assert form.corrections.flat_picture.enabled
    with pytest.raises(InputError, match="choose the image"):
        form.settings()


@pytest.mark.parametrize("section", ["microscope", "corrections", "more"])
def test_sections_are_closed_until_clicked(open_widget, qtbot, section):
    widget = open_widget(NAME)
    part = getattr(widget.form, section)
    assert not part.rows.isVisible()
    qtbot.waitUntil(part.header.isVisible)
    qtbot.mouseClick(part.header, Qt.MouseButton.LeftButton)
    assert part.rows.isVisible()
    qtbot.mouseClick(part.header, Qt.MouseButton.LeftButton)
    assert not part.rows.isVisible()


def test_open_sections_leave_the_window_its_size_and_run_within_a_scroll(viewer, open_widget, qtbot):
    viewer.window.resize(1280, 800)
    widget = open_widget(NAME)
    for section in (widget.form.microscope, widget.form.corrections, widget.form.more):
        section.header.click()
    button, window = widget.panel.run_button.native, viewer.window._qt_window
    qtbot.waitUntil(widget.form.more.rows.isVisible)
    assert window.height() <= 800
    widget.scroll_area.ensureWidgetVisible(button)
    qtbot.waitUntil(lambda: button.visibleRegion().boundingRect() == button.rect())


def test_every_field_is_explained(open_widget):
    form = open_widget(NAME).form
    for part in (form.fields, form.microscope.rows, form.corrections.rows, form.more.rows):
        assert [name for name, row in part.rows.items() if len(row.field.toolTip()) < 20] == []
        assert [label.text() for label in part.labels() if len(label.toolTip()) < 20] == []


def test_microscope_is_stated_where_the_image_knows_it(viewer, open_widget, bump_stack):
    add_image(viewer, replace(bump_stack, numerical_aperture=0.65, coherence=0.3))
    widget = open_widget(NAME)
    microscope = widget.form.microscope
    assert (microscope.numerical_aperture.number, microscope.coherence.number) == (0.65, 0.3)
    assert microscope.coherence.origin == "from layer"

    microscope.coherence.setText("")
    image, settings = widget._inputs()
    assert settings.coherence is None
    assert image.coherence is None, "a field that was cleared must not be filled in from the image again"


def test_immersion_objective_is_no_error(viewer, open_widget, bump_stack, click, finish, messages):
    add_image(viewer, replace(bump_stack, numerical_aperture=1.4, coherence=0.3))
    widget = open_widget(NAME)
    assert widget.form.microscope.numerical_aperture.number is None
    click(widget.panel.run_button)
    finish(widget)
    assert messages() == []


def test_order_that_the_file_states_is_ticked_and_said(viewer, open_widget, saved, bump_stack):
    falling = add_image(viewer, replace(bump_stack, z_falls=True, name="falling"))
    rising = add_image(viewer, replace(bump_stack, name="rising"))
    widget = open_widget(NAME)
    assert widget.stack.value is rising
    assert not widget.flip_z.value()
    widget.stack.value = falling
    assert widget.flip_z.value()
    assert "(from layer)" in widget.flip_z.text()
    widget.stack.value = rising
    assert not widget.flip_z.value()

    widget.flip_z.setValue(True)
    widget.stack.value = falling
    widget.flip_z.setValue(True)
    widget.stack.value = rising
    assert "(" not in widget.flip_z.text()


def test_order_that_the_user_ticked_stays_for_the_next_stack(viewer, open_widget, bump_stack):
    first = add_image(viewer, replace(bump_stack, name="first"))
    add_image(viewer, replace(bump_stack, name="second"))
    widget = open_widget(NAME)
    widget.flip_z.setValue(True)
    widget.stack.value = first
    assert widget.flip_z.value()


def test_flat_field_picture_is_divided_out(viewer, open_widget, click, finish, bump_stack, tmp_path, messages):
    flat = np.broadcast_to(np.linspace(0.8, 1.2, 96, dtype=np.float32), (96, 96))
    write_image(tmp_path / "flat.tif", Image(np.ascontiguousarray(flat), "YX", pixel_size_um=0.325))
    add_image(viewer, replace(bump_stack, data=bump_stack.data * flat))
    widget = open_widget(NAME)
    widget.form.corrections.flat_field.setValue("picture")
    widget.form.corrections.flat_picture.value = tmp_path / "flat.tif"
    click(widget.panel.run_button)
    finish(widget)
    assert messages() == []
    report = viewer.layers["bump stack phase (TIE)"].metadata[METADATA_KEY]["settings"]["tie_report"]
    assert report["flat_field_range"] == pytest.approx([0.8, 1.2])


def test_numbers_of_more_results_are_asked_for(open_widget, viewer, bump_stack):
    add_image(viewer, bump_stack)
    more = open_widget(NAME).form.more
    assert not more.conversions.index_contrast.isEnabled()
    more.conversions.wants_height.setValue(True)
    assert more.conversions.index_contrast.isEnabled()
    with pytest.raises(InputError, match="Index contrast"):
        more.value()
    more.conversions.index_contrast.setText("0.03")
    assert more.value() == MoreResults(conversions=Conversions(index_contrast=0.03))
    more.conversions.wants_dry_mass.setValue(True)
    assert more.value().conversions.refractive_increment_um3_per_pg == 0.19
    more.conversions.increment.setText("")
    with pytest.raises(InputError, match="increment"):
        more.value()


def test_the_dark_level_comes_from_the_image_a_number_or_a_picture(viewer, open_widget, bump_stack, tmp_path):
    add_image(viewer, replace(bump_stack, dark_counts=96.5))
    widget = open_widget(NAME)
    dark = widget.form.corrections.dark
    assert (dark.number, dark.typed) == (96.5, False)
    assert widget.form.settings().dark == 96.5
    dark.setText("100")
    assert widget.form.settings().dark == 100
    widget.form.corrections.dark_picture.value = tmp_path / "dark.tif"
    assert widget.form.settings().dark == tmp_path / "dark.tif"


def test_a_dark_level_that_was_cleared_is_not_taken_from_the_file(viewer, open_widget, click, finish, bump_stack):
    raised = replace(bump_stack, data=bump_stack.data + 1000, dark_counts=1000.0)
    add_image(viewer, raised)
    widget = open_widget(NAME)
    for text, expected in (("1000", 1000.0), ("", 0.0)):
        widget.form.corrections.dark.setText(text)
        click(widget.panel.run_button)
        finish(widget)
        phase = [layer for layer in viewer.layers if "phase (TIE)" in layer.name][-1]
        assert phase.metadata[METADATA_KEY]["settings"]["tie"]["dark"] == expected


def test_uneven_heights_of_the_file_are_shown_and_used(viewer, open_widget, click, finish, bump_stack, messages):
    add_image(viewer, replace(bump_stack, z_step_um=None, z_um=(-1.0, 0.0, 1.5)))
    widget = open_widget(NAME)
    box = widget.form.dz
    assert (box.text(), box.placeholderText()) == ("", "from layer: -1, 0, 1.5")
    click(widget.panel.run_button)
    finish(widget)
    assert messages() == []
    phase = viewer.layers["bump stack phase (TIE)"]
    assert phase.metadata[METADATA_KEY]["settings"]["tie"]["z_um"] == [-1.0, 0.0, 1.5]
    assert "heights" not in widget.notes.value
    box.setText("1")
    click(widget.panel.run_button)
    finish(widget)
    assert "The stated heights were used, and not those in the file, -1, 0, 1.5 um" in widget.notes.value


def test_another_stack_takes_the_heights_out_of_sight(viewer, open_widget, bump_stack):
    uneven = add_image(viewer, replace(bump_stack, z_step_um=None, z_um=(-1.0, 0.0, 1.5), name="uneven"))
    even = add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    for layer, text in ((uneven, "from layer: -1, 0, 1.5"), (even, "not stated")):
        widget.stack.value = layer
        assert widget.form.dz.placeholderText() == text


def test_planes_under_a_time_axis_are_refused_with_what_the_file_says(
    viewer, open_widget, click, finish, bump_stack, messages
):
    add_image(viewer, replace(bump_stack, axes="TYX", z_step_um=None, z_um=(-1.0, 0.0, 1.5)))
    widget = open_widget(NAME)
    assert widget.form.dz.placeholderText() == "not stated"
    click(widget.panel.run_button)
    finish(widget)
    (message,) = messages()
    assert "although the file states heights of -1, 0, 1.5 um" in message
