"""Table 1: scores, averages and goals."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.config.names import SpecimenName
from napari_contransgan.evaluation import evaluate
from napari_contransgan.inference import predict
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.fields import (
    TIE_ITSELF,
    TIE_LABEL,
    TRUTH,
    TURNED,
    averaged,
    held_out,
    make_field,
    score_networks,
)
from napari_contransgan.reproduction.parts import write_csv
from napari_contransgan.reproduction.table1 import empty_goal, summarise, table1_goals, verdict
from napari_contransgan.simulation import simulate_pair

CELL = paper.TABLE_1["psm", "10x"]
GOOD = {"ssim": 0.96, "psnr_db": 36.0, "slope": 1.0}


def test_the_papers_table_is_complete() -> None:
    assert len(paper.TABLE_1) == 8
    assert (CELL.ssim, CELL.psnr_db) == (0.952, 35.21)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "yes"),
        ({"ssim": 0.952, "psnr_db": 35.21}, "yes"),
        ({"ssim": 0.942}, "no: SSIM -0.010"),
        ({"psnr_db": 33.21}, "no: PSNR -2.0 dB"),
        ({"slope": 0.94}, "no: slope 0.94"),
        ({"slope": 1.06}, "no: slope 1.06"),
        ({"ssim": 0.902, "slope": 0.5}, "no: SSIM -0.050, slope 0.50"),
        ({"ssim": math.nan}, "no field"),
    ],
)
def test_a_cell_says_what_it_missed_and_by_how_much(change: dict[str, float], said: str) -> None:
    assert verdict({**GOOD, **change}, CELL) == said


def far_from_beads(yx_truth_rad: np.ndarray) -> np.ndarray:
    return distance_transform_edt(yx_truth_rad <= 0.02) * 0.325 > 2


def test_rows_hold_the_scores_of_the_very_field(network: Path) -> None:
    loaded = load_checkpoint(network)
    settings = held_out("psm", "10x")
    rows = result_of(score_networks({"tiny": loaded}, settings, [0]))
    assert [(row["network"], row["label"]) for row in rows] == [
        *(("tiny", TIE_LABEL), ("tiny", TRUTH), (TIE_ITSELF, TRUTH)),
    ]
    lr, truth = simulate_pair(SimulationSettings(specimen="psm", objective="10x", seed=901, field_px=220), 0)
    phase = result_of(predict(lr, PredictSettings(), loaded))
    own = evaluate(phase.data, truth.data, data_range_rad=1.03, yx_background=far_from_beads(truth.data))
    assert rows[1]["ssim"] == pytest.approx(own.ssim)
    assert rows[1]["psnr_raw_db"] == pytest.approx(own.psnr_raw_db)
    assert rows[1]["ssim_zero"] == pytest.approx(own.ssim_zero)


def test_the_mean_of_eight_orientations_is_scored_beside_the_plain_answer(network: Path) -> None:
    loaded = load_checkpoint(network)
    rows = result_of(score_networks({"tiny": loaded}, held_out("psm", "10x"), [0], also_turned=True))
    lr, truth = simulate_pair(SimulationSettings(specimen="psm", objective="10x", seed=901, field_px=220), 0)
    against_truth = [row for row in rows if row["label"] == TRUTH and row["network"] != TIE_ITSELF]
    names = (("tiny", False), ("tiny (eight orientations)", True))
    for row, (name, trust) in zip(against_truth, names, strict=True):
        phase = result_of(predict(lr, PredictSettings(orientations=8 if trust else 1), loaded))
        assert row["network"] == name
        own = evaluate(phase.data, truth.data, data_range_rad=1.03, yx_background=far_from_beads(truth.data))
        assert row["psnr_db"] == pytest.approx(own.psnr_db)


def test_the_tie_label_is_near_the_truth_and_on_its_grid() -> None:
    field = make_field(held_out("psm", "10x", scene="sparse"), 0)
    assert field.yx_tie_rad.shape == field.yx_truth_rad.shape
    scores = evaluate(field.yx_tie_rad, field.yx_truth_rad, data_range_rad=1.03)
    assert scores.correlation > 0.95


@pytest.mark.parametrize("specimen", ["psm", "hela"])
def test_empty_fields_count_by_what_is_invented_in_them_debris_or_not(network: Path, specimen: SpecimenName) -> None:
    settings = held_out(specimen, "10x", scene="empty")
    rows = result_of(score_networks({"tiny": load_checkpoint(network)}, settings, [0, 1]))
    assert len(rows) == 2
    assert all(row["empty_max_rad"] >= 0 and "ssim" not in row for row in rows)


def made_up(scene: str, ssim: float, label: str = TIE_LABEL, grid_um: float = 0.325) -> dict[str, object]:
    scores = dict.fromkeys(("psnr_db", "ssim_raw", "psnr_raw_db", "ssim_foreground", "psnr_foreground_db"), 36.0)
    zero = {"ssim_zero": 0.5, "psnr_zero_db": 18.0}
    about = {
        "network": "all",
        "specimen": "psm",
        "objective": "10x",
        "scene": scene,
        "label": label,
        "grid_um": grid_um,
    }
    return {**about, "ssim": ssim, "slope": 1.0, **scores, **zero}


def test_means_are_of_all_scenes_and_of_sparse_ones_alone() -> None:
    rows = [made_up("sparse", 0.98), made_up("dense", 0.90), made_up("sparse", 0.1, TRUTH)]
    found = {(row["label"], row["scenes"]): row for row in summarise(rows) if row["grid_um"] == 0.325}
    assert found[TIE_LABEL, "all"]["ssim"] == pytest.approx(0.94)
    assert found[TIE_LABEL, "all"]["reached"] == "no: SSIM -0.012"
    assert found[TIE_LABEL, "sparse"]["ssim"] == pytest.approx(0.98)
    assert found[TIE_LABEL, "sparse"]["reached"] == "yes"
    assert found[TRUTH, "sparse"]["fields"] == 1


def test_each_grid_has_means_and_goals_of_its_own() -> None:
    rows = [made_up("sparse", 0.90), made_up("sparse", 0.98, grid_um=0.65), made_up("dense", 0.1, grid_um=0.65)]
    summary = summarise(rows)
    assert [goal.reached for goal in table1_goals(summary, "all")] == [False]
    (fair,) = table1_goals(summary, "all", "sparse", 0.65)
    assert fair.reached
    assert fair.text.startswith("sparse fields on a grid of 0.65 um, beads")


def test_a_coarser_grid_compares_the_means_of_blocks(network: Path) -> None:
    loaded = load_checkpoint(network)
    settings = held_out("psm", "10x", scene="sparse")
    rows = result_of(score_networks({"tiny": loaded}, settings, [0], grids=(3,)))
    lr, truth = simulate_pair(settings, 0)
    phase = result_of(predict(lr, PredictSettings(), loaded))
    own = [m.data[:219, :219].astype(float).reshape(73, 3, 73, 3).mean(axis=(1, 3)) for m in (phase, truth)]
    against_truth = next(row for row in rows if (row["network"], row["label"]) == ("tiny", TRUTH))
    assert against_truth["grid_um"] == 0.975
    assert against_truth["psnr_raw_db"] == pytest.approx(evaluate(*own, data_range_rad=1.03).psnr_raw_db, rel=1e-4)


def test_an_infinite_psnr_of_an_exact_copy_does_not_spoil_the_mean() -> None:
    rows = [made_up("sparse", 1.0), {**made_up("sparse", 1.0), "psnr_db": math.inf}]
    assert averaged(rows, network="all")["psnr_db"] == pytest.approx(36.0)


def test_a_csv_has_a_column_for_every_name(tmp_path: Path) -> None:
    write_csv(tmp_path / "sub" / "x.csv", [{"a": 1, "b": "two, three"}, {"a": 4, "c_um": np.float64(0.5)}])
    with (tmp_path / "sub" / "x.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"a": "1", "b": "two, three", "c_um": ""}, {"a": "4", "b": "", "c_um": "0.5"}]


def test_cells_are_judged_by_the_plain_answer_against_the_tie_label_over_all_scenes() -> None:
    good = made_up("dense", 0.99)
    bad = made_up("dense", 0.1)
    rows: list[dict[str, object]] = [
        *(good, {**bad, "label": TRUTH}, {**bad, "network": f"all{TURNED}"}, {**bad, "network": "psm"}),
        {**made_up("sparse", 0.99), "slope": 1.0},
    ]
    goals = table1_goals(summarise(rows), "all")
    assert [goal.reached for goal in goals] == [True]
    assert "; against the true phase: 0.100" in goals[0].found
    assert [goal.reached for goal in table1_goals(summarise([*rows, bad]), "all")] == [False]


@pytest.mark.parametrize(
    ("values", "reached"),
    [([0.01, 0.04], True), ([0.01, 0.06], False), ([], None), ([math.nan], None), ([0.06, math.nan], False)],
)
def test_the_emptiest_goal_is_that_of_the_largest_invention(values: list[float], reached: bool | None) -> None:
    rows = [{"network": "all", "empty_max_rad": value} for value in values]
    others = [{"network": "psm", "empty_max_rad": 0.5}, made_up("dense", 0.9)]
    assert empty_goal("empty fields", [*rows, *others], "all").reached is reached
