"""Predicting phase from the window: the widget, the one-click command, and what can go wrong."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Surface
from qtpy.QtCore import Qt

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.predict.action import predict_active_layer
from napari_contransgan.gui.predict.error_view import bands_of
from napari_contransgan.gui.shared.form import shown_as_text
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image, image_from_layer
from napari_contransgan.progress import result_of
from napari_contransgan.training.known_runs import remember_run

NAME = "Predict phase"

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small untrained network in a folder of its own, under the name of the bundled default one."""
    import torch

    from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
    from napari_contransgan.models.registry import build_generator

    torch.manual_seed(0)
    card = ModelCard(
        name="untrained",
        description="A network for tests.",
        generator="unet",
        preset="tiny",
        phase_ref_rad=2.0,
        limits="It knows nothing.",
    )
    path = tmp_path_factory.mktemp("weights") / "all.safetensors"
    save_checkpoint(path, build_generator("unet", "tiny"), card)
    return path


@pytest.fixture
def bundled(network, monkeypatch):
    monkeypatch.setattr("napari_contransgan.models.bundled.WEIGHTS", network.parent)
    return network


@pytest.fixture
def expected(network):
    def predicted(image):
        from napari_contransgan.inference import predict

        return result_of(predict(image, PredictSettings(model=str(network))))

    return predicted


def test_frame_becomes_phase_exactly_over_it(
    viewer, open_widget, click, finish, saved, frame, bundled, expected, messages
):
    viewer.open(saved(frame), plugin="napari-contransgan")
    widget = open_widget(NAME)
    assert widget.pixel_size.number == 0.65
    assert widget.pixel_size.origin == "from file"
    click(widget.panel.run_button)
    finish(widget)

    layer = viewer.layers["frame phase (predicted)"]
    truth = expected(frame)
    assert np.allclose(layer.data, truth.data, atol=1e-3)
    assert layer.data.shape == (128, 192)
    assert tuple(layer.scale) == (0.325, 0.325)
    assert tuple(layer.translate) == pytest.approx((100.0 - 0.1625, 50.0 - 0.1625))
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    under, over = viewer.layers["frame"].extent.world, layer.extent.world
    edge = np.array([[-0.325] * 2, [0.325] * 2])  # extents run from pixel centre to pixel centre
    fine_edge = np.array([[-0.1625] * 2, [0.1625] * 2])
    assert np.allclose(under + edge, over + fine_edge)
    details = layer.metadata[METADATA_KEY]
    assert f"Computed on {truth.settings['predict']['device']}." in widget.panel.message.value
    assert details["quantity"] == "phase"
    assert details["settings"]["predict"]["model"] == "all"
    assert not any(message.startswith("[error]") for message in messages())


def test_uncertainty_comes_as_a_layer_of_its_own_under_the_phase(
    viewer, open_widget, click, finish, frame, bundled, network
):
    from napari_contransgan.inference import predict_with_uncertainty

    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.fields["trust"].setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    truth = result_of(predict_with_uncertainty(frame, PredictSettings(model=str(network), trust=True)))
    phase, uncertainty = (viewer.layers[f"frame {kind} (predicted)"] for kind in ("phase", "uncertainty"))
    assert np.allclose(phase.data, truth.phase.data, atol=1e-3)
    assert np.allclose(uncertainty.data, truth.uncertainty.data, atol=1e-3)
    assert viewer.layers.index(phase) > viewer.layers.index(uncertainty)
    assert tuple(uncertainty.translate) == tuple(phase.translate)
    assert uncertainty.metadata[METADATA_KEY]["quantity"] == "phase-std"
    assert phase.visible
    assert not uncertainty.visible
    assert "Hidden in the layer list: uncertainty" in widget.panel.message.value


@pytest.mark.parametrize("view", ["layer", "contours"])
def test_the_likely_error_appears_over_the_phase_as_it_was_chosen(
    viewer, open_widget, bundled, frame, click, finish, view
):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    assert not widget.error_view.isEnabled()
    widget.fields["trust"].setValue(True)
    assert widget.error_view.isEnabled()
    widget.error_view.setValue(view)
    click(widget.panel.run_button)
    finish(widget)
    phase, error = (viewer.layers[f"frame {kind} (predicted)"] for kind in ("phase", "uncertainty"))
    assert error.visible == (view == "layer")
    assert (viewer.layers.index(error) > viewer.layers.index(phase)) == (view == "layer")
    assert viewer.layers.selection.active == phase
    if view == "contours":
        contours = viewer.layers["frame uncertainty (predicted) contours"]
        assert np.array_equal(contours.data, bands_of(error.data))
        assert contours.contour == 1
        assert tuple(contours.translate) == tuple(phase.translate)
        assert "Contours show" in widget.panel.message.value


def test_contours_separate_errors_of_different_size():
    sigma_rad = np.array([[0.05, 0.15, 0.3], [0.7, 2.0, np.inf]])
    assert bands_of(sigma_rad).tolist() == [[0, 1, 2], [3, 4, 0]]


