"""The part of the form that says how an image was taken, for networks that can be told it."""

from dataclasses import replace

import pytest

from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.training.known_runs import remember_run

pytestmark = pytest.mark.gui


@pytest.fixture
def aware(untrained, tmp_path):
    """A run's network that can be told the optics."""
    path = untrained(tmp_path / "aware" / "best.safetensors", takes_optics=True, name="aware")
    remember_run(path.parent)
    return path


@pytest.fixture
def form(viewer, open_widget, frame, bundled, aware, qtbot):
    """The form with a frame of known aperture, and both kinds of network."""
    add_image(viewer, replace(frame, numerical_aperture=0.25, coherence=0.6))
    widget = open_widget("Predict phase")
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    return widget


def test_optics_are_asked_for_only_where_a_network_can_be_told_them(form, aware):
    assert form.optics.isHidden()
    form.model.value = str(aware)
    assert not form.optics.isHidden()
    form.model.value = "all"
    assert form.optics.isHidden()
    form.own_model.value = aware
    assert not form.optics.isHidden()


def test_a_network_is_told_what_the_file_states_and_what_was_typed(viewer, form, aware, finish):
    form.model.value = str(aware)
    form.optics.header.setChecked(True)
    fields = form.optics.fields()
    assert (fields["numerical_aperture"].number, fields["coherence"].number) == (0.25, 0.6)
    fields["coherence"].setValue(0.8)
    fields["focus_um"].setValue(-5)
    form.run()
    finish(form)
    told = viewer.layers[-1].metadata[METADATA_KEY]["settings"]["predict"]["told"]
    assert told == {"numerical_aperture": 0.25, "coherence": 0.8, "focus_um": -5.0, "wavelength_um": 0.55}
    assert "It was told: NA 0.25, S 0.8, focus -5 µm." in form.panel.message.value


def test_a_number_that_was_cleared_is_not_told(viewer, form, aware, finish):
    form.model.value = str(aware)
    form.optics.fields()["coherence"].setValue(None)
    form.run()
    finish(form)
    assert "coherence" not in viewer.layers[-1].metadata[METADATA_KEY]["settings"]["predict"]["told"]
    assert "It was told: NA 0.25." in form.panel.message.value


def test_it_is_said_that_a_network_was_told_nothing(form, aware, finish):
    form.model.value = str(aware)
    for field in form.optics.fields().values():
        field.setValue(None)
    form.run()
    finish(form)
    assert "It was told: nothing of the optics." in form.panel.message.value


def test_the_focus_is_that_of_one_image(viewer, form, aware, frame):
    form.model.value = str(aware)
    form.optics.fields()["focus_um"].setValue(-5)
    form.image.value = add_image(viewer, replace(frame, name="another"))
    assert form.optics.fields()["focus_um"].number is None


def test_other_networks_are_not_told_anything(viewer, form, finish):
    form.run()
    finish(form)
    settings = viewer.layers[-1].metadata[METADATA_KEY]["settings"]["predict"]
    assert "told" not in settings
    assert "It was told" not in form.panel.message.value
    assert not any("cannot be told" in note for note in settings["notes"])
