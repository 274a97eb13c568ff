"""The live preview of the TIE widget: it follows the form, the rectangle and the slider, and goes without a trace."""

import time
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image
from napari_contransgan.gui.tie import preview as tie_preview
from napari_contransgan.gui.tie import region as tie_region
from napari_contransgan.gui.tie.region import PreviewResult
from napari_contransgan.io import Image, write_image
from napari_contransgan.progress import Progress

NAME = "Phase from focus stack (TIE)"
SHOWN, REGION = "TIE preview", "TIE preview region"

pytestmark = pytest.mark.gui


def rectangle(top, left, bottom, right):
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]], dtype=float)


@pytest.fixture
def settle(qtbot):
    """Wait until the preview rests."""
    return lambda widget: qtbot.waitUntil(lambda: not widget.preview.busy, timeout=60_000)


@pytest.fixture
def previewed(viewer, open_widget, settle, bump_stack):
    """The widget with its preview on."""
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.preview_box.native.click()
    settle(widget)
    return widget


def assert_no_trace(viewer, widget):
    assert not {SHOWN, REGION} & {layer.name for layer in viewer.layers}
    assert not widget.preview.on
    assert not widget.preview_box.value
    assert widget.preview_text.value == ""


def test_switched_on_it_lies_over_the_stack_with_the_phase_of_the_region(viewer, previewed, yx_bump_rad, messages):
    assert [layer.name for layer in viewer.layers] == ["bump stack", SHOWN, REGION]
    shown, region = viewer.layers[SHOWN], viewer.layers[REGION]
    assert shown.data.shape == (96, 96)
    assert shown.data[48, 48] == pytest.approx(0.8, abs=0.1)
    for layer in (shown, region):
        assert tuple(layer.scale) == (0.325, 0.325)
        assert tuple(layer.translate) == (12.5, -7.25)
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert previewed.preview_text.value.startswith("Preview of 96 x 96 px: -0.0")
    assert viewer.layers.selection.active is region, "the rectangle can be moved at once"
    assert previewed.stack.value is viewer.layers["bump stack"]
    assert messages() == []


def test_region_is_a_square_in_the_middle(viewer, open_widget, settle, bump_stack, monkeypatch):
    monkeypatch.setattr(tie_region, "LARGEST_SIDE_PX", 64)
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.preview_box.value = True
    settle(widget)
    assert np.ptp(viewer.layers[REGION].data[0], axis=0) == pytest.approx([64, 64])
    shown = viewer.layers[SHOWN]
    assert shown.data.shape == (64, 64)
    assert tuple(shown.translate) == pytest.approx((12.5 + 16 * 0.325, -7.25 + 16 * 0.325))
    assert np.unravel_index(np.argmax(shown.data), shown.data.shape) == pytest.approx((32, 32), abs=2)


def test_moved_rectangle_is_followed(viewer, previewed, settle):
    viewer.layers[REGION].data = [rectangle(9.5, 29.5, 69.5, 119.5)]
    settle(previewed)
    shown = viewer.layers[SHOWN]
    assert shown.data.shape == (60, 66), "what lies beside the frame is left out"
    assert tuple(shown.translate) == pytest.approx((12.5 + 10 * 0.325, -7.25 + 30 * 0.325))


@pytest.mark.parametrize("data", [[], [rectangle(200, 200, 300, 300)], [rectangle(0, 0, 10, 10)]])
def test_useless_rectangle_is_told_and_a_better_one_is_taken(viewer, previewed, settle, data, messages):
    viewer.layers[REGION].data = data
    settle(previewed)
    assert "rectangle" in previewed.preview_text.value
    viewer.layers[REGION].data = [rectangle(0, 0, 50, 50)]
    settle(previewed)
    assert viewer.layers[SHOWN].data.shape == (50, 50)
    assert messages() == []


def test_edits_of_the_form_are_followed(viewer, previewed, settle):
    previewed.method.setValue("teague")
    previewed.flip_z.setValue(True)
    settle(previewed)
    assert viewer.layers[SHOWN].data[48, 48] < -0.5
    assert viewer.layers[SHOWN].contrast_limits[0] < -0.5
    assert "flip z" in previewed.preview_text.value
    viewer.layers[SHOWN].contrast_limits = (-2, 2)
    previewed.form.corrections.rows["drift"].setValue(False)
    previewed.flip_z.setValue(False)
    settle(previewed)
    assert viewer.layers[SHOWN].data[48, 48] > 0.5
    assert tuple(viewer.layers[SHOWN].contrast_limits) == (-2, 2), "the user's own choice stays"