def test_networks_are_listed_with_their_cards(open_widget, bundled, qtbot):
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    assert list(widget.model.choices) == ["all"]


@pytest.fixture
def trained(tmp_path):
    """Make the folder of a run that was trained here, with a network of its own."""

    def make(name, seed=1):
        import torch

        from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
        from napari_contransgan.models.registry import build_generator

        torch.manual_seed(seed)
        card = ModelCard(
            name=name, description=f"The card of {name}.", generator="unet", preset="tiny", phase_ref_rad=2
        )
        (tmp_path / name).mkdir(parents=True)
        save_checkpoint(tmp_path / name / "best.safetensors", build_generator("unet", "tiny"), card)
        remember_run(tmp_path / name)
        return tmp_path / name

    return make


def titles(widget):
    return [widget.model.native.itemText(index) for index in range(widget.model.native.count())]


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


def test_surface_comes_along_when_asked(viewer, open_widget, click, finish, frame, bundled):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.surface.setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    assert any(isinstance(layer, Surface) for layer in viewer.layers)
    assert viewer.dims.ndisplay == 3


def test_own_network_from_a_file(viewer, open_widget, click, finish, frame, network):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.own_model.value = network
    click(widget.panel.run_button)
    finish(widget)
    assert (
        viewer.layers["frame phase (predicted)"].metadata[METADATA_KEY]["settings"]["predict"]["network"] == "untrained"
    )


def test_pixel_size_that_is_typed_in_puts_the_image_to_scale(
    viewer, open_widget, click, finish, frame, bundled, messages
):
    viewer.add_image(frame.data, name="plain")
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    assert messages() == ["[error] No pixel size in the file and none given: state it in um (layer 'plain')"]
    widget.pixel_size.setText("0.65")
    click(widget.panel.run_button)
    finish(widget)
    assert tuple(viewer.layers["plain"].scale) == (0.65, 0.65)
    assert tuple(viewer.layers["plain phase (predicted)"].scale) == (0.325, 0.325)


def test_what_is_typed_or_ticked_while_it_runs_counts_for_the_next_run(
    viewer, open_widget, click, finish, frame, bundled
):
    viewer.add_image(frame.data, name="plain")
    widget = open_widget(NAME)
    widget.pixel_size.setText("0.65")
    click(widget.panel.run_button)
    widget.pixel_size.state(0.7, "of another layer, chosen meanwhile")
    widget.surface.setValue(True)
    finish(widget)
    assert tuple(viewer.layers["plain"].scale) == (0.65, 0.65)
    assert not any(isinstance(layer, Surface) for layer in viewer.layers)


def test_time_lapse_is_predicted_frame_by_frame(viewer, open_widget, click, finish, frame, bundled, expected):
    lapse = replace(frame, data=np.stack([frame.data, frame.data[::-1]]), axes="TYX", time_step_s=10.0)
    add_image(viewer, lapse)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    layer = viewer.layers["frame phase (predicted)"]
    assert layer.data.shape == (2, 128, 192)
    assert tuple(layer.scale) == (10.0, 0.325, 0.325)
    assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]
    assert np.allclose(layer.data[0], expected(frame).data, atol=1e-3)


