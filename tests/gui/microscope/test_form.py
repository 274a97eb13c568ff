"""The form of the digital microscope: what it shows, gives back and marks as wrong."""

import pytest
from pydantic import ValidationError
from tests.gui.microscope.microscope_form import MAGNIFICATION, NA, NAME, OWN, PIXEL, error, field, set_cell

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.microscope import PRESETS, Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.variation import no_variation
from napari_contransgan.optics import Objective

pytestmark = pytest.mark.gui


def test_form_starts_with_the_default_settings(form):
    assert form.settings() == SimulationSettings()
    assert form.microscope.preset.value() == "paper"


@pytest.mark.parametrize("name", list(PRESETS))
def test_preset_fills_the_form(form, name):
    form.microscope.setValue(OWN)
    form.microscope.preset.setValue(name)
    assert form.microscope.microscope() == PRESETS[name]
    assert form.microscope.preset.value() == name
    assert field(form.microscope.light, "wavelength_um").text() == f"{PRESETS[name].wavelength_um:g}"
    assert form.microscope.objectives.names() == list(PRESETS[name].objectives)


def test_changed_value_makes_the_preset_own_and_the_former_value_makes_it_the_preset_again(form):
    wavelength = field(form.microscope.light, "wavelength_um")
    wavelength.setText("0.6")
    assert form.microscope.preset.value() == "own"
    wavelength.setText("0.55")
    assert form.microscope.preset.value() == "paper"
    set_cell(form, 1, NA, "0.3")
    assert form.microscope.preset.value() == "own"
    assert form.settings().microscope.lens("10x").numerical_aperture == 0.3


@pytest.mark.parametrize("microscope", [OWN, *PRESETS.values()])
def test_form_gives_back_the_microscope_that_was_put_in(form, microscope):
    with_scope = SimulationSettings(microscope=microscope, objective=next(iter(microscope.objectives)))
    form.setValue(with_scope)
    assert form.settings() == with_scope


def test_form_gives_back_all_settings_that_were_put_in(form):
    settings = SimulationSettings(
        microscope=OWN,
        specimen="psm",
        scene="dense",
        objective="5x",
        count=7,
        seed=11,
        field_px=128,
        defocus_um=-1.75,
        max_absorption_per_um=0.2,
        inside_frame=True,
        variation=Variation(focus_um=(-1, 2), dust_specks=(1, 4), phase_factor=(0.7, 1.3), wavelength_factor=(0.9, 1)),
    )
    with_signal = []
    form.valueChanged.connect(lambda: with_signal.append(form.settings()))
    form.setValue(settings)
    assert with_signal == [settings], "told once, when all of it is there"


def test_every_edit_is_told(form, qtbot):
    for change in (
        lambda: field(form.microscope.camera, "full_well_e").setText("5000"),
        lambda: field(form.field, "specimen").setValue("psm"),
        lambda: field(form.field, "inside_frame").setValue(True),
        lambda: field(form.variation.rows, "drift_um").high.setText("1"),
        lambda: set_cell(form, 0, MAGNIFICATION, "5"),
        form.microscope.objectives.add,
    ):
        with qtbot.waitSignal(form.valueChanged):
            change()


@pytest.mark.parametrize(
    ("rows", "name", "text", "reason"),
    [
        ("light", "wavelength_um", "550", "did you mean 0.55"),
        ("light", "wavelength_um", "green", "type a number"),
        ("light", "wavelength_um", "", "type a number"),
        ("light", "coherence", "0", "lets no light through"),
        ("light", "coherence", "1.4", "dark field"),
        ("light", "bandwidth_um", "0.4", "white light"),
        ("lenses", "stack_dz_um", "-3", "greater than 0"),
        ("lenses", "vignetting", "2", "less than or equal to 0.9"),
        ("camera", "exposure", "1.5", "less than or equal to 1"),
    ],
)
def test_bad_value_is_refused_with_its_reason_beside_it(form, rows, name, text, reason):
    part = getattr(form.microscope, rows)
    before = field(part, name).text()
    field(part, name).setText(text)
    assert reason in error(part, name)
    assert "border" in field(part, name).styleSheet()
    assert field(part, name).isVisibleTo(form), "a closed part opens to show it"
    with pytest.raises(InputError, match=reason):
        form.settings()
    field(part, name).setText(before)
    assert error(part, name) == ""
    assert field(part, name).styleSheet() == ""
    assert form.settings() == SimulationSettings()


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [(NA, "1.2", "dry lens"), (NA, "0", "greater than"), (MAGNIFICATION, "ten", "type a number")],
)
def test_bad_objective_is_refused_with_its_reason_below_the_table(form, column, text, reason):
    table = form.microscope.objectives
    set_cell(form, 1, column, text)
    assert table.error.text().startswith("10x: ")
    assert reason in table.error.text()
    assert table.table.item(1, column).background().style().value != 0
    assert table.table.item(0, column).background().style().value == 0
    with pytest.raises(InputError, match=f"Objective 10x: .*{reason}"):
        form.settings()
    with pytest.raises(InputError, match="10x"):
        form.microscope.microscope()
    set_cell(form, 1, column, {NA: "0.25", MAGNIFICATION: "10"}[column])
    assert table.error.isHidden()
    assert form.settings() == SimulationSettings()