def test_what_cannot_be_is_told_in_the_text_alone(viewer, previewed, settle, messages):
    for text, expected in (("three", "is not a valid number"), ("0", "0 um apart"), ("1", "Preview of")):
        previewed.dz.setText(text)
        settle(previewed)
        assert expected in previewed.preview_text.value
    assert messages() == []


def test_fault_of_the_program_is_told_in_the_text_alone(viewer, previewed, settle, messages, monkeypatch):
    def broken(image, settings):
        yield Progress(0, 1, "begin")
        raise RuntimeError("something odd")

    monkeypatch.setattr(tie_region, "retrieve_phase", broken)
    previewed.flip_z.setValue(True)
    settle(previewed)
    assert previewed.preview_text.value == "No preview: RuntimeError: something odd"
    assert messages() == []


LAST_DZ_UM = 5.0


@pytest.fixture
def slow_previews(monkeypatch):
    """Previews that end only when they are closed, but for that of `LAST_DZ_UM`; the list has all begins and ends."""
    told = []

    def slowly(image, settings, window, time_point):
        told.append(("begun", settings.dz_um))
        try:
            for _ in range(0 if settings.dz_um == LAST_DZ_UM else 2000):
                time.sleep(0.01)
                yield Progress(0, 0, "slow")
            told.append(("done", settings.dz_um))
        finally:
            told.append(("closed", settings.dz_um))
        phase = replace(image, data=np.full((96, 96), settings.dz_um, np.float32), axes="YX", quantity="phase")
        return PreviewResult(replace(phase, z_step_um=None), f"dz {settings.dz_um:g}")

    monkeypatch.setattr(tie_preview, "preview_events", slowly)
    return told


def test_newer_edit_supersedes_what_is_computed(
    viewer, open_widget, bump_stack, slow_previews, settle, qtbot, monkeypatch
):
    monkeypatch.setattr(tie_preview, "PAUSE_MS", 1500)  # edits follow sooner, even on a busy computer
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.preview_box.value = True
    texts = []
    widget.preview._on_text = texts.append
    qtbot.waitUntil(lambda: ("begun", 1.0) in slow_previews, timeout=20_000)
    for dz in ("2", "3", "4"):  # faster than the pause, so that 2 and 3 are never begun
        widget.dz.setText(dz)
        qtbot.wait(30)
    qtbot.waitUntil(lambda: ("begun", 4.0) in slow_previews, timeout=20_000)
    widget.dz.setText("5")
    settle(widget)
    assert slow_previews == [
        *(("begun", 1.0), ("closed", 1.0)),
        *(("begun", 4.0), ("closed", 4.0)),
        *(("begun", 5.0), ("done", 5.0), ("closed", 5.0)),
    ]
    assert [text for text in texts if text.startswith("dz")] == ["dz 5"], "no result that is out of date is shown"
    assert np.all(viewer.layers[SHOWN].data == 5.0)


def test_edit_while_the_old_one_does_not_stop_yet_comes_last(viewer, open_widget, bump_stack, settle, monkeypatch):
    def stubborn(image, settings, window, time_point):
        yield Progress(0, 0, "begin")
        time.sleep(1.0)
        phase = replace(image, data=np.full((96, 96), settings.dz_um, np.float32), axes="YX", quantity="phase")
        return PreviewResult(replace(phase, z_step_um=None), f"dz {settings.dz_um:g}")

    monkeypatch.setattr(tie_preview, "preview_events", stubborn)
    add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.preview_box.value = True
    texts = []
    widget.preview._on_text = texts.append
    widget.dz.setText("2")
    settle(widget)
    assert [text for text in texts if text.startswith("dz")] == ["dz 2"]
    assert np.all(viewer.layers[SHOWN].data == 2.0)


def test_switched_off_nothing_is_left(viewer, previewed, messages):
    previewed.preview_box.native.click()
    assert_no_trace(viewer, previewed)
    previewed.flip_z.setValue(True)
    assert not previewed.preview.busy
    assert messages() == []


