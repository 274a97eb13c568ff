"""The widget that measures objects, driven in a real viewer."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog
from tests.measuring.scenes import INCREMENT, PG_PER_UM2_RAD, dome, dome_volume_um2_rad, phase_map

from napari_contransgan.gui.shared.layers import add_image

NAME = "Measure objects"
SHAPE = (120, 160)
CELL = dome(SHAPE, (30.0, 30.0), (9.0, 9.0), 1.5)
MASS_PG = dome_volume_um2_rad((9.0, 9.0), 1.5) * PG_PER_UM2_RAD

pytestmark = pytest.mark.gui


@pytest.fixture
def widget(viewer, open_widget):
    add_image(viewer, phase_map(CELL))
    made = open_widget(NAME)
    made.fields["refractive_increment_um3_per_pg"].setValue(INCREMENT)
    return made


def test_objects_become_a_labels_layer_with_a_table_that_can_be_saved(
    viewer, widget, click, finish, monkeypatch, tmp_path
):
    assert not widget.save_button.enabled
    click(widget.panel.run_button)
    finish(widget)
    layer = viewer.layers["cells objects"]
    assert set(np.unique(layer.data)) == {0, 1}
    assert tuple(layer.scale) == tuple(viewer.layers["cells"].scale)
    assert layer.features["dry_mass_pg"][0] == pytest.approx(MASS_PG, rel=0.02)
    assert widget.panel.message.value.startswith("Done: 1 object, dry mass ")

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "cells"), ""))
    click(widget.save_button)
    with (tmp_path / "cells.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["dry_mass_pg"]) == pytest.approx(MASS_PG, rel=0.02)
    assert str(tmp_path / "cells.csv") in widget.panel.message.value


def test_labels_and_uncertainty_of_other_layers_are_used(viewer, widget, click, finish):
    add_image(viewer, replace(phase_map(np.full(SHAPE, 0.1)), quantity="phase-std", name="cells uncertainty"))
    labels = viewer.add_labels((CELL > 1).astype(int) * 5, name="mine")
    widget.objects.value = labels
    widget.uncertainty.value = viewer.layers["cells uncertainty"]
    assert not widget.fields["threshold_rad"].isEnabled()
    click(widget.panel.run_button)
    finish(widget)
    features = viewer.layers["cells objects"].features
    assert list(features["label"]) == [5]
    assert features["dry_mass_std_pg"][0] == pytest.approx(0.1 * features["area_um2"][0] * PG_PER_UM2_RAD)
    assert labels in viewer.layers


def test_a_time_series_is_linked_over_time(viewer, open_widget, click, finish):
    moving = [dome(SHAPE, (30.0, 30.0 + 2 * time), (9.0, 9.0), 1.5) for time in range(3)]
    add_image(viewer, phase_map(np.stack(moving), "TYX", time_step_s=60.0))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    assert list(viewer.layers["cells objects"].features["track"]) == [1, 1, 1]
    assert "3 objects in 1 tracks" in widget.panel.message.value


def test_an_empty_map_says_what_to_do(viewer, open_widget, click, finish):
    noise = np.random.default_rng(0).normal(0, 0.02, SHAPE)
    add_image(viewer, phase_map(noise))
    widget = open_widget(NAME)
    click(widget.panel.run_button)
    finish(widget)
    assert widget.panel.message.value.startswith("No objects were found: lower the threshold")
    assert len(viewer.layers) == 1
    assert not widget.save_button.enabled


def test_counts_are_refused(viewer, open_widget, refused):
    add_image(viewer, replace(phase_map(CELL), quantity="intensity"))
    refused(open_widget(NAME), "holds intensity, not phase")
