import numpy as np
import pytest

from napari_contransgan.tie.direction import NOTES, check_direction

NOISE = np.random.default_rng(0).normal(scale=0.02, size=(200, 200))


def bump(y: float, x: float, height: float, width: float = 12.0) -> np.ndarray:
    rows, columns = np.indices((200, 200))
    return height * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))


@pytest.mark.parametrize(("sign", "verdict"), [(1, "agrees"), (-1, "contradicts"), (0, "cannot tell")])
def test_a_solver_that_knows_the_sign_decides_whatever_the_map_looks_like(sign, verdict):
    assert check_direction(NOISE + bump(90, 100, -1.0), {"specimen_sign": sign}) == verdict


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
