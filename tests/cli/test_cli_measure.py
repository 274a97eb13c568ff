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
    std = replace(phase_map(np.full(SHAPE, 0.05)), quantity="phase-std")
    write_image(tmp_path / "cells_uncertainty.ome.tif", std)
    (cell,) = call_for_json("measure", phase, "--out", tmp_path / "cells.csv", *OPTIONS)["images"][0]["objects"]
    alike_pg = 0.05 * cell["area_um2"] * PG_PER_UM2_RAD  # of the cell, and as much again of the background's level
    assert cell["dry_mass_std_pg"] == pytest.approx(np.sqrt(2) * alike_pg, rel=0.15)


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


def test_beads_growth_and_plots_are_written_next_to_the_table(call_for_json, tmp_path):
    series, out = tmp_path / "series.ome.tif", tmp_path / "cells.csv"
    write_image(series, phase_map(np.stack([CELL, 1.1 * CELL, 1.2 * CELL]), "TYX", time_step_s=3600.0))
    call_for_json("measure", series, "--out", out, "--plots", "svg", *OPTIONS)
    with (tmp_path / "cells_growth.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["rate_pg"]) == pytest.approx(0.1 * MASS_PG, rel=0.02)
    assert "<svg" in (tmp_path / "cells_growth.svg").read_text()


def test_bead_heights_are_measured_on_request(call_for_json, phase, tmp_path):
    figures = call_for_json("measure", phase, "--out", tmp_path / "c.csv", "--index-contrast", "0.03", "--plots", "png")
    height_um = 1.5 * 0.55 / (2 * np.pi * 0.03)
    assert figures["images"][0]["bead_count"] == 1
    assert figures["images"][0]["bead_height_mean_um"] == pytest.approx(height_um, rel=0.03)
    assert len((tmp_path / "c_beads.csv").read_text().splitlines()) == 2
    assert (tmp_path / "c_beads.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_writes_the_difference_and_a_plot(call_for_json, phase, tmp_path):
    other, difference, plot = (tmp_path / name for name in ("other.ome.tif", "difference.ome.tif", "plot.png"))
    write_image(other, phase_map(0.8 * CELL))
    figures = call_for_json("evaluate", phase, other, "--difference", difference, "--plot", plot)
    assert figures["difference"] == str(difference)
    assert read_image(difference).data.max() == pytest.approx(0.3, rel=0.01)
    assert read_image(difference).pixel_size_um == phase_map(CELL).pixel_size_um
    assert plot.read_bytes().startswith(b"\x89PNG")
