"""Predicting phase from the window: the widget, and what can go wrong."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Surface

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.predict.error_view import bands_of
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.progress import result_of

pytestmark = pytest.mark.gui


NAME = "Predict phase"


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


def test_surface_comes_along_when_asked(viewer, open_widget, click, finish, frame, bundled):
    add_image(viewer, frame)
    widget = open_widget(NAME)
    widget.surface.setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    assert any(isinstance(layer, Surface) for layer in viewer.layers)
    assert viewer.dims.ndisplay == 3


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
