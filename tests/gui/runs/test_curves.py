"""Curves of one run and of several: what is kept, what is drawn, and how cheaply."""

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_contransgan.config import TrainSettings
from napari_contransgan.gui.runs.curves import RunCurves
from napari_contransgan.gui.runs.plot import MOST_POINTS, CurvePlot, Picture, ShownCurve, Style
from napari_contransgan.gui.runs.series import RunSeries, Series
from napari_contransgan.gui.runs.thinning import thinned, thinned_around
from napari_contransgan.training.events import Preview, Validated
from napari_contransgan.training.run_folder import RunRecord

pytestmark = pytest.mark.gui

BLANK = np.zeros((8, 8), np.float32)


def validated(step: int, *, labels: bool = True) -> Validated:
    preview = Preview(BLANK, BLANK, None, BLANK if labels else None)
    if not labels:
        return Validated(step, *(float("nan"),) * 5, (preview,))
    return Validated(step, 0.5 + step / 1000, 20 + step / 100, 0.9, 0.25, 17.5, (preview,))


def curve(steps: NDArray[np.float64], values: NDArray[np.float64]) -> Picture:
    return Picture({"loss": ShownCurve(steps, values, Style("#ffffff"))})


@pytest.fixture
def curves(qtbot: QtBot) -> RunCurves:
    curves = RunCurves()
    qtbot.addWidget(curves)
    curves.show()
    return curves


def test_thinning_keeps_a_short_curve_as_it_is() -> None:
    steps, values = np.arange(5.0), np.array([1, np.nan, 3, 4, 5.0])
    assert thinned(steps, values, 5) == (steps, values)


def test_thinning_averages_neighbours_and_passes_over_what_is_not_finite() -> None:
    values = np.array([1, 3, np.nan, 5, np.nan, np.inf])
    steps, means = thinned(np.arange(6.0), values, 3)
    assert_array_equal(steps, [0.5, 2.5, 4.5])
    assert_array_equal(means, [2, 5, np.nan])


@pytest.mark.parametrize("count", [801, 1000, 12_345, 100_000])
def test_thinning_gives_no_more_points_than_asked_for_and_keeps_the_mean_of_a_ramp(count: int) -> None:
    steps = np.arange(count, dtype=float)
    thin_steps, means = thinned(steps, 3 * steps, 800)
    assert len(thin_steps) == 800
    assert_allclose(means, 3 * thin_steps)
    assert (np.diff(thin_steps) > 0).all()


def test_a_closer_look_shows_every_point_and_leaves_the_rest_in_outline() -> None:
    steps = np.arange(100_000, dtype=float)
    thin_steps, values = thinned_around((steps, steps), (500, 900), 800)
    inside = (thin_steps >= 500) & (thin_steps <= 900)
    assert_array_equal(thin_steps[inside], np.arange(500.0, 901))
    assert_array_equal(values[inside], np.arange(500.0, 901))
    assert len(thin_steps) <= 3 * 800
    assert thin_steps[-1] > 99_900


def test_logarithmic_plot_leaves_a_gap_where_a_value_is_not_positive(qtbot: QtBot) -> None:
    plot = CurvePlot("loss", logarithmic=True)
    qtbot.addWidget(plot)
    plot.show_picture(curve(np.arange(1.0, 5), np.array([1.0, 0.0, 0.25, np.nan])))
    steps, values = plot.drawn("loss")
    assert_array_equal(steps, [1, 2, 3, 4])
    assert_array_equal(values, [1.0, np.nan, 0.25, np.nan])


def test_plot_fills_in_details_when_the_user_zooms(qtbot: QtBot) -> None:
    plot = CurvePlot("loss")
    qtbot.addWidget(plot)
    plot.show()
    steps = np.arange(50_000, dtype=float)
    plot.show_picture(curve(steps, np.sin(steps)))
    assert len(plot.drawn("loss")[0]) == MOST_POINTS
    plot._view.setXRange(1000, 1100, padding=0)

    def drawn_in_sight() -> int:
        drawn = plot.drawn("loss")[0]
        return int(((drawn >= 1000) & (drawn <= 1100)).sum())

    qtbot.waitUntil(lambda: drawn_in_sight() == 101)


def test_a_curve_that_is_not_in_the_picture_any_more_is_taken_away(qtbot: QtBot) -> None:
    plot = CurvePlot("loss")
    qtbot.addWidget(plot)
    plot.show_picture(curve(np.arange(3.0), np.arange(3.0)))
    plot.show_picture(Picture())
    assert plot.names() == ()
    assert len(plot.drawn("loss")[0]) == 0


def test_series_keeps_the_later_values_of_steps_that_were_taken_twice() -> None:
    series = Series((np.array([1, 2, 3, 2, 3, 4.0]), np.array([9, 8, 7, 6, 5, 4.0])))
    assert_array_equal(series.curve(), [[1, 2, 3, 4], [9, 6, 5, 4]])


