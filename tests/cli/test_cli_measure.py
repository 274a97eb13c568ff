"""The command measure: its table, its results, and rejected input."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from tests.measuring.scenes import INCREMENT, PG_PER_UM2_RAD, dome, dome_volume_um2_rad, phase_map

from napari_contransgan.io import read_image, write_image

SHAPE = (160, 200)
CELL = dome(SHAPE, (40.0, 50.0), (10.0, 10.0), 1.5)
MASS_PG = dome_volume_um2_rad((10.0, 10.0), 1.5) * PG_PER_UM2_RAD
OPTIONS = ("--refractive-increment", INCREMENT)


@pytest.fixture
def phase(tmp_path):
    path = tmp_path / "cells.ome.tif"
    write_image(path, phase_map(CELL))
    return path


def test_the_table_and_the_figures_hold_the_mass_of_the_cell(call_for_json, phase, tmp_path):
    figures = call_for_json("measure", phase, "--out", tmp_path / "cells.csv", *OPTIONS)
    (image,) = figures["images"]
    assert (image["count"], image["phase"]) == (1, str(phase))
    assert image["total_dry_mass_pg"] == pytest.approx(MASS_PG, rel=0.01)
    with (tmp_path / "cells.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["dry_mass_pg"]) == pytest.approx(MASS_PG, rel=0.01)
    assert row["image"] == str(phase)


def test_the_uncertainty_next_to_the_phase_is_used(call_for_json, phase, tmp_path):
    std = replace(phase_map(np.full(SHAPE, 0.1)), quantity="phase-std")
    write_image(tmp_path / "cells_uncertainty.ome.tif", std)
    (cell,) = call_for_json("measure", phase, "--out", tmp_path / "cells.csv", *OPTIONS)["images"][0]["objects"]
    assert cell["dry_mass_std_pg"] == pytest.approx(0.1 * cell["area_um2"] * PG_PER_UM2_RAD, rel=1e-3)


def test_labels_profile_and_found_objects_are_read_and_written(call_for_json, phase, tmp_path):
    out, found = tmp_path / "cells.csv", tmp_path / "labels.tif"
    call_for_json("measure", phase, "--out", out, "--save-labels", found, "--profile", "40,10,40,90", *OPTIONS)
    labels = read_image(found).data
    assert set(np.unique(labels)) == {0, 1}
    assert len((tmp_path / "cells_profile.csv").read_text().splitlines()) == 162
    figures = call_for_json("measure", phase, "--out", out, "--labels", found, *OPTIONS)
    assert figures["images"][0]["threshold_rad"] == [None]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--out", "cells.txt"), "cells.txt: tables are written as CSV"),
        (("--out", "c.csv", "--profile", "1,2,3"), "--profile 1,2,3: give four numbers in um"),
        (("--out", "c.csv", "--threshold", "-1"), "threshold_rad: Input should be greater than 0"),
        (("--out", "c.csv", "--threshold", "1", "--labels", "l.tif"), "give only one of them"),
        (("--out", "c.csv", "--refractive-increment", "190"), "refractive_increment_um3_per_pg"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, phase, more, message):
    done = call("measure", phase, *more)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
