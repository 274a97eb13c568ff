"""The plugin's page in napari's preferences, and the forms that begin with what was chosen there."""

from dataclasses import replace

import napari.settings
import pytest
from qtpy.QtWidgets import QComboBox, QListWidget

from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.shared.open import open_widget
from napari_contransgan.gui.shared.preferences import Preferences, folder_for_results, preferences
from napari_contransgan.gui.shared.remembered import remember_optics

PLUGIN = "napari-contransgan"

pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(
        not hasattr(napari.settings, "get_plugin_settings"),
        reason="this version of napari has no preferences of plugins",
    ),
]


@pytest.fixture
def page(viewer, tmp_path, monkeypatch):
    """The settings behind the page, in a file of this test alone."""
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(tmp_path / "settings.yaml"))
    napari.settings._clear_plugin_settings_cache()
    yield napari.settings.get_plugin_settings(PLUGIN).forms
    napari.settings._clear_plugin_settings_cache()


@pytest.fixture
def plain_stack(bump_stack):
    return replace(bump_stack, wavelength_um=None)


def test_napari_shows_a_page_and_what_is_chosen_there_is_read(viewer, page):
    assert preferences() == Preferences()
    dialog = viewer.window._open_preferences_dialog()
    (pages,) = dialog.findChildren(QListWidget, "Preferences")
    (row,) = [row for row in range(pages.count()) if pages.item(row).text() == "ContransGAN"]
    pages.setCurrentRow(row)
    (device,) = [one for one in dialog._stack.currentWidget().findChildren(QComboBox) if one.findText("cuda") >= 0]
    device.setCurrentText("cpu")
    assert page.device == "cpu"
    assert preferences().device == "cpu"
    dialog.accept()


def test_a_new_form_begins_with_the_usual_wavelength_unless_one_is_stated_or_remembered(viewer, page, plain_stack):
    page.wavelength_nm = 530
    layer = add_image(viewer, plain_stack)
    widget = open_widget(viewer, "tie")
    assert (widget.wavelength.number, widget.wavelength.origin) == (0.53, "from the preferences")
    assert widget.form.fields.rows["wavelength_um"].note.text() == "from the preferences"
    assert not widget.wavelength.typed

    widget.use(add_image(viewer, replace(plain_stack, wavelength_um=0.6, name="stated")))
    assert widget.wavelength.number == 0.6
    remember_optics(plain_stack, {"wavelength_um": 0.7})
    widget.use(layer)
    assert (widget.wavelength.number, widget.wavelength.origin) == (0.7, "as typed before")


def test_device_and_threads_reach_training_prediction_and_adapting(viewer, page, plain_stack):
    add_image(viewer, plain_stack)
    page.update({"device": "cpu", "threads": 3})
    train, predict, adapt = (open_widget(viewer, name) for name in ("train", "predict", "adapt"))
    for settings in (predict.settings(), adapt.settings()):
        assert (settings.device, settings.threads) == ("cpu", 3)
    typed = train.form.value()
    assert (typed["device"], typed["threads"]) == ("cpu", 3)

    notes = [train.form.advanced.rows[name].note for name in ("device", "threads")]
    assert [note.text() for note in notes] == ["from the preferences"] * 2
    train.form.advanced["device"].setValue("cuda")
    assert [note.text() for note in notes] == ["", "from the preferences"]


def test_a_dock_that_is_opened_again_follows_the_preferences_but_for_what_was_chosen_in_it(viewer, page):
    page.update({"device": "cpu", "threads": 3})
    widget = open_widget(viewer, "train")
    widget.form.advanced["threads"].setValue(5)
    viewer.window.remove_dock_widget(widget.parent())
    page.update({"device": "cuda", "threads": 4})
    settings = open_widget(viewer, "train").form.advanced.value()
    assert (settings["device"], settings["threads"]) == ("cuda", 5)


def test_the_preferred_network_is_offered_first(viewer, page, frame, qtbot):
    page.network = "psm"
    add_image(viewer, frame)
    widget = open_widget(viewer, "predict")
    qtbot.waitUntil(lambda: widget.model.value == "psm", timeout=60_000)
    assert "from the preferences" in widget.brief.text()
    widget.model.value = "all"
    assert "from the preferences" not in widget.brief.text()


def test_results_are_saved_in_the_chosen_folder_or_next_to_the_image(page, tmp_path):
    assert folder_for_results(tmp_path / "image.tif") == tmp_path
    assert folder_for_results(None) is None
    page.results_folder = str(tmp_path / "results")
    assert folder_for_results(tmp_path / "image.tif") == tmp_path / "results"


def test_napari_without_preferences_of_plugins_gives_the_defaults(monkeypatch):
    monkeypatch.delattr(napari.settings, "get_plugin_settings", raising=False)
    assert preferences() == Preferences()
    monkeypatch.setattr(napari.settings, "get_plugin_settings", dict, raising=False)
    assert preferences() == Preferences()
