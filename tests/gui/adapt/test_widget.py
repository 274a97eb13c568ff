"""Adapting a network from the window, and finding it again in the widget that predicts."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.adapting.events import AdaptPreview, PartScores
from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.simulation.fields import image_stack
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.training.known_runs import known_runs

NAME = "Adapt to my microscope"

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def stack():
    microscope = Microscope(stack_objective="10x", stack_coherence=0.5, stack_dz_um=5.0)
    settings = SimulationSettings(microscope=microscope, objective="10x", scene="dense", seed=31, field_px=256)
    return replace(image_stack(draw_specimen(settings, 0), settings, 0), settings={}, name="my stack")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A tiny network under the name of the bundled one, and a training of one step."""
    import torch

    from napari_contransgan.config import AdaptSettings
    from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
    from napari_contransgan.models.registry import build_generator

    torch.manual_seed(0)
    card = ModelCard(name="untrained", generator="contrans", preset="tiny", phase_ref_rad=2.0)
    save_checkpoint(tmp_path / "weights" / "all.safetensors", build_generator("contrans", "tiny"), card)
    monkeypatch.setattr("napari_contransgan.models.bundled.WEIGHTS", tmp_path / "weights")
    few = {"steps": 1, "precision": "fp32", "threads": 1}

    def quick(self, **changes):
        return self.model_copy(update=few | changes)

    monkeypatch.setattr(
        "napari_contransgan.gui.adapt.widget.AdaptWidget.settings",
        lambda widget, whole=_settings_of: quick(whole(widget)),
    )
    return AdaptSettings


def _settings_of(widget):
    from napari_contransgan.config import AdaptSettings, TieSettings

    tie = TieSettings(**widget.fields.values_of(TieSettings), drift=False)
    return AdaptSettings(**widget.fields.values_of(AdaptSettings), tie=tie)


def test_a_stack_becomes_a_network_that_predict_offers_first(
    viewer, open_widget, click, finish, stack, tiny, tmp_path, qtbot
):
    add_image(viewer, stack)
    widget = open_widget(NAME)
    assert widget.fields["name"].value() == "my 10x"
    assert widget.fields["pixel_size_um"].number == 0.65
    widget.folder.setValue([tmp_path / "run"])
    click(widget.panel.run_button)
    finish(widget)
    assert known_runs() == [tmp_path / "run"]
    assert "'my 10x'" in widget.panel.message.value
    assert widget.picture.isVisibleTo(widget.native)
    assert "slope" in widget.picture.text.text()

    predict = open_widget("Predict phase")
    qtbot.waitUntil(lambda: predict.model.choices[0] == str(tmp_path / "run" / "best.safetensors"), timeout=60_000)
    assert predict.model.value == predict.model.choices[0]
    assert "my stack" in predict.card.value


def test_a_missing_folder_is_named(viewer, open_widget, click, stack, messages):
    add_image(viewer, stack)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    assert any("Save to: choose a new folder" in message for message in messages())
    assert widget.panel.task is None


def test_cancelling_leaves_no_folder(viewer, open_widget, click, stack, tiny, tmp_path, qtbot):
    add_image(viewer, stack)
    widget = open_widget(NAME)
    widget.folder.setValue([tmp_path / "run"])
    click(widget.panel.run_button)
    click(widget.panel.cancel_button)
    qtbot.waitUntil(lambda: widget.panel.task is None, timeout=60_000)
    assert widget.panel.message.value == "Cancelled. Nothing was written."
    assert not (tmp_path / "run").exists()


def test_the_picture_shows_three_maps_in_the_same_grey_values(open_widget):
    widget = open_widget(NAME)
    label = np.zeros((64, 160), np.float32)
    label[:, 80:] = 2.0
    preview = AdaptPreview(4, PartScores(0.9, 0.95, 0.2), label, 0.5 * label, label, label)
    widget.picture.show_preview(preview)
    brightest = [picture.pixmap().toImage().pixelColor(20, 5).value() for picture in widget.picture._pictures]
    assert brightest[1] == brightest[2] > brightest[0] > 0
    assert "slope 0.90" in widget.picture.text.text()


def test_predict_opens_the_form(viewer, open_widget, click, stack):
    predict = open_widget("Predict phase")
    click(predict.adapt_button)
    assert any("Adapt to my microscope" in title for title in viewer.window.dock_widgets)
