"""The networks that the widget offers, their cards, and those of the user."""

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.predict.widget import LISTING
from napari_contransgan.gui.shared.form import shown_as_text
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.progress import result_of
from napari_contransgan.training.known_runs import remember_run

pytestmark = pytest.mark.gui


NAME = "Predict phase"


def test_networks_are_listed_with_their_cards(open_widget, bundled, qtbot):
    widget = open_widget(NAME)
    assert widget.brief.text() == LISTING
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    assert LISTING not in widget.brief.text()
    assert list(widget.model.choices) == ["all"]


@pytest.fixture
def trained(untrained, tmp_path):
    """Make the folder of a run that was trained here, with a network of its own."""

    def make(name, seed=1):
        untrained(tmp_path / name / "best.safetensors", seed, name=name, description=f"The card of {name}.")
        remember_run(tmp_path / name)
        return tmp_path / name

    return make


def titles(widget):
    return [widget.model.native.itemText(index) for index in range(widget.model.native.count())]


def test_long_names_of_networks_do_not_widen_the_form(viewer, open_widget, bundled, trained, qtbot):
    trained("a network with a name that is as long as a whole sentence and does not end soon")
    viewer.window.resize(1280, 800)
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: len(widget.model.choices) == 2, timeout=60_000)
    qtbot.wait(200)
    scrolled = widget.scroll_area
    assert scrolled.widget().minimumSizeHint().width() <= scrolled.viewport().width()


def test_run_that_was_just_trained_can_be_chosen_at_once(
    viewer, open_widget, click, finish, frame, bundled, trained, qtbot
):
    from napari_contransgan.inference import predict

    add_image(viewer, frame)
    first = trained("first")
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    assert titles(widget) == ["all", "run: first"]
    widget.model.value = str(first / "best.safetensors")
    second = trained("second")
    combo = widget.model.native
    qtbot.mousePress(combo, Qt.MouseButton.LeftButton)
    assert titles(widget) == ["all", "run: second", "run: first"]
    combo.hidePopup()
    assert widget.model.value == str(first / "best.safetensors")
    widget.model.value = str(second / "best.safetensors")
    qtbot.waitUntil(lambda: widget.card.value == "The card of second.", timeout=60_000)
    assert str(second) in widget.card.tooltip
    click(widget.panel.run_button)
    finish(widget)
    truth = result_of(predict(frame, PredictSettings(model=str(second))))
    assert np.allclose(viewer.layers["frame phase (predicted)"].data, truth.data, atol=1e-3)


def test_list_is_fresh_when_the_widget_is_shown_again(open_widget, bundled, trained, qtbot):
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    dock = widget.native.parentWidget()
    dock.hide()
    run = trained("run")
    assert titles(widget) == ["all"]
    dock.show()
    assert titles(widget) == ["all", "run: run"]
    dock.hide()
    (run / "best.safetensors").unlink()
    dock.show()
    assert titles(widget) == ["all"]


def test_run_whose_network_is_broken_says_so_and_harms_no_other(open_widget, bundled, trained, qtbot, messages):
    run = trained("run")
    (run / "best.safetensors").write_text("cut short")
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    widget.model.value = str(run / "best.safetensors")
    assert "is not a checkpoint" in widget.card.value
    assert messages() == []


def test_layers_that_come_and_go_leave_the_choice_alone(viewer, open_widget, bundled, trained, frame, qtbot):
    run = trained("run")
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    widget.model.value = str(run / "best.safetensors")
    add_image(viewer, frame)
    viewer.layers.clear()
    assert widget.model.value == str(run / "best.safetensors")


def test_own_network_from_a_file(viewer, open_widget, click, finish, frame, network):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.own_model.value = network
    click(widget.panel.run_button)
    finish(widget)
    assert (
        viewer.layers["frame phase (predicted)"].metadata[METADATA_KEY]["settings"]["predict"]["network"] == "untrained"
    )


def test_card_has_two_lines_and_the_rest_on_a_click(open_widget, bundled, qtbot):
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    assert widget.brief.text() == "A network for tests."
    assert not widget.card.native.isVisible()
    qtbot.mouseClick(widget.about.header, Qt.MouseButton.LeftButton)
    assert widget.card.native.isVisible()


def test_brief_of_a_network_for_one_specimen_warns():
    from napari_contransgan.gui.predict.cards import summary_of
    from napari_contransgan.models.bundled import list_models

    briefs = {name: summary_of(card).brief for name, card in list_models().items()}
    assert [name for name, brief in briefs.items() if "use the network all" in brief] == ["hela", "psm"]


def test_brief_names_purpose_and_accuracy():
    from napari_contransgan.gui.predict.cards import summary_of
    from napari_contransgan.models.checkpoint import ModelCard

    card = ModelCard(
        name="all: contrans compact, beads and cells",
        generator="unet",
        preset="tiny",
        phase_ref_rad=2.0,
        figures={"cells": {"slope_p10": 0.7, "slope_p90": 0.9}, "beads": {"slope_p10": 0.8, "slope_p90": 1.04}},
    )
    assert summary_of(card).brief.splitlines() == [
        "For beads and cells.",
        "On simulated images it was not trained on, phases came out 0.70 to 1.04 times the true ones; real images can "
        "be further off.",
    ]


def test_file_that_is_no_network_is_told(viewer, open_widget, click, finish, frame, messages, tmp_path):
    path = tmp_path / "holiday.safetensors"
    path.write_text("a photograph")
    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.own_model.value = path
    click(widget.panel.run_button)
    finish(widget)
    assert any("holiday.safetensors" in message and "[error]" in message for message in messages())
    assert len(viewer.layers) == 1


def test_the_card_of_a_stranger_is_shown_as_text(open_widget, bundled):
    widget = open_widget(NAME)
    assert widget.brief.textFormat() == Qt.TextFormat.PlainText
    assert widget.card.native.textFormat() == Qt.TextFormat.PlainText
    assert shown_as_text('A <img src="x"> network\nof 2 kinds') == (
        "<qt>A &lt;img src=&quot;x&quot;&gt; network<br>of 2 kinds</qt>"
    )
    assert shown_as_text("plain & simple") == "plain & simple"
