"""Borders without data and areas without light are found, and nothing else is mistaken for them."""

import numpy as np
import pytest

from napari_contransgan.unlit import dark_places, dark_plateau, edge_fill, opened, reaching_edge

RNG = np.random.default_rng(0)
FRAME = RNG.poisson(1000, (60, 80)).astype(float)


def bordered(fill: float, before: int = 5, after: int = 3) -> tuple[np.ndarray, np.ndarray]:
    frame, border = FRAME.copy(), np.ones(FRAME.shape, bool)
    border[before:, : 80 - after] = False
    frame[border] = fill
    return frame, border


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf, 65535.0, 300.0, 1000.0, -1.0])
def test_a_border_of_any_value_is_found(fill):
    frame, border = bordered(fill)
    found = edge_fill(frame)
    assert np.mean(found != border) < 0.005


def test_a_border_one_pixel_wide_is_found():
    frame, border = bordered(0, 1, 0)
    np.testing.assert_array_equal(edge_fill(frame), border)


def test_wedges_that_a_rotation_leaves_are_found():
    y, x = np.indices(FRAME.shape)
    wedge = (y < 12 - x / 5) | (y > 59 - x / 9)
    found = edge_fill(np.where(wedge, 0, FRAME))
    assert found is not None
    assert np.mean(found != wedge) < 0.01


def few_photons() -> np.ndarray:
    return np.random.default_rng(1).poisson(2.5, (200, 200)).astype(np.uint16)


NOT_BORDERS = {
    "noise": FRAME,
    "rounded light": np.round(FRAME / 300),
    "even light without noise": 1 + 0.5 * np.exp(-((np.indices((60, 80)) - 30) ** 2).sum(0) / 50),
    "a bright spot on exactly even light": np.where(np.hypot(*(np.indices((60, 80)) - 30)) < 8, 4.0, 1.0) + 0 * FRAME,
    "stripes": np.tile(np.cos(np.arange(80)), (60, 1)),
    "few photons": few_photons(),
    "a dead pixel in a corner": np.where(np.indices((60, 80)).sum(0) == 0, 0, FRAME),
    "zeros inside": np.where(np.hypot(*(np.indices((60, 80)) - 30)) < 8, 0, FRAME),
    "nothing at all": np.zeros((60, 80)),
    "undefined throughout": np.full((60, 80), np.nan),
}


@pytest.mark.parametrize("case", NOT_BORDERS)
def test_what_is_no_border_is_left_alone(case):
    assert edge_fill(NOT_BORDERS[case]) is None


def test_places_without_light_are_at_least_three_pixels_wide():
    frame = FRAME.copy()
    frame[10:20, 30:40] = 5
    frame[40, 50] = frame[0, 0] = frame[30:32, 60:70] = 0
    expected = np.zeros(frame.shape, bool)
    expected[10:20, 30:40] = True
    np.testing.assert_array_equal(dark_places(frame, 1000), expected)
    assert dark_places(FRAME, 1000) is None


def test_a_mask_is_opened_as_if_the_frame_went_on():
    mask = np.zeros((20, 20), bool)
    mask[:, 0] = mask[5, 5] = mask[10:13, 10:13] = mask[19, 19] = True
    expected = mask.copy()
    expected[5, 5] = expected[19, 19] = False
    np.testing.assert_array_equal(opened(mask), expected)


def test_what_reaches_the_edge_is_kept_whole():
    mask = np.zeros((20, 20), bool)
    mask[0:10, 3] = mask[12:15, 12:15] = True
    expected = mask.copy()
    expected[12:15, 12:15] = False
    np.testing.assert_array_equal(reaching_edge(mask), expected)


def stopped(dark: float, noise: float = 2.0, shape: tuple[int, int] = (200, 240)) -> np.ndarray:
    y, x = np.indices(shape)
    light = np.where(np.hypot(y - 100, x - 120) < 105, 400.0, 0.0)
    rng = np.random.default_rng(2)
    return rng.poisson(light) + rng.normal(dark, noise, shape)


@pytest.mark.parametrize("dark", [20.0, 100.0, 200.0])
def test_a_dark_level_shows_under_a_field_stop(dark):
    plateau = dark_plateau(stopped(dark))
    assert plateau is not None
    assert plateau.counts == pytest.approx(dark, abs=1)
    assert plateau.share == pytest.approx(dark / (dark + 400), abs=0.01)
    y, x = np.indices((200, 240))
    assert np.mean(plateau.yx_places != (np.hypot(y - 100, x - 120) >= 105)) < 0.02
    assert f"has a constant {plateau.counts:.0f} counts" in plateau.note


def shaded() -> np.ndarray:
    return np.random.default_rng(3).poisson(500 * np.exp(-np.indices((200, 240))[1] / 120))


def sloping() -> np.ndarray:
    x = np.tile(np.arange(240.0), (200, 1))
    light = np.where(x < 60, 100, np.minimum(240 + 2 * (x - 60), 500))
    return np.random.default_rng(5).normal(light, 2)


NO_PLATEAUS = {
    "a dark level that was subtracted": stopped(0.0),
    "light throughout": np.random.default_rng(4).poisson(500, (200, 240)),
    "shading": shaded(),
    "a stop under stray light": stopped(0.0) + 120 * (np.indices((200, 240))[0] / 200),
    "a thick specimen's slope": sloping(),
    "something dark inside": np.where(np.hypot(*(np.indices((200, 240)) - 100)) < 50, 100, 500),
    "something darker elsewhere": np.where(np.hypot(*(np.indices((200, 240)) - 100)) < 30, 5, stopped(100.0)),
}


@pytest.mark.parametrize("case", NO_PLATEAUS)
def test_no_dark_level_is_claimed_where_the_frame_shows_none(case):
    assert dark_plateau(NO_PLATEAUS[case].astype(np.float32)) is None
