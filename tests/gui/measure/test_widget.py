"""The widget that measures phase layers, driven in a real viewer."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog
from tests.measuring.scenes import INCREMENT, PG_PER_UM2_RAD, PIXEL_UM, dome, dome_volume_um2_rad, phase_map

from napari_contransgan.gui.shared.layers import add_image
from napari_contransgan.gui.start.steps import is_difference

NAME = "Measure objects"
SHAPE = (120, 160)
CELL = dome(SHAPE, (30.0, 30.0), (9.0, 9.0), 1.5)
MASS_PG = dome_volume_um2_rad((9.0, 9.0), 1.5) * PG_PER_UM2_RAD

pytestmark = pytest.mark.gui


@pytest.fixture
def open_on(viewer, open_widget):
    """Open the widget on the cell, with one of its tabs in front."""

    def opened(part="objects", image=None):
        add_image(viewer, phase_map(CELL) if image is None else image)
        made = open_widget(NAME)
        made.objects.rows["refractive_increment_um3_per_pg"].setValue(INCREMENT)
        made.tabs.setCurrentWidget(getattr(made, part))
        return made

    return opened


@pytest.fixture
def save_as(monkeypatch, qtbot, tmp_path):
    """Press a button that asks for a file, and name one."""

    def save(button, name):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name), ""))
        button.click()
        qtbot.waitUntil(button.isEnabled, timeout=30_000)
        return tmp_path / name

    return save


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_objects_become_a_labels_layer_with_a_table_that_can_be_saved(viewer, open_on, click, finish, save_as):
    widget = open_on()
    assert not widget.objects.save_button.isEnabled()
    click(widget.panel.run_button)
    finish(widget)
    layer = viewer.layers["cells objects"]
    assert set(np.unique(layer.data)) == {0, 1}
    assert tuple(layer.scale) == tuple(viewer.layers["cells"].scale)
    assert layer.features["dry_mass_pg"][0] == pytest.approx(MASS_PG, rel=0.02)
    assert widget.panel.message.value.startswith("Done: 1 object, dry mass ")
    assert not widget.objects.plot.isVisible()

    (row,) = rows_of(save_as(widget.objects.save_button, "cells.csv"))
    assert float(row["dry_mass_pg"]) == pytest.approx(MASS_PG, rel=0.02)
    assert "cells.csv" in widget.panel.message.value


def test_a_layer_that_hides_the_measured_one_is_named(viewer, open_on, click, finish):
    widget = open_on()
    measured = viewer.layers["cells"]
    above = add_image(viewer, replace(phase_map(CELL), name="other"))
    widget.phase.value = measured
    click(widget.panel.run_button)
    finish(widget)
    assert "'other' lies over the measured layer" in widget.panel.message.value
    above.visible = False
    click(widget.panel.run_button)
    finish(widget)
    assert "lies over" not in widget.panel.message.value


def test_the_table_opens_in_napari(viewer, open_on, click, finish):
    widget = open_on()
    click(widget.panel.run_button)
    finish(widget)
    before = set(viewer.window.dock_widgets)
    widget.objects.table_button.click()
    (opened,) = set(viewer.window.dock_widgets) - before
    assert "Features table" in opened


def test_labels_and_uncertainty_of_other_layers_are_used(viewer, open_on, click, finish):
    add_image(viewer, replace(phase_map(np.full(SHAPE, 0.05)), quantity="phase-std", name="cells uncertainty"))
    labels = viewer.add_labels((CELL > 1).astype(int) * 5, name="mine")
    widget = open_on()
    part = widget.objects
    part.objects.value = labels
    part.uncertainty.value = viewer.layers["cells uncertainty"]
    assert not part.rows["threshold_rad"].isEnabled()
    assert not part.more_rows["rim_um"].isEnabled()
    click(widget.panel.run_button)
    finish(widget)
    features = viewer.layers["cells objects"].features
    assert list(features["label"]) == [5]
    alike_pg = 0.05 * features["area_um2"][0] * PG_PER_UM2_RAD
    assert features["dry_mass_std_pg"][0] == pytest.approx(alike_pg * np.sqrt(2), rel=0.15)
    assert labels in viewer.layers


def test_a_time_series_is_linked_over_time_and_its_growth_is_drawn(viewer, open_on, click, finish, save_as):
    moving = [dome(SHAPE, (30.0, 30.0 + 2 * time), (9.0, 9.0), 1.5 + 0.15 * time) for time in range(3)]
    widget = open_on(image=phase_map(np.stack(moving), "TYX", time_step_s=3600.0))
    click(widget.panel.run_button)
    finish(widget)
    assert list(viewer.layers["cells objects"].features["track"]) == [1, 1, 1]
    assert "3 objects in 1 tracks" in widget.panel.message.value
    assert f"median growth {0.1 * MASS_PG:.2f}"[:-1] in widget.panel.message.value
    assert widget.objects.plot.isVisible()
    assert "<svg" in save_as(widget.objects.plot.save_button, "growth.svg").read_text()
    assert save_as(widget.objects.plot.save_button, "growth.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_map_says_what_to_do(viewer, open_on, click, finish):
    noise = np.random.default_rng(0).normal(0, 0.02, SHAPE)
    widget = open_on(image=phase_map(noise))
    click(widget.panel.run_button)
    finish(widget)
    assert widget.panel.message.value.startswith("No objects were found: lower the threshold")
    assert len(viewer.layers) == 1
    assert not widget.objects.save_button.isEnabled()


def test_counts_are_refused(viewer, open_widget, refused):
    add_image(viewer, replace(phase_map(CELL), quantity="intensity"))
    refused(open_widget(NAME), "Holds intensity, not phase")


def test_a_profile_runs_along_the_drawn_line_through_all_visible_maps(viewer, open_on, click, finish, save_as):
    add_image(viewer, replace(phase_map(2 * CELL), name="twice"))
    widget = open_on("profile")
    widget.profile.draw_button.click()
    layer = viewer.layers["profile line"]
    assert layer.mode == "add_line"
    assert layer.current_edge_width == pytest.approx(160 * PIXEL_UM / 150, rel=0.01)
    layer.add_lines([[[30.0, 10.0], [30.0, 50.0]]])
    widget.profile.maps.setValue("visible")
    click(widget.panel.run_button)
    finish(widget)
    assert widget.panel.message.value.startswith("Done: 40 µm")
    assert widget.profile.plot.isVisible()
    rows = rows_of(save_as(widget.profile.save_button, "profile.csv"))
    largest = {
        name: max(float(row["phase_rad"]) for row in rows if row["image"] == name) for name in ("cells", "twice")
    }
    assert largest["cells"] == pytest.approx(1.5, rel=0.01)
    assert largest["twice"] == pytest.approx(3.0, rel=0.01)


def test_a_profile_needs_a_line(open_on, refused):
    refused(open_on("profile"), "there is no line: draw one")


def test_two_layers_are_compared_with_scores_a_plot_and_their_difference(viewer, open_on, click, finish, save_as):
    other = add_image(viewer, replace(phase_map(0.8 * CELL), name="other"))
    widget = open_on("compare")
    widget.compare.reference.value = other
    click(widget.panel.run_button)
    finish(widget)
    assert "Slope 1.2500, correlation 1.0000" in widget.panel.message.value
    difference = viewer.layers["cells - other"]
    assert difference.data.max() == pytest.approx(0.3, rel=0.01)
    assert tuple(difference.scale) == (PIXEL_UM, PIXEL_UM)
    low, high = difference.contrast_limits
    assert (low, high) == pytest.approx((-0.3, 0.3))  # a number that the colour bar states
    assert is_difference(difference)
    assert not is_difference(other)
    scores = {row["score"]: float(row["value"]) for row in rows_of(save_as(widget.compare.save_button, "scores.csv"))}
    assert scores["slope"] == pytest.approx(1.25, rel=1e-3)


def test_a_shifted_layer_is_registered_on_request(viewer, open_on, click, finish):
    speckle = np.random.default_rng(0).normal(0, 1, (SHAPE[0] + 8, SHAPE[1] + 8))
    whole = np.pad(CELL, 4) + 0.1 * speckle
    other = add_image(viewer, replace(phase_map(whole[4:-4, 7:-1]), name="other"))
    widget = open_on("compare", phase_map(whole[4:-4, 4:-4]))
    widget.compare.reference.value = other
    widget.compare.register.setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    assert "Moved by 0.00, -3.00 px" in widget.panel.message.value
    difference = viewer.layers["cells - other"]
    assert np.abs(difference.data).max() < 0.05
    assert difference.translate[1] == pytest.approx(0.0, abs=PIXEL_UM)


def test_comparing_needs_another_layer(open_on, refused):
    refused(open_on("compare"), "choose another phase layer as the reference")


def test_bead_heights_become_a_points_layer_and_a_histogram(viewer, open_on, click, finish, save_as):
    index_contrast, height_um = 0.03, 4.0
    top_rad = height_um * index_contrast * 2 * np.pi / 0.55
    beads = dome(SHAPE, (15.0, 15.0), (4.0, 4.0), top_rad) + dome(SHAPE, (40.0, 50.0), (4.0, 4.0), top_rad)
    widget = open_on("beads", phase_map(beads, origin_yx_um=(100.0, 0.0)))
    widget.beads.index_contrast.setValue(index_contrast)
    click(widget.panel.run_button)
    finish(widget)
    layer = viewer.layers["cells beads"]
    assert layer.data == pytest.approx(np.array([[115.0, 15.0], [140.0, 50.0]]), abs=0.3)
    assert list(layer.features["height_um"]) == pytest.approx([height_um, height_um], rel=0.05)
    assert widget.beads.plot.isVisible()
    assert len(rows_of(save_as(widget.beads.save_button, "beads.csv"))) == 2


def test_bead_heights_need_an_index_contrast(open_on, refused):
    refused(open_on("beads"), "Index contrast is empty")


def test_a_phase_becomes_maps_of_height_and_dry_mass_over_it(viewer, open_on, click, finish, save_as):
    image = replace(phase_map(CELL), origin_yx_um=(5.0, 7.0))
    widget = open_on("maps", image)
    fields = widget.maps.conversions
    fields.wants_height.setValue(True)
    fields.wants_dry_mass.setValue(True)
    fields.index_contrast.setValue(0.03)
    fields.increment.setValue(INCREMENT)
    click(widget.panel.run_button)
    finish(widget)
    phase, height, mass = viewer.layers
    assert (height.name, mass.name) == ("cells height", "cells dry mass")
    path_um = CELL * image.wavelength_um / (2 * np.pi)
    assert height.data == pytest.approx(path_um / 0.03, rel=1e-4, abs=1e-6)
    assert mass.data == pytest.approx(path_um / INCREMENT, rel=1e-4, abs=1e-6)
    assert "'cells height' (µm), 'cells dry mass' (pg/µm²)" in widget.panel.message.value
    assert (height.scale == phase.scale).all()
    assert (height.translate == phase.translate).all()
    saved = save_as(widget.panel.save_button.native, "height.ome.tif")
    finish(widget)
    assert saved.is_file()
    assert (saved.parent / "height dry mass.ome.tif").is_file()


def test_maps_of_a_series_lie_over_each_frame(viewer, open_on, click, finish):
    widget = open_on("maps", phase_map(np.stack([CELL, 0 * CELL]), axes="TYX"))
    widget.maps.conversions.wants_path.setValue(True)
    click(widget.panel.run_button)
    finish(widget)
    phase, path = viewer.layers
    assert path.data.shape == phase.data.shape
    assert path.data[0].max() > 0
    assert not path.data[1].any()


def test_maps_need_a_choice(open_on, refused):
    refused(open_on("maps"), "no map is chosen")


def test_a_height_needs_an_index_contrast(open_on, refused):
    widget = open_on("maps")
    widget.maps.conversions.wants_height.setValue(True)
    refused(widget, "Index contrast")


@pytest.mark.parametrize("part", ["objects", "profile", "compare", "beads", "maps"])
def test_every_tab_fits_into_a_small_window(viewer, open_on, qtbot, part):
    viewer.window.resize(1280, 800)
    widget = open_on(part)
    qtbot.wait(200)
    window = viewer.window._qt_window
    assert window.height() <= 800
    assert window.width() <= 1280
    run = widget.panel.run_button.native
    bottom = run.mapTo(window, run.rect().bottomLeft()).y()
    assert bottom < window.height()
