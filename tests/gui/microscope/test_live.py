"""The live field of the digital microscope: four layers that follow the form, the newest always, never in the way."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog
from tests.gui.microscope.fields import NAME, edit, extent, layer, picture

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.layers import NAMES
from napari_contransgan.gui.microscope.work import field_events
from napari_contransgan.gui.shared.layers import METADATA_KEY, image_from_layer
from napari_contransgan.gui.shared.napari_versions import grid_of
from napari_contransgan.io import read_image

pytestmark = pytest.mark.gui


def test_opened_it_shows_no_layer_and_computes_nothing(viewer, widget):
    assert len(viewer.layers) == 0
    edit(widget, "coherence", "0.5")
    assert not widget.live.busy
    assert "Show field" in widget.text.text()


def test_live_gives_four_registered_layers(viewer, shown, messages):
    assert [layer.name for layer in viewer.layers] == list(NAMES.values())
    middles = []
    for role in NAMES:
        shown_layer = layer(viewer, role)
        assert {str(unit) for unit in shown_layer.units} == {"micrometer"}
        low, high = extent(shown_layer)
        np.testing.assert_allclose(low, 0, atol=1e-6)
        np.testing.assert_allclose(high, 26, atol=1e-6)
        middles.append((low + high) / 2)
    np.testing.assert_allclose(middles, 13, atol=1e-6)
    assert layer(viewer, "stack").data.shape == (3, 160, 160)
    assert viewer.dims.current_step[0] == 1, "the plane in focus"
    assert layer(viewer, "lr").metadata[METADATA_KEY]["quantity"] == "intensity"
    assert image_from_layer(layer(viewer, "stack")).z_step_um == 3
    true, tie = layer(viewer, "phase"), layer(viewer, "tie")
    assert tuple(true.contrast_limits) == tuple(tie.contrast_limits)
    assert true.contrast_limits[1] > 0.5
    assert " s, TIE phase " in shown.text.text()
    assert messages() == []


def test_layers_are_those_that_a_data_set_would_hold(viewer, shown):
    from napari_contransgan.simulation.fields import image_lr, image_stack
    from napari_contransgan.simulation.specimen import draw_specimen

    settings = shown.form.settings()
    specimen = draw_specimen(settings, 0)
    np.testing.assert_array_equal(layer(viewer, "lr").data, image_lr(specimen, settings, 0).data)
    np.testing.assert_array_equal(layer(viewer, "stack").data, image_stack(specimen, settings, 0).data)


def test_edits_change_the_layers_in_place(viewer, shown, settle, messages):
    before = {role: (layer(viewer, role), layer(viewer, role).data) for role in NAMES}
    viewer.dims.set_current_step(0, 2)
    shown.index.setValue(1)
    assert shown.live.busy
    settle(shown)
    for role, (former, data) in before.items():
        assert layer(viewer, role) is former
        assert former.data.shape == data.shape
        assert not np.array_equal(former.data, data)
    assert viewer.dims.current_step[0] == 2, "the plane that the user looks at stays"
    assert tuple(layer(viewer, "phase").contrast_limits) == tuple(layer(viewer, "tie").contrast_limits)

    edit(shown, "stack_dz_um", "8")
    shown.form.field["objective"].setValue("20x")
    settle(shown)
    assert tuple(layer(viewer, "stack").scale) == pytest.approx((8, 0.1625, 0.1625))
    assert viewer.dims.current_step[0] == 2
    assert tuple(layer(viewer, "lr").scale) == pytest.approx((0.325, 0.325))
    assert len(viewer.layers) == 4
    assert "still of the previous field" not in shown.text.text()
    shown.form.field["field_px"].setValue(96)
    settle(shown)
    for role in NAMES:
        np.testing.assert_allclose(extent(layer(viewer, role))[1], 31.2, atol=1e-6)
    assert messages() == []


def test_contrast_that_the_user_chose_stays_and_holds_for_both_phases(viewer, shown, settle):
    layer(viewer, "tie").contrast_limits = (0, 9)
    layer(viewer, "lr").contrast_limits = (10, 4000)
    shown.index.setValue(1)
    settle(shown)
    assert tuple(layer(viewer, "phase").contrast_limits) == tuple(layer(viewer, "tie").contrast_limits) == (0, 9)
    assert tuple(layer(viewer, "lr").contrast_limits) == (10, 4000)


def test_empty_field_shows_as_empty(viewer, widget, settle):
    widget.form.field["scene"].setValue("empty")
    widget.show_button.click()
    settle(widget)
    low, high = layer(viewer, "tie").contrast_limits
    assert high - low >= 0.5


def test_deleted_layers_come_back(viewer, shown, settle, messages):
    viewer.layers.remove(layer(viewer, "stack"))
    viewer.layers.remove(layer(viewer, "tie"))
    shown.index.setValue(1)
    settle(shown)
    assert [layer.name for layer in viewer.layers] == list(NAMES.values())
    assert viewer.dims.current_step[0] == 1
    viewer.layers.clear()
    shown.index.setValue(2)
    settle(shown)
    assert [layer.name for layer in viewer.layers] == list(NAMES.values())
    assert tuple(layer(viewer, "phase").contrast_limits) == tuple(layer(viewer, "tie").contrast_limits)
    assert messages() == []


def test_layers_of_the_user_are_left_alone(viewer, widget, settle, messages):
    own = viewer.add_image(np.zeros((8, 8)), name="own", units=("micrometer",) * 2)
    widget.show_button.click()
    settle(widget)
    assert viewer.layers.selection.active is own
    assert len(viewer.layers) == 5
    assert messages() == []


def test_show_field_works_once_and_live_follows(viewer, widget, settle):
    widget.show_button.click()
    settle(widget)
    former = layer(viewer, "lr").data
    widget.index.setValue(1)
    assert not widget.live.busy
    assert layer(viewer, "lr").data is former
    widget.live_box.click()
    assert widget.live.busy, "ticking it shows what the form says now"
    settle(widget)
    assert layer(viewer, "lr").data is not former


def test_wrong_value_is_told_in_the_text_alone_and_mended(viewer, shown, settle, qtbot, messages):
    former = layer(viewer, "lr").data
    edit(shown, "coherence", "0")
    qtbot.waitUntil(lambda: "No field: Condenser ratio S: S = 0 lets" in shown.text.text())
    settle(shown)
    assert layer(viewer, "lr").data is former
    edit(shown, "coherence", "0.3")
    settle(shown)
    assert layer(viewer, "lr").data is not former
    assert shown.text.text().startswith("Field 0: ")
    assert messages() == []


def test_side_by_side_is_naparis_grid(viewer, shown):
    shown.side_box.click()
    assert grid_of(viewer).enabled
    shown.side_box.click()
    assert not grid_of(viewer).enabled


@pytest.mark.parametrize(
    ("error", "text"), [(InputError("too dark"), "No field: too dark"), (KeyError("x"), "No field: KeyError: 'x'")]
)
def test_what_goes_wrong_is_told_in_the_text_alone(widget, settle, monkeypatch, messages, error, text):
    from napari_contransgan.simulation import fields

    def broken(*_):
        raise error

    monkeypatch.setattr(fields, "image_stack", broken)
    widget.show_button.click()
    settle(widget)
    assert widget.text.text() == text
    assert messages() == []


def test_events_of_a_field_come_with_what_is_fast_first():
    parts = []
    events = field_events(SimulationSettings(field_px=80), 0)
    while True:
        try:
            part = next(events)
        except StopIteration as stop:
            done = stop.value
            break
        parts += [frozenset(part.images)] if part.images else []
    assert parts == [{"lr"}, {"phase"}, {"stack"}, {"tie"}]
    assert done.complete


def test_the_form_needs_no_torch():
    code = (
        "import sys; from napari_contransgan.gui.microscope import dataset, live, settings; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)  # noqa: S603


def test_image_without_contrast_can_be_shown(viewer):
    from napari_contransgan.gui.microscope.layers import FieldLayers

    layers = FieldLayers(viewer)
    layers.show({"lr": picture(3), "phase": replace(picture(0), quantity="phase")})
    layers.show({"lr": picture(4), "phase": replace(picture(0), quantity="phase")})
    assert tuple(layer(viewer, "lr").contrast_limits) == (4, 5)
    assert tuple(layer(viewer, "phase").contrast_limits) == (0, 0.5)


def test_closing_the_dock_switches_side_by_side_off_again(viewer, shown):
    shown.side_box.click()
    assert grid_of(viewer).enabled
    viewer.window.remove_dock_widget(shown.parent())
    assert not grid_of(viewer).enabled


def test_closing_the_dock_leaves_a_grid_of_the_users_alone(viewer, open_widget):
    grid_of(viewer).enabled = True
    widget = open_widget(NAME)
    viewer.window.remove_dock_widget(widget.parent())
    assert grid_of(viewer).enabled


def test_field_is_saved_as_one_file_for_each_layer(shown, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "field.ome.tif"), ""))
    shown.save_field_button.click()
    qtbot.waitUntil(lambda: shown.text.text().startswith("Saved: "), timeout=60_000)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "field TIE phase.ome.tif",
        "field focus stack.ome.tif",
        "field true phase.ome.tif",
        "field.ome.tif",
    ]
    assert read_image(tmp_path / "field true phase.ome.tif").quantity == "phase"