@pytest.mark.parametrize("names", [[SHOWN], [REGION], [SHOWN, REGION], ["bump stack"]])
def test_deleting_a_layer_ends_it(viewer, previewed, qtbot, names, messages):
    viewer.layers.selection = {viewer.layers[name] for name in names}
    viewer.layers.remove_selected()
    qtbot.waitUntil(lambda: not previewed.preview.on)
    assert_no_trace(viewer, previewed)
    assert messages() == []


def test_another_stack_ends_it(viewer, previewed, bump_stack):
    other = add_image(viewer, replace(bump_stack, name="other"))
    assert previewed.preview.on
    previewed.stack.value = other
    assert_no_trace(viewer, previewed)


def test_closing_the_widget_ends_it_and_lets_go_of_the_viewer(
    viewer, open_widget, bump_stack, slow_previews, qtbot, messages
):
    stack = add_image(viewer, bump_stack)
    widget = open_widget(NAME)
    widget.preview_box.value = True
    qtbot.waitUntil(lambda: ("begun", 1.0) in slow_previews)
    viewer.window.remove_dock_widget(widget)
    assert not {SHOWN, REGION} & {layer.name for layer in viewer.layers}
    qtbot.waitUntil(lambda: ("closed", 1.0) in slow_previews)
    assert ("done", 1.0) not in slow_previews
    for emitter in (stack.events.data, stack.events.scale, viewer.dims.events.current_step):
        assert not any("TiePreview" in str(callback) for callback in emitter.callbacks)
    widget.close()
    widget.deleteLater()
    qtbot.wait(50)
    widget.reset_choices()  # napari goes on calling it, and its Qt part no longer exists
    viewer.layers.clear()
    assert messages() == []


def test_slider_of_a_time_series_is_followed_and_only_this_part_is_read(
    viewer, open_widget, settle, bump_stack, qtbot, monkeypatch
):
    monkeypatch.setattr(tie_region, "LARGEST_SIDE_PX", 32)
    monkeypatch.setattr(tie_region, "MARGIN_PX", 8)
    read = []

    def load(block, block_info=None):
        read.append(tuple(start for start, _ in block_info[0]["array-location"]))
        return block

    mirrored = np.stack([bump_stack.data, bump_stack.data[::-1], bump_stack.data])
    lazy = da.from_array(mirrored, chunks=(1, 3, 96, 96)).map_blocks(load, dtype=mirrored.dtype)
    lapse = replace(bump_stack, data=lazy, axes="TZYX", time_step_s=5.0)
    add_image(viewer, lapse)
    widget = open_widget(NAME)
    widget.method.setValue("teague")
    viewer.dims.set_current_step(0, 0)
    widget.preview_box.value = True
    settle(widget)
    assert viewer.layers[SHOWN].data[16, 16] > 0.3
    assert "time point 0" in widget.preview_text.value

    viewer.dims.set_current_step(1, 2)
    assert not widget.preview.busy, "the focus slider changes nothing"
    viewer.dims.set_current_step(0, 1)
    read.clear()
    settle(widget)
    assert viewer.layers[SHOWN].data[16, 16] < -0.3
    assert "time point 1" in widget.preview_text.value
    assert {block[0] for block in read} == {1}
    assert viewer.layers[SHOWN].data.shape == (32, 32)


def test_picture_of_a_flat_field_is_cut_to_the_region(viewer, open_widget, settle, bump_stack, tmp_path):
    flat = np.ascontiguousarray(np.broadcast_to(np.linspace(0.8, 1.2, 96, dtype=np.float32), (96, 96)))
    write_image(tmp_path / "flat.tif", Image(flat, "YX", pixel_size_um=0.325))
    write_image(tmp_path / "small.tif", Image(flat[:50], "YX", pixel_size_um=0.325))
    add_image(viewer, replace(bump_stack, data=bump_stack.data * flat))
    widget = open_widget(NAME)
    widget.form.corrections.flat_field.setValue("picture")
    widget.form.corrections.flat_picture.value = tmp_path / "flat.tif"
    widget.preview_box.value = True
    viewer.layers[REGION].data = [rectangle(20, 20, 76, 76)]
    settle(widget)
    assert widget.preview_text.value.startswith("Preview of 56 x 56 px")
    widget.form.corrections.flat_picture.value = tmp_path / "small.tif"
    settle(widget)
    assert "flat field's shape" in widget.preview_text.value