def test_colour_image_is_used_with_a_note(viewer, open_widget, click, finish, frame, bundled, messages):
    colours = np.stack([frame.data // 32] * 3, axis=-1).astype(np.uint8)
    add_image(viewer, replace(frame, data=colours, axes="YXS"))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    assert any(message.startswith("[info]") and "luminance" in message for message in messages())


def test_one_click_command_uses_the_active_image(viewer, qtbot, frame, bundled, expected):
    add_image(viewer, frame)
    predict_active_layer(viewer)
    qtbot.waitUntil(lambda: "frame phase (predicted)" in viewer.layers, timeout=60_000)
    phase = image_from_layer(viewer.layers["frame phase (predicted)"])
    assert np.allclose(phase.data, expected(frame).data, atol=1e-3)
    assert phase.pixel_size_um == 0.325


def test_command_stands_in_the_layers_menu_and_in_the_palette(viewer, qtbot, frame, bundled):
    from napari._app_model import get_app_model
    from napari._app_model.constants import MenuId

    app = get_app_model()
    command = "napari-contransgan.predict_active_layer"
    assert command in {item.command.id for item in app.menus.get_menu(MenuId.LAYERS_DATA)}
    assert command in {item.command.id for item in app.menus.get_menu(app.menus.COMMAND_PALETTE_ID)}
    add_image(viewer, frame)
    app.commands.execute_command(command).result()
    qtbot.waitUntil(lambda: "frame phase (predicted)" in viewer.layers, timeout=60_000)


def test_one_click_without_an_image_or_a_pixel_size_says_so(viewer, messages, bundled, qtbot):
    predict_active_layer(viewer)
    assert "no image layer is selected" in messages()[-1]
    viewer.add_image(np.zeros((40, 40)), name="plain")
    predict_active_layer(viewer)
    (widget,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: "states no pixel size" in widget.panel.message.value, timeout=60_000)
    assert widget.image.value is viewer.layers["plain"]
    assert widget.panel.task is None


def test_one_click_proposes_the_scale_of_a_layer_without_a_unit(viewer, bundled, qtbot):
    viewer.add_image(np.zeros((40, 40)), name="plain", scale=(0.65, 0.65))
    predict_active_layer(viewer)
    (widget,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: "states no pixel size" in widget.panel.message.value, timeout=60_000)
    assert (widget.pixel_size.number, widget.pixel_size.origin) == (0.65, "scale, if in µm")
    assert widget.pixel_size.typed


def test_one_click_predicts_all_selected_images_once(viewer, qtbot, frame, bundled):
    for name in ("one", "two"):
        add_image(viewer, replace(frame, name=name))
    viewer.layers.selection = set(viewer.layers)
    predict_active_layer(viewer)
    (widget,) = viewer.window.dock_widgets.values()
    qtbot.waitUntil(lambda: widget.panel.task is not None, timeout=60_000)
    predict_active_layer(viewer)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=60_000)
    qtbot.wait(300)
    qtbot.waitUntil(lambda: widget.panel.task is None, timeout=60_000)
    assert sorted(layer.name for layer in viewer.layers) == [
        "one",
        "one phase (predicted)",
        "two",
        "two phase (predicted)",
    ]
    assert [layer.name for layer in viewer.layers if getattr(layer.colorbar, "visible", False)] == [
        viewer.layers[-1].name
    ]


def test_card_has_two_lines_and_the_rest_on_a_click(open_widget, bundled, qtbot):
    widget = open_widget(NAME)
    qtbot.waitUntil(lambda: "It knows nothing." in widget.card.value, timeout=60_000)
    assert widget.brief.text() == "A network for tests."
    assert not widget.card.native.isVisible()
    qtbot.mouseClick(widget.about.header, Qt.MouseButton.LeftButton)
    assert widget.card.native.isVisible()


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


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"data": np.full((64, 64), 9, np.uint16)}, "same value"),
        ({"data": np.full((64, 64), np.nan, np.float32)}, "NaN"),
        ({"data": np.arange(100, dtype=np.uint16).reshape(10, 10)}, "32 x 32"),
        ({"quantity": "phase"}, "Already holds phase"),
    ],
    ids=["constant", "NaN", "too small", "phase"],
)
def test_bad_image_is_told_in_one_notification(viewer, open_widget, frame, bundled, refused, change, text):
    add_image(viewer, replace(frame, **change))
    refused(open_widget(NAME), text)


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


def test_closing_the_viewer_while_it_runs_does_no_harm(viewer, open_widget, click, frame, bundled, qtbot, messages):
    big = np.tile(frame.data, (16, 12))
    add_image(viewer, replace(frame, data=big))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    task = widget.panel.task
    qtbot.wait(200)
    viewer.close()
    qtbot.waitUntil(lambda: not task.running, timeout=60_000)
    assert messages() == []


def test_the_dark_level_comes_from_the_image_or_is_typed(viewer, open_widget, click, finish, frame, bundled, messages):
    add_image(viewer, replace(frame, data=frame.data + np.uint16(100), dark_counts=100.0))
    widget = open_widget(NAME)
    assert widget.settings().dark == 100
    for text, expected in (("", 0.0), ("90", 90.0)):
        widget.dark.setText(text)
        click(widget.panel.run_button)
        finish(widget)
        predicted = [layer for layer in viewer.layers if "predicted" in layer.name][-1]
        assert predicted.metadata[METADATA_KEY]["settings"]["predict"]["dark"] == expected
    assert not any("[error]" in message for message in messages())


def test_notes_of_all_frames_are_shown_and_doubts_about_the_file_too(
    viewer, open_widget, click, finish, frame, bundled
):
    frames = np.stack([frame.data, 0 * frame.data])
    add_image(viewer, replace(frame, data=frames, axes="TYX", notes=("The file names two pixel sizes.",)))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    lines = widget.panel.message.value.split("\n")
    assert "Note: The file names two pixel sizes." in lines
    assert any(line.startswith("Note: Frame 2 of 2: Left out, since every pixel") for line in lines)
    assert not any(line.endswith("..") for line in lines)


def test_the_card_of_a_stranger_is_shown_as_text(open_widget, bundled):
    widget = open_widget(NAME)
    assert widget.brief.textFormat() == Qt.TextFormat.PlainText
    assert widget.card.native.textFormat() == Qt.TextFormat.PlainText
    assert shown_as_text('A <img src="x"> network\nof 2 kinds') == (
        "<qt>A &lt;img src=&quot;x&quot;&gt; network<br>of 2 kinds</qt>"
    )
    assert shown_as_text("plain & simple") == "plain & simple"
