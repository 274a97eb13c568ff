"""Whether an image and its phase map show the same place."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_contransgan.config import TileSettings
from napari_contransgan.io import Image
from napari_contransgan.tiles import crop_tiles
from napari_contransgan.training.place import difference_of, place_of


def image(side_px: int, pixel_um: float, origin_yx_um: tuple[float, float] = (0.0, 0.0)) -> Image:
    return Image(np.zeros((side_px, side_px), np.float32), "YX", pixel_um, origin_yx_um=origin_yx_um)


def apart(one: Image, other: Image) -> str:
    places = place_of(one), place_of(other)
    assert places[0] is not None
    assert places[1] is not None
    assert (difference_of(*places) == "") == (difference_of(*reversed(places)) == "")
    return difference_of(*places)


@given(st.integers(1, 5), st.integers(1, 5), st.booleans(), st.booleans())
def test_the_same_grid_of_frames_of_other_pixels_gives_tiles_that_agree(
    rows: int, columns: int, lr_is_placed: bool, phase_is_placed: bool
) -> None:
    lr = image(130, 0.65, (500.0, -20.0) if lr_is_placed else (0.0, 0.0))
    phase = image(520, 0.1625, (500.0 - 0.24, -20.0 - 0.24) if phase_is_placed else (0.0, 0.0))
    grid = TileSettings(rows=rows, columns=columns)
    lr_tiles, phase_tiles = crop_tiles(lr, grid), crop_tiles(phase, grid)
    for index, tile in enumerate(lr_tiles):
        assert apart(tile, phase_tiles[index]) == ""
        for other in phase_tiles[index + 1 :]:
            assert apart(tile, other)


@pytest.mark.parametrize(("near_px", "far_px"), [(797, 795), (803, 805)])
def test_sides_may_differ_by_half_a_percent_and_no_more(near_px: int, far_px: int) -> None:
    assert apart(image(800, 0.325), image(near_px, 0.325)) == ""
    assert apart(image(800, 0.325), image(far_px, 0.325)).startswith("they are 260 x 260 and")


def test_sides_may_differ_by_one_of_the_larger_pixels() -> None:
    assert apart(image(80, 0.65), image(163, 0.325)).startswith("they are 52 x 52 and 52.975")
    assert apart(image(80, 0.65), image(162, 0.325)) == ""


def test_positions_count_where_both_files_state_them() -> None:
    here, there = image(80, 0.65, (100.0, 40.0)), image(80, 0.65, (100.0, 45.0))
    assert apart(here, there) == "their files place them at 99.675 x 39.675 and 99.675 x 44.675 um"
    assert apart(here, image(80, 0.65)) == ""
    assert apart(here, image(160, 0.325, (100.0 - 0.1625, 40.0 - 0.1625))) == ""


def test_a_tile_and_a_frame_of_the_same_size_are_compared_by_their_positions() -> None:
    first, second = crop_tiles(image(160, 0.65, (10.0, 10.0)), TileSettings(rows=1, columns=2))
    assert apart(first, replace(first, settings={})) == ""
    assert apart(first, replace(second, settings={})).startswith("their files place them at")
    unplaced = crop_tiles(image(160, 0.65), TileSettings(rows=1, columns=2))[1]
    assert apart(unplaced, replace(second, settings={})) == ""


def test_without_a_pixel_size_there_is_no_place() -> None:
    assert place_of(Image(np.zeros((4, 4)), "YX")) is None
    broken = replace(image(4, 0.65), settings={"tile": {"y_px": "top", "x_px": 2}})
    assert place_of(broken) == place_of(image(4, 0.65))