def test_stack_without_pixel_size_gets_a_preview_over_it_that_stays_there(
    viewer, open_widget, click, finish, settle, bump_stack, messages
):
    stack = add_image(viewer, replace(bump_stack, pixel_size_um=None))
    widget = open_widget(NAME)
    widget.preview_box.value = True
    settle(widget)
    assert "no pixel size" in widget.preview_text.value
    widget.pixel_size.setText("0.325")
    widget.dz.setText("1")
    viewer.layers[REGION].data = [rectangle(20, 20, 76, 76)]
    settle(widget)
    assert tuple(viewer.layers[SHOWN].scale) == (1, 1)
    assert tuple(viewer.layers[SHOWN].translate) == (20, 20)

    click(widget.panel.run_button)
    finish(widget)
    settle(widget)
    assert tuple(stack.scale[-2:]) == (0.325, 0.325)
    assert tuple(viewer.layers[SHOWN].translate) == pytest.approx((6.5, 6.5))
    for layer in (viewer.layers[SHOWN], viewer.layers[REGION]):
        assert tuple(layer.scale) == (0.325, 0.325)
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert [layer.name for layer in viewer.layers][-2:] == [SHOWN, REGION], "it stays above the result"
    assert messages() == []


def test_result_of_run_does_not_depend_on_the_preview(viewer, previewed, click, finish):
    click(previewed.panel.run_button)
    finish(previewed)
    phase = viewer.layers["bump stack phase (TIE)"]
    assert phase.metadata[METADATA_KEY]["quantity"] == "phase"
    assert phase.data.shape == (96, 96)
    assert viewer.layers.selection.active is phase


def test_no_stack_at_all_is_told_in_the_text(open_widget, messages):
    widget = open_widget(NAME)
    widget.preview_box.value = True
    assert "there is no image layer" in widget.preview_text.value
    assert not widget.preview_box.value
    assert messages() == []


def test_window_answers_while_the_preview_is_computed(viewer, open_widget, bump_stack, qtbot, beats):
    big = np.kron(bump_stack.data, np.ones((1, 4, 4), np.float32))
    add_image(viewer, replace(bump_stack, data=big))
    widget = open_widget(NAME)
    widget.form.corrections.rows["drift"].setValue(False)
    widget.preview_box.value = True
    beating = beats(10)
    qtbot.waitUntil(lambda: not widget.preview.busy, timeout=120_000)
    gaps_s = beating.stop()
    assert viewer.layers[SHOWN].data.shape == (384, 384)
    assert np.quantile(gaps_s, 0.9) < 0.25


def test_pictures_of_the_whole_frame_are_cut_to_the_region(viewer, open_widget, settle, bump_stack, tmp_path):
    pattern = np.random.default_rng(0).uniform(80, 120, (96, 96)).astype(np.float32)
    flat = np.linspace(0.8, 1.2, 96, dtype=np.float32)[None, :] * np.ones((96, 1), np.float32)
    write_image(tmp_path / "dark.tif", Image(pattern, "YX"))
    write_image(tmp_path / "flat.tif", Image(1000 * flat + pattern, "YX"))
    add_image(viewer, replace(bump_stack, data=bump_stack.data * flat + pattern))
    widget = open_widget(NAME)
    widget.form.corrections.dark_picture.value = tmp_path / "dark.tif"
    widget.form.corrections.flat_field.setValue("picture")
    widget.form.corrections.flat_picture.value = tmp_path / "flat.tif"
    widget.preview_box.native.click()
    settle(widget)
    viewer.layers[REGION].data = [rectangle(20, 30, 79, 89)]
    settle(widget)
    assert widget.preview_text.value.startswith("Preview of 60 x 60 px")
    assert viewer.layers[SHOWN].data[28, 18] == pytest.approx(0.8, abs=0.15)


def test_a_colour_stack_is_previewed(viewer, open_widget, settle, bump_stack):
    grey = np.round(bump_stack.data).astype(np.uint16)
    add_image(viewer, replace(bump_stack, data=np.repeat(grey[..., None], 3, axis=-1), axes="ZYXS"))
    widget = open_widget(NAME)
    widget.preview_box.native.click()
    settle(widget)
    assert widget.preview_text.value.startswith("Preview of 96 x 96 px")
