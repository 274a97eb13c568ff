"""Growth curves against masses known without the code."""

from dataclasses import replace

import numpy as np
import pytest

from napari_contransgan.measuring import MeasuredObject, growth_of

ONE = MeasuredObject(0, 1, 0.0, 0.0, 100.0, 1.0, 2.0, 100.0, 50.0, 2.0, 0.5, False, track=1)


def series(masses_pg, track=1, **more):
    return [replace(ONE, frame=frame, dry_mass_pg=mass, track=track, **more) for frame, mass in enumerate(masses_pg)]


def test_the_rate_is_the_slope_of_the_mass_per_hour():
    (growth,) = growth_of(series([100.0, 101.0, 102.0, 103.0]), time_step_s=1800.0)
    assert growth.in_hours
    assert growth.time == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert growth.rate_pg == pytest.approx(2.0)
    assert growth.rate_std_pg == pytest.approx(0.0, abs=1e-9)


def test_without_a_time_step_the_rate_is_per_frame():
    (growth,) = growth_of(series([100.0, 101.0, 102.0]))
    assert not growth.in_hours
    assert growth.rate_pg == pytest.approx(1.0)


def test_the_error_of_the_rate_is_that_of_a_line_of_least_squares():
    rng = np.random.default_rng(0)
    time_h = np.arange(20)
    found = [growth_of(series(100 + 3 * time_h + rng.normal(0, 2.0, 20)), 3600.0)[0] for _ in range(300)]
    rates, errors = np.array([one.rate_pg for one in found]), np.array([one.rate_std_pg for one in found])
    assert rates.mean() == pytest.approx(3.0, abs=0.02)
    assert rates.std() == pytest.approx(errors.mean(), rel=0.1)
    assert np.mean(np.abs(rates - 3.0) < 2 * errors) > 0.9


def test_tracks_are_in_order_and_frames_in_the_order_of_time():
    mixed = [*series([5.0, 6.0, 7.0], track=2), *series([1.0, 2.0], track=1)][::-1]
    first, second = growth_of(mixed)
    assert (first.track, second.track) == (1, 2)
    assert list(second.dry_mass_pg) == [5.0, 6.0, 7.0]
    assert (first.rate_pg, first.rate_std_pg) == (None, None)


def test_cells_that_are_cut_or_seen_once_or_not_linked_have_no_growth():
    cut = [replace(one, touches_edge=one.frame != 0) for one in series([1.0, 2.0, 3.0])]
    assert growth_of(cut) == ()
    assert growth_of(series([1.0, 2.0], track=None)) == ()


def test_unknown_errors_are_nan():
    (growth,) = growth_of(series([1.0, 2.0], dry_mass_std_pg=None))
    assert np.isnan(growth.dry_mass_std_pg).all()
