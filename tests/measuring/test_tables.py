import csv
from dataclasses import asdict

import numpy as np
import pytest
from tests.measuring.scenes import dome, phase_map

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import BeadHeight, evaluate
from napari_contransgan.measuring import (
    COLUMNS,
    Growth,
    measure_objects,
    object_rows,
    profile_along,
    write_beads,
    write_growth,
    write_objects,
    write_profiles,
    write_scores,
)
from napari_contransgan.progress import result_of

CELLS = phase_map(dome((120, 120), (30.0, 30.0), (9.0, 9.0), 1.5))
OBJECTS = result_of(measure_objects(CELLS)).objects


def test_the_table_has_a_row_for_each_object_with_units_in_the_names(tmp_path):
    write_objects(tmp_path / "cells.csv", {"a.tif": OBJECTS, "b.tif": OBJECTS})
    with (tmp_path / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.tif", "b.tif"]
    assert list(rows[0])[:11] == [
        *("frame", "label", "y_um", "x_um", "area_um2", "mean_rad", "max_rad", "volume_um2_rad"),
        *("dry_mass_pg", "dry_mass_std_pg", "eccentricity"),
    ]
    assert float(rows[0]["dry_mass_pg"]) == pytest.approx(OBJECTS[0].dry_mass_pg, rel=1e-5)
    assert (rows[0]["touches_edge"], rows[0]["track"]) == ("0", "")


def test_a_table_without_objects_has_its_head(tmp_path):
    write_objects(tmp_path / "none.csv", {"a.tif": ()})
    assert (tmp_path / "none.csv").read_text() == ",".join((*COLUMNS, "image")) + "\n"


def test_rows_are_columns_for_napari_and_pandas():
    assert object_rows(OBJECTS)["area_um2"] == [OBJECTS[0].area_um2]
    assert tuple(object_rows(())) == COLUMNS


def test_profiles_are_written_one_below_the_other(tmp_path):
    profile = profile_along(CELLS, (30.0, 0.0), (30.0, 50.0))
    write_profiles(tmp_path / "line.csv", [profile, profile])
    lines = (tmp_path / "line.csv").read_text().splitlines()
    assert lines[0] == "distance_um,phase_rad,image"
    assert len(lines) == 1 + 2 * len(profile.distance_um)


def test_only_csv_is_written(tmp_path):
    with pytest.raises(InputError, match=r"cells\.xlsx: tables are written as CSV"):
        write_objects(tmp_path / "cells.xlsx", {})


def test_beads_growth_and_scores_have_tables_of_their_own(tmp_path):
    write_beads(tmp_path / "beads.csv", {"a.tif": [BeadHeight(1.0, 2.0, 3.0, 1.5)]})
    assert (tmp_path / "beads.csv").read_text() == "y_um,x_um,height_um,radius_um,image\n1,2,3,1.5,a.tif\n"

    growing = Growth(4, np.array([0.0, 0.5]), True, np.array([10.0, 11.0]), np.array([1.0, 1.0]), None, None)
    write_growth(tmp_path / "growth.csv", {"a.tif": [growing]})
    (row,) = csv.DictReader((tmp_path / "growth.csv").read_text().splitlines())
    assert (row["track"], row["frames"], row["end"], row["unit_of_time"]) == ("4", "2", "0.5", "h")
    assert (row["first_pg"], row["last_pg"], row["rate_pg"], row["image"]) == ("10", "11", "", "a.tif")

    scores = evaluate(0.5 * CELLS.data, CELLS.data)
    write_scores(tmp_path / "scores.csv", scores)
    written = {row["score"]: row["value"] for row in csv.DictReader((tmp_path / "scores.csv").read_text().splitlines())}
    assert written.keys() == asdict(scores).keys()
    assert float(written["slope"]) == pytest.approx(0.5, rel=1e-3)
