"""The widget that computes phase from a focus stack, driven in a real viewer."""

import time
from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.gui.files import readers
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image, image_from_layer
from napari_contransgan.gui.tie import results as tie_results
from napari_contransgan.progress import Progress

NAME = "Phase from focus stack (TIE)"

pytestmark = pytest.mark.gui


def test_dropped_stack_gives_the_phase_over_it(
    viewer, open_widget, click, finish, saved, bump_stack, yx_bump_rad, messages
):
    viewer.open(saved(bump_stack), plugin="napari-contransgan")
    widget = open_widget(NAME)
    assert widget.pixel_size.number == bump_stack.pixel_size_um
    assert widget.dz.number == bump_stack.z_step_um
    assert widget.wavelength.number == bump_stack.wavelength_um
    assert [field.origin for field in (widget.pixel_size, widget.dz, widget.wavelength)] == ["from file"] * 3
    widget.regularisation.setText("0")

    click(widget.panel.run_button)
    finish(widget)

    layer = viewer.layers["bump stack phase (TIE)"]
    assert layer.data.dtype == np.float32
    assert np.corrcoef(layer.data.ravel(), yx_bump_rad.ravel())[0, 1] > 0.999
    assert layer.data.max() == pytest.approx(yx_bump_rad.max(), rel=0.02)
    assert tuple(layer.scale) == (0.325, 0.325)
    assert tuple(layer.translate) == (12.5, -7.25)
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    assert layer.axis_labels == ("y", "x")
    assert layer.metadata[METADATA_KEY]["quantity"] == "phase"
    assert layer.metadata[METADATA_KEY]["settings"]["tie"]["dz_um"] == 1.0
    assert messages() == []


def test_falling_z_turns_the_sign(viewer, open_widget, click, finish, bump_stack):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.method.setValue("teague")
    widget.flip_z.setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    data = viewer.layers["bump stack phase (TIE)"].data
    assert data[48, 48] < -0.5


def test_stack_opened_by_napari_itself_is_not_taken_to_have_a_pixel_size(
    viewer, open_widget, click, finish, saved, bump_stack, messages
):
    viewer.open(saved(bump_stack), plugin="napari")
    widget = open_widget(NAME)
    assert widget.pixel_size.number is None
    assert widget.dz.number is None

    widget.dz.setText("1.0")
    click(widget.panel.run_button)
    finish(widget)
    assert any("No pixel size" in message for message in messages())
    assert len(viewer.layers) == 1

    widget.pixel_size.setText("0,325")  # a decimal comma is understood
    click(widget.panel.run_button)
    finish(widget)
    stack, phase = viewer.layers
    assert tuple(phase.scale) == (0.325, 0.325)
    assert tuple(stack.scale[-2:]) == (0.325, 0.325), "the stack must lie under its phase"
    assert [str(unit) for unit in stack.units] == ["micrometer"] * 3


def test_only_a_pixel_size_that_was_typed_before_the_run_is_given_to_the_stack(
    viewer, open_widget, click, finish, bump_stack, messages
):
    add_image(viewer, replace(bump_stack, pixel_size_um=None))
    widget = open_widget(NAME)
    widget.pixel_size.setText("0.325")
    widget.dz.setText("1")
    click(widget.panel.run_button)
    widget.pixel_size.state(0.7, "of another layer, chosen meanwhile")
    finish(widget)
    assert tuple(viewer.layers["bump stack"].scale[-2:]) == (0.325, 0.325)
    assert messages() == []


@pytest.mark.parametrize(
    ("change", "typed", "expected"),
    [
        ({}, {"dz": "0"}, "dz"),
        ({}, {"dz": "three"}, "Plane distance (µm): 'three' is not a valid number"),
        ({}, {"wavelength": "550"}, "did you mean 0.55 um"),
        ({}, {"wavelength": ""}, "Wavelength"),
        ({}, {"pixel_size": "0"}, "pixel size"),
        ({}, {"focus": "7"}, "plane"),
        ({}, {"focus": "0.5"}, "Plane in focus"),
        ({}, {"focus": "nan"}, "Plane in focus"),
        ({"data": np.full((3, 32, 32), 7, np.uint16)}, {}, "same value"),
        ({"data": np.full((3, 32, 32), np.nan, np.float32)}, {}, "NaN"),
        ({"data": np.arange(1024.0).reshape(32, 32), "axes": "YX", "z_step_um": None}, {}, "plane"),
    ],
    ids=[
        "dz 0",
        "dz word",
        "nm",
        "no wavelength",
        "pixel 0",
        "focus 7",
        "focus 0.5",
        "focus nan",
        "flat",
        "NaN",
        "one plane",
    ],
)
def test_bad_input_is_told_in_one_notification(viewer, open_widget, bump_stack, refused, change, typed, expected):
    add_image(viewer, replace(bump_stack, **change))
    widget = open_widget(NAME)
    for field, text in typed.items():
        getattr(widget, field).setText(text)
    refused(widget, expected)


