import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_contransgan.tie import direction
from napari_contransgan.tie.direction import NOTES, check_direction

NOISE = np.random.default_rng(0).normal(scale=0.02, size=(200, 200))


def bump(y: float, x: float, height: float, width: float = 12.0) -> np.ndarray:
    rows, columns = np.indices((200, 200))
    return height * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))


def granules(sign: float) -> np.ndarray:
    """Narrow rises (or hollows) all over the frame."""
    places = np.random.default_rng(1).random((200, 200)) < 0.004
    return sign * gaussian_filter(20.0 * places, 2.0)


@pytest.mark.parametrize(("sign", "verdict"), [(1, "agrees"), (-1, "contradicts")])
def test_a_solver_that_knows_the_sign_decides_where_some_fine_structure_agrees(sign, verdict):
    cell = NOISE + bump(90, 100, 1.0 * sign) + 0.05 * granules(sign)

    assert check_direction(cell, {"specimen_sign": sign}) == verdict


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_solver_is_not_enough_in_a_small_frame_or_without_background_or_fine_structure(sign):
    cell = NOISE + bump(90, 100, 1.0 * sign) + 0.05 * granules(sign)

    assert check_direction(NOISE, {"specimen_sign": sign}) == "cannot tell"
    assert check_direction(cell, {"specimen_sign": sign}, pixel_size_um=0.05) == "cannot tell"
    assert check_direction(cell, {"specimen_sign": sign, "light_from_background": False}) == "cannot tell"


@pytest.mark.parametrize(("sign", "verdict"), [(1, "agrees"), (-1, "contradicts")])
def test_narrow_rises_show_the_sign_where_the_solver_does_not_know_it(sign, verdict):
    cloudy = NOISE + bump(60, 60, -2.0 * sign, width=60)

    assert check_direction(cloudy + granules(sign), {"specimen_sign": 0}) == verdict
    assert check_direction(cloudy, {"specimen_sign": 0}) == "cannot tell"


@pytest.mark.parametrize(("height", "verdict"), [(2.0, "agrees"), (0.5, "cannot tell")])
def test_only_a_strong_specimen_needs_no_fine_structure(monkeypatch, height, verdict):
    monkeypatch.setattr(direction, "_skewness", lambda *_: 0.0)

    assert check_direction(NOISE + bump(90, 100, height), {"specimen_sign": 1}) == verdict


@pytest.mark.parametrize("sign", [1, -1])
def test_a_solver_whose_sign_contradicts_fine_structure_leaves_it_open(sign):
    assert check_direction(NOISE + granules(-sign), {"specimen_sign": sign}) == "cannot tell"


def test_structure_where_nothing_was_measured_does_not_count():
    measured = np.ones((200, 200), bool)
    measured[:, 100:] = False
    half = np.where(measured, 0.0, granules(1.0))

    assert check_direction(NOISE + half, {"specimen_sign": 0}, yx_measured=measured) == "cannot tell"
    assert check_direction(NOISE + half, {"specimen_sign": 0}) == "agrees"


@pytest.mark.parametrize("level", [0.0, -3.0, 0.7])
@pytest.mark.parametrize(("height", "verdict"), [(1.0, "agrees"), (-1.0, "contradicts")])
def test_else_the_sign_of_what_stands_out_decides(height, verdict, level):
    assert check_direction(NOISE + bump(90, 100, height) + level, {}) == verdict


@pytest.mark.parametrize(("small", "verdict"), [(-0.1, "agrees"), (-0.5, "cannot tell"), (-1.0, "cannot tell")])
def test_specimens_of_both_signs_tell_nothing_unless_one_outweighs_the_other(small, verdict):
    assert check_direction(NOISE + bump(60, 60, 1.0) + bump(140, 140, small), {}) == verdict


@pytest.mark.parametrize("speck", [0.0, 1.0])
def test_noise_and_a_speck_tell_nothing(speck):
    assert check_direction(NOISE + bump(90, 100, speck, width=0.5), {}) == "cannot tell"


def test_clouds_as_large_as_the_noise_allows_are_no_specimen():
    clouds = NOISE + bump(60, 60, 0.5, width=25)

    assert check_direction(clouds, {}, std_rad=0.02) == "agrees"
    assert check_direction(clouds, {}, std_rad=0.2) == "cannot tell"


def test_an_even_map_tells_nothing():
    assert check_direction(np.zeros((50, 50), np.float32), {}) == "cannot tell"


@pytest.mark.parametrize("verdict", ["contradicts", "cannot tell"])
def test_the_notes_say_what_to_do(verdict):
    assert "flip z" in NOTES[verdict]
