"""The form of the digital microscope: what it loads and saves."""

from pathlib import Path

import pytest
from tests.gui.microscope.microscope_form import NA, NAME, OWN, field, set_cell

from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.gui.microscope import form as microscope_form
from napari_contransgan.gui.microscope import widget as microscope_widget
from napari_contransgan.gui.microscope.widget import MicroscopeWidget
from napari_contransgan.gui.shared.yaml_dialogs import ask_for_yaml, ask_where_to_save

pytestmark = pytest.mark.gui


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


def test_example_of_the_docs_is_a_microscope(form, tmp_path):
    page = (Path(__file__).resolve().parents[3] / "docs" / "microscope.md").read_text(encoding="utf-8")
    (tmp_path / "docs.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    form.microscope.load(tmp_path / "docs.yaml")
    microscope = form.microscope.microscope()
    assert microscope.name == "upright stand in room 12"
    assert microscope == Microscope.from_yaml(tmp_path / "docs.yaml")
    assert form.settings().microscope == microscope
