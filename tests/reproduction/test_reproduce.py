"""All parts from end to end, with an untrained network."""

import csv
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.progress import result_of
from napari_contransgan.reproduction import PARTS, Extent, NetworkChoice, paper, reproduce
from napari_contransgan.reproduction.bead_heights import height_figures, heights_goals
from napari_contransgan.reproduction.defocus import defocus_goals
from napari_contransgan.reproduction.fields import TIE_LABEL, TRUTH
from napari_contransgan.reproduction.paper import TABLE_1
from napari_contransgan.reproduction.parts import QUICK
from napari_contransgan.reproduction.profiles import networks_goal

Made = tuple[Path, dict[str, Any], str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, network: Path, small: Extent) -> Made:
    out = tmp_path_factory.mktemp("reproduced")
    choice = NetworkChoice(str(network), unet=str(network))
    names = [name for name in PARTS if name != "fig10"]
    figures = result_of(reproduce(names, out, choice, small, command="reproduce <it>"))
    return out, figures, (out / "report.html").read_text()


def test_every_part_leaves_its_csv_and_its_chapter(made: Made) -> None:
    out, figures, report = made
    assert {path.name for path in out.glob("*.csv")} == {
        *(
            "table1.csv",
            "table1_fields.csv",
            "table1_empty_fields.csv",
            "fig7_beads.csv",
            "fig9.csv",
            "fig9_fields.csv",
        ),
        *("fig11.csv", "fig11_fields.csv", "speed.csv"),
    }
    for title in ("Table 1", "Fig. 7", "Fig. 8", "Fig. 9", "Fig. 11", "Speed"):
        assert f"<h2>{title}" in report
    assert figures["report"] == str(out / "report.html")
    assert figures.keys() == {"table1", "fig7", "fig8", "fig9", "fig11", "speed", "goals", "report"}


def test_the_report_stands_alone_and_says_what_made_it(made: Made) -> None:
    report = made[2]
    assert report.count("data:image/png;base64,") == 7
    assert 'src="/' not in report
    assert "http:" not in report
    assert "reproduce &lt;it&gt;" in report
    assert "no training &lt;at all&gt;" in report
    assert "0.325 um a pixel" in report
    assert "hela 900, psm 901" in report


def test_the_table_has_a_row_of_the_network_for_each_specimen_at_every_objective(made: Made) -> None:
    rows = {(row["network"], row["specimen"], row["objective"]) for row in made[1]["table1"]["cells"]}
    own = {row for row in rows if row[0] in paper.SPECIMENS}
    assert own == {(name, name, objective) for name in paper.SPECIMENS for objective in paper.OBJECTIVES}


def test_an_untrained_network_misses_its_goals_and_that_is_said(made: Made) -> None:
    _, figures, report = made
    by_part: dict[str, list[Any]] = {}
    for goal in figures["goals"]:
        by_part.setdefault(goal["part"], []).append(goal["reached"])
    assert by_part["table1"][:8] == [False] * 8
    assert by_part["fig7"][:3] == [False] * 3
    assert by_part["fig9"] == [None], "no Swin-only network was given"
    assert by_part["fig11"] == [None] * 4, "the default network stands in"
    assert ">missed<" in report
    assert "No swin network was given" in report


def test_the_same_beads_stand_in_every_map(made: Made) -> None:
    with (made[0] / "fig7_beads.csv").open() as file:
        beads = list(csv.DictReader(file))
    assert len(beads) == 2
    true_um = np.array([float(bead["true_height_um"]) for bead in beads])
    tie_um = np.array([float(bead["TIE at 40x_height_um"]) for bead in beads])
    assert np.all((true_um > 2.7) & (true_um < 3.1))
    assert np.all(np.abs(tie_um / true_um - 1) < 0.1)


def test_speed_is_told_beside_the_published_size(made: Made) -> None:
    own, published = made[1]["speed"]["networks"]
    assert own["of_the_first"] == 1
    assert published["weights"] > 80e6
    assert published["multiply_adds"] > 80e9
    assert published["of_the_first"] > 10