def test_series_grows_and_forgets_what_was_undone() -> None:
    series = Series()
    for step in range(1, 7):
        series.add(step, step / 2)
    series.drop_after(3)
    series.add(4, 9.0)
    assert_array_equal(series.curve(), [[1, 2, 3, 4], [0.5, 1, 1.5, 9]])


def test_run_that_goes_on_keeps_its_earlier_curve_up_to_where_it_goes_on(tmp_path: Path) -> None:
    losses = {"supervised": (np.arange(1.0, 11), np.arange(1.0, 11))}
    record = RunRecord(tmp_path, TrainSettings(pairs=(tmp_path,)), losses, {}, "")
    run = RunSeries("run", record, last_step=4)
    run.add_losses(5, {"supervised": 0.5})
    assert_array_equal(run.curve("supervised"), [[1, 2, 3, 4, 5], [1, 2, 3, 4, 0.5]])


def test_scores_are_shown_beside_those_of_an_empty_map(curves: RunCurves) -> None:
    run = RunSeries("my run")
    curves.put(run, 0)
    for step in (100, 200):
        run.add_scores(validated(step))
    curves.mark_stale()
    for tab, name, values, zeros in (
        (1, "psnr_db", [21, 22], [17.5, 17.5]),
        (2, "ssim", [0.6, 0.7], [0.25, 0.25]),
        (3, "slope", [0.9, 0.9], [0, 0]),
    ):
        curves.setCurrentIndex(tab)
        curves.redraw()
        assert_allclose(curves.scores[name].drawn(f"0/{name}"), [[100, 200], values])
        assert_allclose(curves.scores[name].drawn("0/zero"), [[100, 200], zeros])
        assert "my&nbsp;run" in curves.scores[name].legend.text()
        assert "empty&nbsp;phase&nbsp;map" in curves.scores[name].legend.text()


def test_validation_without_scores_adds_no_points(curves: RunCurves) -> None:
    run = RunSeries("run")
    run.add_scores(validated(100, labels=False))
    assert run.scores == {}


def test_runs_are_told_apart_by_line_and_named_in_the_legend(curves: RunCurves) -> None:
    for name in ("first", "second"):
        run = RunSeries(name)
        run.add_losses(1, {"supervised": 1.0, "cycle": 2.0})
        curves.put(run)
    curves.redraw()
    assert set(curves.losses.names()) == {"1/supervised", "1/cycle", "2/supervised", "2/cycle"}
    shown = curves.losses._picture.curves
    assert shown["1/cycle"].style.colour == shown["2/cycle"].style.colour
    assert shown["1/cycle"].style.dash != shown["2/cycle"].style.dash
    for name in ("first", "second", "supervised", "cycle"):
        assert name in curves.losses.legend.text()


def test_one_loss_of_several_runs_has_a_colour_for_each_run(curves: RunCurves) -> None:
    for name in ("first", "second"):
        run = RunSeries(name)
        run.add_losses(1, {"supervised": 1.0, "cycle": 2.0})
        curves.put(run)
    curves.redraw()
    curves.which_loss.setCurrentText("cycle")
    shown = curves.losses._picture.curves
    assert set(shown) == {"1/cycle", "2/cycle"}
    assert shown["1/cycle"].style.colour != shown["2/cycle"].style.colour
    assert curves.style_of(1) == shown["1/cycle"].style


def test_a_removed_run_gives_its_place_to_the_next_one(curves: RunCurves) -> None:
    places = [curves.put(RunSeries(name)) for name in "abc"]
    assert places == [1, 2, 3]
    curves.remove(2)
    assert curves.put(RunSeries("d")) == 2


def test_nothing_is_drawn_unless_something_has_changed(curves: RunCurves, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Picture] = []
    run = RunSeries("run")
    curves.put(run, 0)
    curves.redraw()
    monkeypatch.setattr(curves.losses, "show_picture", drawn.append)
    curves.redraw()
    curves.redraw()
    assert drawn == []
    run.add_losses(1, {"supervised": 1.0})
    curves.mark_stale()
    curves.redraw()
    assert len(drawn) == 1


def test_redrawing_100_000_steps_of_six_losses_is_cheap(qtbot: QtBot, curves: RunCurves) -> None:
    run = RunSeries("long run")
    rng = np.random.default_rng(0)
    steps = np.arange(1.0, 100_001)
    run.losses = {f"loss {number}": Series((steps, rng.uniform(0.1, 1, len(steps)))) for number in range(6)}
    curves.put(run, 0)
    curves.redraw()
    costs_s = []
    for step in range(100_001, 100_006):
        run.add_losses(step, dict.fromkeys(run.losses, 0.5))
        curves.mark_stale()
        start = time.perf_counter()
        curves.redraw()
        curves.losses.repaint()
        costs_s.append(time.perf_counter() - start)
    print(f"redraw of 6 x 100,000 steps: {1000 * min(costs_s):.1f} ms")  # noqa: T201
    assert min(costs_s) < 0.1  # a fifth of a second lies between two
    assert len(curves.losses.drawn("0/loss 3")[0]) <= MOST_POINTS