@pytest.mark.parametrize(("name", "reason"), [("4X", "two objectives"), ("", "give each objective a name")])
def test_names_of_objectives_must_tell_them_apart(form, name, reason):
    set_cell(form, 2, NAME, name)
    assert reason in form.microscope.objectives.error.text()
    for read in (form.settings, form.microscope.microscope):
        with pytest.raises(InputError, match=reason):
            read()


def test_bad_ranges_open_the_variation_and_are_marked(form):
    rows = form.variation.rows
    assert not field(rows, "exposure_factor").isVisibleTo(form)
    field(rows, "exposure_factor").low.setText("3")
    assert field(rows, "exposure_factor").isVisibleTo(form)
    assert "give the lower end first" in error(rows, "exposure_factor")
    field(rows, "pixel_size_factor").high.setText("7")
    assert "less than or equal to 1.25" in error(rows, "pixel_size_factor")
    field(rows, "dust_specks").high.setText("x")
    assert error(rows, "dust_specks") == "type a whole number"
    with pytest.raises(InputError, match=r"Variation, Exposure \(factor\): "):
        form.settings()


def test_field_too_small_for_its_defocus_is_told_at_the_field(form):
    field(form.field, "field_px").setValue(64)
    field(form.field, "defocus_um").setText("50")
    assert "field_px" in error(form.field, "field_px")


def test_undersampling_is_advised_and_allowed(form):
    field(form.microscope.camera, "pixel_um").setText("20")
    assert not form.microscope.advice.isHidden()
    assert "fine detail is lost" in form.microscope.advice.text()
    assert form.settings().microscope.camera.pixel_um == 20
    field(form.microscope.camera, "pixel_um").setText("6,5")
    assert form.microscope.advice.isHidden()
    assert form.settings() == SimulationSettings(), "a decimal comma is understood"


def test_units_sizes_and_the_automatic_focus_are_shown(form):
    assert form.field.rows["field_px"].note.text() == "= 78 µm"
    assert field(form.field, "defocus_um").placeholderText() == "automatic: 2.2"
    field(form.field, "objective").setValue("4x")
    assert field(form.field, "defocus_um").placeholderText() == "automatic: 13.7"
    assert form.microscope.objectives.table.item(1, PIXEL).text() == "0.65"
    labels = [row.label.text() for rows in form.all_rows() for row in rows.rows.values()]
    assert {label.partition("(")[2] for label in labels} >= {
        "µm)",
        "px)",
        "e⁻)",
        "bit)",
        "fraction)",
        "factor)",
        "1/µm)",
    }
    assert all(row.field.toolTip() for rows in form.all_rows() for row in rows.rows.values())


def test_every_range_has_its_label():
    assert [name for name, setting in Variation.model_fields.items() if not setting.title] == []


def test_variation_can_be_switched_off_and_on(form):
    form.variation.none_button.click()
    assert form.settings().variation == no_variation()
    assert form.settings().variation.exposure_factor == (1, 1)
    assert form.settings().variation.focus_share == (0, 0)
    form.variation.usual_button.click()
    assert form.settings().variation == Variation()


def test_objectives_are_added_renamed_and_removed(form):
    table = form.microscope.objectives
    table.add_button.click()
    assert "give each objective a name" in table.error.text()
    for column, text in ((NAME, "60x"), (MAGNIFICATION, "60"), (NA, "0.85")):
        set_cell(form, 4, column, text)
    assert form.settings().microscope.lens("60x") == Objective(magnification=60, numerical_aperture=0.85)
    field(form.microscope.lenses, "stack_objective").setValue("60x")
    field(form.field, "objective").setValue("20x")

    set_cell(form, 4, NAME, "Plan 60")
    set_cell(form, 2, NAME, "Plan 20")
    assert form.settings().microscope.stack_objective == "Plan 60"
    assert form.settings().objective == "Plan 20"

    table.table.setCurrentCell(2, 0)
    table.remove_button.click()
    assert "unknown objective 'Plan 20'" in error(form.field, "objective"), "no other one is chosen silently"
    field(form.field, "objective").setValue("4x")
    assert list(form.settings().microscope.objectives) == ["4x", "10x", "40x", "Plan 60"]

    table.table.setCurrentCell(3, 0)
    table.remove_button.click()
    assert "stack_objective 'Plan 60'" in error(form.microscope.lenses, "stack_objective")
    for _ in range(5):
        table.remove_button.click()
    assert len(table.names()) == 1
    assert not table.remove_button.isEnabled()


@pytest.mark.parametrize("name", ["field_px", "scene"])
def test_wheel_scrolls_the_form_and_changes_no_value(form, monkeypatch, name):
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    def turn():
        event = QWheelEvent(
            *(QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, -120), Qt.MouseButton.NoButton),
            *(Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False),
        )
        QApplication.sendEvent(wheeled, event)

    wheeled = field(form.field, name)
    before = wheeled.value()
    wheeled.clearFocus()
    turn()
    assert wheeled.value() == before
    monkeypatch.setattr(wheeled, "hasFocus", lambda: True)  # a display without a window manager gives none
    turn()
    assert wheeled.value() != before


def test_settings_of_the_microscope_that_have_no_field_would_be_kept(form):
    with pytest.raises(ValidationError):
        Microscope.model_validate({"unheard_of": 1})
    assert set(form.microscope.value()) == set(Microscope.model_fields)
