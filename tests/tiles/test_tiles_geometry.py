"""Grids, covers and the weights that blend them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_contransgan.errors import InputError
from napari_contransgan.tiles import blend_shares, blend_window, cover, partition


@given(st.integers(8, 120), st.integers(8, 120), st.integers(1, 8), st.integers(1, 8))
def test_a_grid_without_overlap_holds_each_pixel_once(height, width, rows, columns):
    tiles = partition((height, width), rows, columns)

    times = np.zeros((height, width), dtype=int)
    for tile in tiles:
        times[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
    assert np.all(times == 1)
    assert [(tile.row, tile.column) for tile in tiles] == [(r, c) for r in range(rows) for c in range(columns)]
    assert max(tile.height for tile in tiles) - min(tile.height for tile in tiles) <= 1


@given(st.integers(40, 120), st.integers(1, 5), st.integers(0, 8))
def test_neighbours_in_a_grid_share_exactly_the_overlap(width, columns, overlap):
    tiles = partition((30, width), 1, columns, overlap)

    assert tiles[0].x == 0
    assert tiles[-1].x + tiles[-1].width == width
    for left, right in pairwise(tiles):
        assert left.x + left.width - right.x == overlap
    assert all(tile.y == 0 and tile.height == 30 for tile in tiles)


def test_a_frame_of_480_px_falls_into_16_tiles_of_120_px():
    tiles = partition((480, 480), 4, 4)

    assert len(tiles) == 16
    assert {(tile.height, tile.width) for tile in tiles} == {(120, 120)}
    assert (tiles[7].row, tiles[7].column, tiles[7].y, tiles[7].x) == (1, 3, 120, 360)


def test_a_grid_finer_than_the_frame_or_an_overlap_past_a_tile_is_refused():
    with pytest.raises(InputError, match="3 px cannot be divided into 4 rows"):
        partition((3, 100), 4, 4)
    with pytest.raises(InputError, match="overlap of 26 px is larger than a tile of 25 px"):
        partition((100, 100), 4, 4, 26)


covers = st.integers(8, 40).flatmap(
    lambda tile_px: st.tuples(
        st.integers(tile_px, 150), st.integers(tile_px, 150), st.just(tile_px), st.integers(0, tile_px // 2)
    )
)


@settings(deadline=None)
@given(covers)
def test_a_cover_blends_back_to_the_image_it_was_cut_from(case):
    height, width, tile_px, overlap = case
    image = np.random.default_rng(0).normal(size=(height, width))
    blended, weights = np.zeros_like(image), np.zeros_like(image)

    for tile in cover((height, width), tile_px, overlap):
        assert (tile.height, tile.width) == (tile_px, tile_px)
        place = np.s_[tile.y : tile.y + tile_px, tile.x : tile.x + tile_px]
        window = blend_window(tile, (height, width), overlap)
        assert window.dtype == np.float32
        blended[place] += window * image[place]  # an index outside the frame would fail here
        weights[place] += window

    assert np.all(weights > 0)
    np.testing.assert_allclose(blended / weights, image, rtol=1e-12, atol=1e-14)


@given(covers)
def test_neighbours_in_a_cover_overlap_at_least_as_asked(case):
    height, width, tile_px, overlap = case
    starts = sorted({tile.x for tile in cover((height, width), tile_px, overlap)})

    assert starts[0] == 0
    assert starts[-1] == width - tile_px
    assert all(0 < step <= tile_px - overlap for step in np.diff(starts))


def test_weights_of_neighbours_add_up_to_one_where_the_overlap_is_exact():
    weights = np.zeros((32, 112))
    for tile in cover((32, 112), 32, 12):
        weights[:, tile.x : tile.x + 32] += blend_window(tile, (32, 112), 12)

    np.testing.assert_allclose(weights[:, :92], 1, rtol=1e-6)


def test_weights_ramp_on_inner_sides_only():
    first, _, last = cover((16, 40), 16, 4)

    window = blend_window(first, (16, 40), 4)
    np.testing.assert_allclose(window[0], [1.0] * 12 + [0.8, 0.6, 0.4, 0.2], rtol=1e-6)
    assert np.all(window == window[0])
    np.testing.assert_allclose(blend_window(last, (16, 40), 4), window[:, ::-1], rtol=1e-6)


def test_a_frame_smaller_than_a_tile_has_no_cover():
    with pytest.raises(ValueError, match="smaller than a tile"):
        cover((31, 100), 32, 4)
    with pytest.raises(ValueError, match="overlap of 32"):
        cover((64, 64), 32, 32)


@pytest.mark.parametrize(("shape_yx", "overlap_px"), [((32, 32), 8), ((50, 90), 8), ((64, 96), 0), ((33, 70), 20)])
def test_shares_along_both_axes_are_the_weights_divided_by_their_sum(shape_yx, overlap_px):
    tiles = cover(shape_yx, 32, overlap_px)
    windows = [blend_window(tile, shape_yx, overlap_px) for tile in tiles]
    yx_total = np.zeros(shape_yx)
    for tile, window in zip(tiles, windows, strict=True):
        yx_total[tile.slices] += window

    along_y, along_x = (blend_shares(count, 32, overlap_px) for count in shape_yx)

    assert (len(along_y), len(along_x)) == (tiles[-1].row + 1, tiles[-1].column + 1)
    for tile, window in zip(tiles, windows, strict=True):
        share = np.outer(along_y[tile.row], along_x[tile.column])
        np.testing.assert_allclose(share, window / yx_total[tile.slices], atol=1e-6)
