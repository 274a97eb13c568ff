"""The form of the digital microscope: what it shows, gives back, marks as wrong, loads and saves."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.microscope import PRESETS, CameraModel, Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope import form as microscope_form
from napari_contransgan.gui.microscope import widget as microscope_widget
from napari_contransgan.gui.microscope.settings import SettingsForm
from napari_contransgan.gui.microscope.variation import no_variation
from napari_contransgan.gui.microscope.widget import MicroscopeWidget
from napari_contransgan.gui.shared.yaml_dialogs import ask_for_yaml, ask_where_to_save
from napari_contransgan.optics import Aberrations, Objective

NAME, MAGNIFICATION, NA, PIXEL = range(4)

OWN = Microscope(
    name="the one in the cellar",
    objectives={
        "5x": Objective(magnification=5, numerical_aperture=0.15),
        "Plan 32": Objective(
            magnification=32,
            numerical_aperture=0.4,
            aberrations=Aberrations(coma_x_um=0.03, spherical_um=-0.02),
        ),
    },
    wavelength_um=0.6328,
    bandwidth_um=0.0,
    coherence=1 / 3,
    stack_objective="Plan 32",
    stack_coherence=0.123456789012345,
    stack_dz_um=4.5,
    camera=CameraModel(pixel_um=3.45, frame_px=1024, bit_depth=10, full_well_e=10_400, exposure=0.5, read_noise_e=2.25),
    vignetting=0.1,
)


@pytest.fixture
def form(qtbot):
    made = SettingsForm()
    qtbot.addWidget(made)
    made.show()
    return made


def field(rows, name):
    return rows[name]


def error(rows, name):
    label = rows.rows[name].error
    return label.text() if not label.isHidden() else ""


def set_cell(form, row, column, text):
    form.microscope.objectives.table.item(row, column).setText(text)


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


def test_aberrations_survive_load_edit_rename_and_save(form, tmp_path):
    (tmp_path / "in.yaml").write_text(OWN.to_yaml())
    form.microscope.load(tmp_path / "in.yaml")
    assert form.microscope.preset.value() == "own"
    assert form.microscope.microscope() == OWN
    assert "Plan 32" in form.microscope.objectives.note.text()
    set_cell(form, 1, NAME, "32x")
    set_cell(form, 1, NA, "0.5")
    form.microscope.save(tmp_path / "out.yaml")
    saved = Microscope.from_yaml(tmp_path / "out.yaml")
    assert saved.objectives["32x"] == OWN.objectives["Plan 32"].model_copy(update={"numerical_aperture": 0.5})
    assert saved.stack_objective == "32x"
    form.microscope.preset.setValue("paper")
    assert form.microscope.objectives.note.isHidden()
    assert form.microscope.microscope() == Microscope()


def test_file_that_is_no_microscope_is_told_in_the_form_and_changes_nothing(form, tmp_path, messages):
    for text, reason in (("objectives: {}", "objectives"), ("- 1", "contains no settings"), ("colour: red", "colour")):
        (tmp_path / "bad.yaml").write_text(text)
        form.microscope.load(tmp_path / "bad.yaml")
        assert reason in form.microscope.message.text()
        assert "bad.yaml" in form.microscope.message.text()
        assert form.microscope.microscope() == Microscope()
    form.microscope.load(tmp_path / "absent.yaml")
    assert "absent.yaml" in form.microscope.message.text()
    assert messages() == []


def test_microscope_with_a_wrong_value_is_not_saved(form, tmp_path):
    field(form.microscope.light, "coherence").setText("0")
    form.microscope.save(tmp_path / "out.yaml")
    assert "Not saved" in form.microscope.message.text()
    field(form.microscope.light, "coherence").setText("0.5")
    (tmp_path / "file").write_text("")
    form.microscope.save(tmp_path / "file" / "out.yaml")
    assert "Not saved" in form.microscope.message.text()
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_buttons_ask_for_the_files(qtbot, viewer, tmp_path, monkeypatch):
    widget = MicroscopeWidget(viewer)
    qtbot.addWidget(widget)
    path = tmp_path / "all.yaml"
    for module in (microscope_form, microscope_widget):
        monkeypatch.setattr(module, "ask_where_to_save", lambda *_: path)
        monkeypatch.setattr(module, "ask_for_yaml", lambda *_: path)
    settings = SimulationSettings(microscope=OWN, objective="5x", seed=3, count=9, scene="sparse")
    widget.form.setValue(settings)
    widget.dataset.count.setValue(9)
    widget.save_button.click()
    assert SimulationSettings.from_yaml(path) == settings
    widget.form.setValue(SimulationSettings())
    widget.dataset.count.setValue(1)
    widget.load_button.click()
    assert widget.form.settings() == settings
    assert widget.dataset.count.value() == 9
    widget.form.microscope.save_button.click()
    widget.form.microscope.preset.setValue("led")
    widget.form.microscope.load_button.click()
    assert widget.form.microscope.microscope() == OWN

    for module in (microscope_form, microscope_widget):
        monkeypatch.setattr(module, "ask_where_to_save", lambda *_: None)
        monkeypatch.setattr(module, "ask_for_yaml", lambda *_: None)
    for button in (
        widget.save_button,
        widget.load_button,
        widget.form.microscope.save_button,
        widget.form.microscope.load_button,
    ):
        button.click()
    assert widget.form.settings().microscope == OWN


def test_bad_file_of_settings_is_told_in_the_window(qtbot, viewer, tmp_path):
    widget = MicroscopeWidget(viewer)
    qtbot.addWidget(widget)
    (tmp_path / "bad.yaml").write_text("field_px: 3")
    widget.load(tmp_path / "bad.yaml")
    assert "field_px" in widget.text.text()
    assert widget.form.settings() == SimulationSettings()
    field(widget.form.microscope.light, "coherence").setText("0")
    widget.save(tmp_path / "out.yaml")
    assert "Not saved" in widget.text.text()


def test_file_dialogs_give_paths(qtbot, form, monkeypatch, tmp_path):
    from qtpy.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "a.yaml"), ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "b"), ""))
    assert ask_for_yaml(form, "x") == tmp_path / "a.yaml"
    assert ask_where_to_save(form, "x", "y.yaml") == tmp_path / "b.yaml"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    assert ask_for_yaml(form, "x") is None
    assert ask_where_to_save(form, "x", "y.yaml") is None


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


def test_example_of_the_docs_is_a_microscope(form, tmp_path):
    page = (Path(__file__).resolve().parents[3] / "docs" / "microscope.md").read_text(encoding="utf-8")
    (tmp_path / "docs.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    form.microscope.load(tmp_path / "docs.yaml")
    microscope = form.microscope.microscope()
    assert microscope.name == "upright stand in room 12"
    assert microscope == Microscope.from_yaml(tmp_path / "docs.yaml")
    assert form.settings().microscope == microscope