def test_no_layer_at_all_is_told(open_widget, click, messages):
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    assert messages() == [
        "[error] there is no image layer: open an image first, for example by dragging it onto the window"
    ]


def test_window_stays_responsive_while_it_computes(viewer, open_widget, click, finish, bump_stack, beats):
    times = 8
    lapse = replace(bump_stack, data=np.stack([bump_stack.data] * times), axes="TZYX", time_step_s=5.0)
    big = np.kron(lapse.data, np.ones((1, 1, 5, 5), np.float32))
    add_image(viewer, replace(lapse, data=big))
    widget = open_widget(NAME)
    # The steps between enlarged pixels turn with focus, as no image does.
    widget.form.corrections.rows["drift"].setValue(False)
    click(widget.panel.run_button)
    beating = beats(10)
    finish(widget)
    gaps_s = beating.stop()
    layer = viewer.layers["bump stack phase (TIE)"]
    assert layer.data.shape == (times, 1, 480, 480)
    assert tuple(layer.scale) == (5.0, 3.0, 0.325, 0.325)
    assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer", "micrometer"]
    assert len(gaps_s) > 20
    assert np.quantile(gaps_s, 0.95) < 0.25, "the window must answer at least four times a second"


def test_cancel_stops_at_the_next_step_and_closes_the_generator(
    viewer, open_widget, click, finish, bump_stack, monkeypatch, qtbot, messages
):
    ended = []

    def endless(image, settings):
        try:
            for step in range(10_000):
                time.sleep(0.01)
                yield Progress(step, 10_000, "working")
        finally:
            ended.append(True)

    monkeypatch.setattr(tie_results, "retrieve_phase", endless)
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    qtbot.waitUntil(lambda: widget.panel.message.value == "working")
    assert not widget.panel.run_button.enabled
    assert widget.panel.bar.native.maximum() == 10_000
    click(widget.panel.cancel_button)
    finish(widget)
    assert ended == [True]
    assert widget.panel.message.value == "Cancelled."
    assert len(viewer.layers) == 1
    assert messages() == []


def test_stack_deleted_while_it_computes_does_no_harm(viewer, open_widget, click, finish, bump_stack, messages):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.pixel_size.setText("0.5")
    click(widget.panel.run_button)
    viewer.layers.clear()
    finish(widget)
    assert [layer.name for layer in viewer.layers] == ["bump stack phase (TIE)"]
    assert messages() == []


def test_saved_phase_comes_back_with_nothing_lost(viewer, open_widget, click, finish, bump_stack, tmp_path):
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    viewer.layers.selection = {viewer.layers["bump stack phase (TIE)"]}
    before = image_from_layer(viewer.layers["bump stack phase (TIE)"])
    path = tmp_path / "phase.ome.tif"
    assert viewer.layers.save(str(path), selected=True, plugin="napari-contransgan") == [str(path)]
    (layer,) = viewer.open(path, plugin="napari-contransgan")
    after = image_from_layer(layer)
    assert np.array_equal(before.data, after.data)
    assert replace(before, data=None, name="") == replace(after, data=None, name="")
    assert after.settings["tie"]["regularisation"] is not None


def test_large_time_series_stays_in_its_file_until_it_is_needed(
    viewer, open_widget, click, finish, saved, bump_stack, monkeypatch, messages
):
    monkeypatch.setattr(readers, "LAZY_BYTES", 1000)
    lapse = replace(bump_stack, data=np.stack([bump_stack.data] * 3), axes="TZYX", time_step_s=5.0)
    (stack,) = viewer.open(saved(lapse), plugin="napari-contransgan")
    assert not isinstance(stack.data, np.ndarray)
    assert stack.data.chunksize == (1, 3, 96, 96)
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    assert messages() == []
    phase = viewer.layers["bump stack phase (TIE)"]
    assert phase.data[:, 0, 48, 48] == pytest.approx([0.8] * 3, abs=0.05)
    assert not isinstance(stack.data, np.ndarray)