def test_defocus_is_that_of_the_frame_and_nothing_else_varies(made: Made) -> None:
    points = made[1]["fig11"]["points"]
    assert {(point["axis"], point["value"]) for point in points} == {
        *(("focus_um", -10.0), ("focus_um", 10.0)),
        *(("S", 0.3), ("S", 0.9)),
    }
    assert {point["label"] for point in points} == {TIE_LABEL, TRUTH}
    for axis in ("focus_um", "S"):
        own = [point for point in points if (point["axis"], point["specimen"], point["label"]) == (axis, "psm", TRUTH)]
        zeros = [point["psnr_zero_db"] for point in own]
        assert max(zeros) - min(zeros) < 1e-9, "the same fields at every point"


@pytest.mark.parametrize(
    ("heights_um", "reached"),
    [
        ([3.0, 2.9, 3.1], [True, True, True]),
        ([3.3, 2.6, 3.0], [True, False, False]),
        ([2.85] * 3, [False, True, False]),
    ],
)
def test_heights_are_judged_by_median_range_and_error(heights_um: list[float], reached: list[bool]) -> None:
    figures = height_figures(np.array(heights_um), np.array([3.0, 3.0, 3.0]))
    assert [goal.reached for goal in heights_goals("all", figures)] == reached


def test_heights_that_were_not_found_count_as_missed() -> None:
    figures = height_figures(np.array([3.0, 3.3, np.nan, 2.9]), np.array([3.0, 3.0, 3.0, 3.0]))
    assert figures["found"] == 3
    assert figures["median_um"] == pytest.approx(3.0)
    assert figures["share_in_range"] == pytest.approx(0.5)
    assert figures["mean_relative_error"] == pytest.approx((0 + 0.1 + 0.1 / 3) / 3)


@pytest.mark.parametrize(("of_unet", "ahead"), [(29.0, True), (31.0, False)])
def test_contrans_is_ahead_only_of_networks_of_its_own_training(of_unet: float, ahead: bool) -> None:
    psnr_db = {"contrans": 30.0, "unet": of_unet, "swin": 20.0, "all": 40.0}
    rows = [
        {"specimen": specimen, "objective": objective, "label": TIE_LABEL, "network": name, "psnr_db": value}
        for specimen, objective in TABLE_1
        for name, value in psnr_db.items()
    ]
    assert networks_goal(rows[4:], []).reached is False, "a cell that was not scored"
    against_truth = [{**row, "label": TRUTH, "psnr_db": 60.0} for row in rows if row["network"] == "unet"]
    assert networks_goal([*rows, *against_truth], []).reached is ahead


@pytest.mark.parametrize(
    ("change", "reached"),
    [({}, True), ({"ssim": 0.93}, False), ({"psnr_db": 33.0}, False), ({"psnr_db": float("nan")}, False)],
)
def test_fig11_is_judged_at_its_worst_point(change: dict[str, float], reached: bool) -> None:
    point = {"axis": "focus_um", "specimen": "psm", "label": TIE_LABEL, "ssim": 0.95, "psnr_db": 35.0}
    rows = [point, {**point, **change}, {**point, "label": TRUTH, "ssim": 0.1}]
    assert [goal.reached for goal in defocus_goals(rows, {"focus_um": "own"}, "all")] == [reached]
    assert [goal.reached for goal in defocus_goals(rows, {"focus_um": "all"}, "all")] == [None]


def test_stopping_half_way_leaves_no_report(tmp_path: Path, network: Path) -> None:
    with closing(reproduce(["table1"], tmp_path, NetworkChoice(str(network)), QUICK)) as events:
        next(events)
        next(events)
    assert list(tmp_path.iterdir()) == []


def test_a_baseline_of_another_kind_is_refused(tmp_path: Path, network: Path) -> None:
    with pytest.raises(InputError, match="is a unet network but was given as swin: give a swin network"):
        result_of(reproduce(["speed"], tmp_path, NetworkChoice(str(network), swin=str(network)), QUICK))


def test_unknown_parts_and_networks_are_refused_before_anything_is_made(tmp_path: Path, network: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="fig12: not a part of the paper"):
        result_of(reproduce(["fig12"], out, NetworkChoice(str(network)), QUICK))
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        result_of(reproduce(["speed"], out, NetworkChoice(str(network), unet="nowhere.safetensors"), QUICK))
    assert not out.exists()
