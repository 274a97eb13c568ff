"""The live preview: layers that change in place, and what becomes of those that the user deletes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.testing import assert_allclose, assert_array_equal
from qtpy.QtCore import QTimer

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.runs.montage import GAP_PX, columns, montages
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.train.preview import LivePreview
from napari_contransgan.training.events import Preview

pytestmark = pytest.mark.gui

SIDE_PX = 64
INPUT, OUTPUT, LABEL, CYCLED = (
    "Preview: input contrast",
    "Preview: output phase (rad)",
    "Preview: true phase (rad)",
    "Preview: contrast made again",
)
TITLES = "Preview: titles"
SETTINGS = TrainSettings(pairs=(Path("pairs"),), crop_px=SIDE_PX, previews=2)


def sample(level: float, *, label: bool = True, cycled: bool = False, side_px: int = SIDE_PX) -> Preview:
    """A sample whose maps have values of their own: contrast around 0, output `level`, a true phase from 0 to 2."""
    ramp = np.linspace(-1, 1, side_px**2, dtype=np.float32).reshape(side_px, side_px)
    return Preview(
        0.5 * ramp,
        np.full_like(ramp, level),
        0.25 * ramp if cycled else None,
        1 + ramp if label else None,
    )


@pytest.fixture
def preview(viewer: Viewer) -> LivePreview:
    return LivePreview(viewer)


def shown(preview: LivePreview, previews: list[Preview]) -> None:
    """Show previews, and wait for every layer to change."""
    preview.show(previews)
    preview.settle()


def names(viewer: Viewer) -> set[str]:
    return {layer.name for layer in viewer.layers}


def test_samples_lie_below_each_other_with_a_gap() -> None:
    first, second = sample(1), sample(2)
    pictures = montages([first, second])
    assert pictures.keys() == {"input", "output", "label"}
    output = pictures["output"]
    assert output.shape == (2 * SIDE_PX + GAP_PX, SIDE_PX)
    assert_array_equal(output[:SIDE_PX], 1)
    assert np.isnan(output[SIDE_PX : SIDE_PX + GAP_PX]).all()
    assert_array_equal(output[-SIDE_PX:], 2)
    assert_array_equal(pictures["label"][-SIDE_PX:], second.yx_label_rad)


def test_a_sample_without_a_label_leaves_its_place_empty() -> None:
    pictures = montages([sample(1), sample(2, label=False)])
    assert np.isnan(pictures["label"][SIDE_PX:]).all()


def test_columns_lie_side_by_side() -> None:
    assert columns(montages([sample(1, cycled=True)])) == {
        "input": 0,
        "output": SIDE_PX + GAP_PX,
        "label": 2 * (SIDE_PX + GAP_PX),
        "cycled": 3 * (SIDE_PX + GAP_PX),
    }


def test_layers_have_the_models_pixel_size_and_say_what_they_are(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(1, cycled=True)])
    assert names(viewer) == {INPUT, OUTPUT, LABEL, CYCLED, TITLES}
    for name, quantity in ((INPUT, "intensity"), (OUTPUT, "phase"), (LABEL, "phase"), (CYCLED, "intensity")):
        image = image_from_layer(viewer.layers[name])
        assert image.pixel_size_um == pytest.approx(0.325)
        assert image.quantity == quantity
        assert [str(unit) for unit in viewer.layers[name].units] == ["micrometer"] * 2
    assert_allclose(viewer.layers[OUTPUT].translate, [0, 0.325 * (SIDE_PX + GAP_PX)])


def test_layers_change_in_place_and_are_never_piled_up(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(1), sample(2)])
    layers = {layer.name: layer for layer in viewer.layers}
    for level in (3, 4, 5):
        shown(preview, [sample(level), sample(level)])
    assert {layer.name: layer for layer in viewer.layers} == layers
    assert_array_equal(layers[OUTPUT].data[:SIDE_PX], 5)


def test_layers_change_one_after_the_other_so_that_the_window_is_free_between_them(
    viewer: Viewer, preview: LivePreview, qtbot: Any
) -> None:
    shown(preview, [sample(1, cycled=True)])
    changed: list[tuple[int, str]] = []
    turns = [0]
    for layer in viewer.layers:
        layer.events.data.connect(lambda event: changed.append((turns[0], event.source.name)))
    ticking = QTimer()
    ticking.timeout.connect(lambda: turns.__setitem__(0, turns[0] + 1))
    ticking.start(0)
    preview.show([sample(2, cycled=True)])
    assert changed == []
    qtbot.waitUntil(lambda: len(changed) == 4, timeout=10_000)
    ticking.stop()
    assert {name for _, name in changed} == {INPUT, OUTPUT, LABEL, CYCLED}
    assert len({turn for turn, _ in changed}) == 4, "each has a turn of its own"


def test_newest_previews_count_where_others_still_wait(viewer: Viewer, preview: LivePreview, qtbot: Any) -> None:
    shown(preview, [sample(1)])
    preview.show([sample(2)])
    preview.show([sample(3)])
    qtbot.waitUntil(lambda: float(viewer.layers[OUTPUT].data[0, 0]) == 3, timeout=10_000)
    preview.show([sample(4)])
    preview.set_shown(False)
    preview.settle()
    assert names(viewer) == set()


def test_layer_deleted_while_its_change_waits_stays_away(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(1)])
    preview.show([sample(2)])
    del viewer.layers[OUTPUT]
    preview.settle()
    assert names(viewer) == {INPUT, LABEL, TITLES}


def test_both_phases_share_one_range_that_stays(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(9)])
    limits = viewer.layers[OUTPUT].contrast_limits
    assert_allclose(limits, [0, 2], atol=0.05)
    assert viewer.layers[LABEL].contrast_limits == limits
    shown(preview, [sample(-9)])
    assert viewer.layers[OUTPUT].contrast_limits == limits
    viewer.layers[LABEL].contrast_limits = (0.5, 1.5)
    assert viewer.layers[OUTPUT].contrast_limits == [0.5, 1.5]
    shown(preview, [sample(3)])
    assert viewer.layers[OUTPUT].contrast_limits == [0.5, 1.5]


def test_without_a_true_phase_the_range_is_a_usual_one(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(40, label=False)])
    assert LABEL not in names(viewer)
    assert viewer.layers[OUTPUT].contrast_limits == [-0.5, 3.0]


def test_a_deleted_layer_stays_away_and_comes_back_when_the_preview_is_asked_for_again(
    viewer: Viewer, preview: LivePreview
) -> None:
    shown(preview, [sample(1)])
    del viewer.layers[INPUT]
    del viewer.layers[TITLES]
    shown(preview, [sample(2)])
    assert names(viewer) == {OUTPUT, LABEL}
    assert_array_equal(viewer.layers[OUTPUT].data, 2)
    preview.set_shown(False)
    assert names(viewer) == set()
    preview.set_shown(True)
    preview.settle()
    assert names(viewer) == {INPUT, OUTPUT, LABEL, TITLES}


def test_deleting_all_layers_at_once_is_no_error(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(1)])
    viewer.layers.clear()
    shown(preview, [sample(2)])
    assert names(viewer) == set()
    preview.begin(SETTINGS)
    shown(preview, [sample(3)])
    assert names(viewer) == {INPUT, OUTPUT, LABEL, TITLES}


def test_layers_stand_before_the_first_preview_comes_and_go_if_none_does(viewer: Viewer, preview: LivePreview) -> None:
    preview.begin(SETTINGS)
    preview.settle()
    assert names(viewer) == {INPUT, OUTPUT, LABEL, TITLES}
    layers = list(viewer.layers)
    assert_array_equal(viewer.layers[LABEL].data[:SIDE_PX], 0)
    shown(preview, [sample(1), sample(1)])
    assert list(viewer.layers) == layers, "no layer is made while the training goes on"
    assert viewer.layers[OUTPUT].contrast_limits[1] == pytest.approx(2, abs=0.2)
    preview.end()
    assert list(viewer.layers) == layers
    preview.begin(SETTINGS)
    preview.end()
    assert names(viewer) == set()


def test_a_run_with_unpaired_steps_has_a_place_for_what_is_made_again(viewer: Viewer, preview: LivePreview) -> None:
    unpaired = {"lr": Path("lr"), "phase": Path("phase"), "recipe": "paper", "crop_px": SIDE_PX}
    preview.begin(TrainSettings(**unpaired))  # type: ignore[arg-type]
    preview.settle()
    assert names(viewer) == {INPUT, OUTPUT, CYCLED, TITLES}


def test_preview_that_is_off_shows_its_newest_when_it_is_switched_on(viewer: Viewer, preview: LivePreview) -> None:
    preview.set_shown(False)
    shown(preview, [sample(1)])
    shown(preview, [sample(2)])
    assert names(viewer) == set()
    preview.set_shown(True)
    preview.settle()
    assert_array_equal(viewer.layers[OUTPUT].data, 2)


def test_switching_on_before_anything_has_come_is_no_error(viewer: Viewer, preview: LivePreview) -> None:
    preview.set_shown(False)
    preview.set_shown(True)
    preview.settle()
    assert names(viewer) == set()


def test_next_run_takes_the_layers_over_with_a_range_of_its_own(viewer: Viewer, preview: LivePreview) -> None:
    shown(preview, [sample(1, cycled=True)])
    output = viewer.layers[OUTPUT]
    preview.begin(SETTINGS)
    shown(preview, [sample(1, label=False, side_px=96)])
    assert names(viewer) == {INPUT, OUTPUT, TITLES}
    assert viewer.layers[OUTPUT] is output
    assert output.data.shape == (96, 96)
    assert output.contrast_limits == [-0.5, 3.0]
    assert_allclose(output.translate, [0, 0.325 * (96 + GAP_PX)])


def test_preview_leaves_the_users_choice_of_layers_and_view_alone(viewer: Viewer, preview: LivePreview) -> None:
    own = viewer.add_image(np.zeros((500, 500)), name="own")
    viewer.layers.selection = {own}
    viewer.camera.zoom = 3.0
    shown(preview, [sample(1)])
    assert viewer.layers.selection == {own}
    assert viewer.camera.zoom == pytest.approx(3.0)


def test_preview_of_no_samples_shows_nothing(viewer: Viewer, preview: LivePreview, tmp_path: Path) -> None:
    shown(preview, [])
    assert names(viewer) == set()


def test_preview_lies_next_to_the_users_image_and_shows_both(viewer: Viewer, preview: LivePreview) -> None:
    own = viewer.add_image(np.zeros((100, 400)), name="own", scale=(0.5, 0.5), units=("um", "um"), translate=(10, 20))
    preview.begin(SETTINGS)
    preview.settle()
    right_um = own.extent.world[1, 1]
    for name in (INPUT, OUTPUT, LABEL):
        assert viewer.layers[name].extent.world[0, 1] > right_um
    before = viewer.layers[OUTPUT].translate.copy()
    shown(preview, [sample(1)])
    assert_allclose(viewer.layers[OUTPUT].translate, before)
    titles = viewer.layers[TITLES]
    assert titles.data[:, 1].min() * titles.scale[1] > right_um


def test_places_without_light_are_left_out_of_the_preview() -> None:
    one = sample(1)
    one.yx_input[:20, :20] = 0
    pictures = montages([one])
    for picture in pictures.values():
        assert np.isnan(picture[:19, :19]).all()
        assert np.isfinite(picture[21:, 21:]).all()


def test_a_run_starts_when_the_layers_are_there_and_the_window_is_free_before(
    viewer: Viewer, preview: LivePreview, qtbot: Any
) -> None:
    started: list[set[str]] = []
    preview.begin(SETTINGS, lambda: started.append(names(viewer)))
    assert (len(viewer.layers), started) == (0, []), "Start answers at once"
    qtbot.waitUntil(lambda: bool(started), timeout=20_000)
    assert started == [{INPUT, OUTPUT, LABEL, TITLES}]


def test_a_preview_that_is_switched_off_and_on_while_a_run_starts_delays_it_no_more(
    viewer: Viewer, preview: LivePreview
) -> None:
    started: list[set[str]] = []
    preview.begin(SETTINGS, lambda: started.append(names(viewer)))
    preview.set_shown(False)
    preview.set_shown(True)
    preview.settle()
    assert started == [{INPUT, OUTPUT, LABEL, TITLES}]
    preview.begin(SETTINGS, lambda: started.append(names(viewer)))
    preview.set_shown(False)
    preview.settle()
    assert started[1:] == [set()]
    preview.begin(SETTINGS, lambda: started.append(names(viewer)))
    preview.end()
    preview.settle()
    assert len(started) == 2, "it was stopped before"


def test_no_layer_changes_while_a_progress_bar_is_drawn(viewer: Viewer, qtbot: Any) -> None:
    is_free = False
    preview = LivePreview(viewer, is_free=lambda: is_free)
    preview.begin(SETTINGS)
    qtbot.wait(200)
    assert len(viewer.layers) == 0
    is_free = True
    qtbot.waitUntil(lambda: names(viewer) == {INPUT, OUTPUT, LABEL, TITLES}, timeout=20_000)
