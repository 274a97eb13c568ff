"""Two maps compared: where their difference lies, and beads of a single map."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from tests.measuring.scenes import PIXEL_UM, WAVELENGTH_UM, dome, phase_map

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import bead_heights, compare

SHAPE = (96, 128)
CELL = dome(SHAPE, (24.0, 30.0), (9.0, 9.0), 1.5)


def test_the_difference_is_of_the_levelled_maps_and_lies_where_the_reference_does() -> None:
    found = compare(phase_map(1.2 * CELL + 5.0), phase_map(CELL - 3.0, origin_yx_um=(10.0, 20.0)))
    assert found.difference.data == pytest.approx(0.2 * CELL, abs=1e-3)
    assert found.difference.origin_yx_um == (10.0, 20.0)
    assert found.difference.pixel_size_um == PIXEL_UM


def test_of_maps_with_different_pixels_the_difference_has_the_coarser_ones() -> None:
    fine = replace(phase_map(np.kron(CELL, np.ones((2, 2)))), pixel_size_um=PIXEL_UM / 2)
    found = compare(phase_map(1.1 * CELL), fine)
    assert found.difference.data == pytest.approx(0.1 * CELL, abs=1e-3)
    assert found.difference.origin_yx_um == (PIXEL_UM / 4, PIXEL_UM / 4)  # centre of the first 2 x 2 pixels
    assert found.difference.pixel_size_um == PIXEL_UM


def test_after_registration_the_difference_lies_where_both_maps_have_pixels() -> None:
    whole = np.pad(CELL, 8) + np.random.default_rng(0).normal(0, 0.1, (SHAPE[0] + 16, SHAPE[1] + 16))
    moved = phase_map(whole[3 : 3 + SHAPE[0], 8:-8])
    found = compare(moved, phase_map(whole[8:-8, 8:-8]), register_first=True)
    assert found.registration is not None
    assert found.registration.shift_yx_px == pytest.approx((-5.0, 0.0), abs=0.05)
    assert found.shape_yx == (SHAPE[0] - 5, SHAPE[1])
    assert found.difference.origin_yx_um == (0.0, 0.0)
    assert np.abs(found.difference.data).max() < 0.02


def test_the_rows_that_registration_removes_move_the_origin() -> None:
    whole = np.pad(CELL, 8) + np.random.default_rng(0).normal(0, 0.1, (SHAPE[0] + 16, SHAPE[1] + 16))
    moved = phase_map(whole[13 : 13 + SHAPE[0], 8:-8])
    found = compare(moved, phase_map(whole[8:-8, 8:-8]), register_first=True)
    assert found.difference.origin_yx_um == pytest.approx((5 * PIXEL_UM, 0.0))


def test_maps_with_pixels_of_any_sizes_are_compared_on_the_coarser_ones() -> None:
    fine = phase_map(CELL)
    y, x = np.mgrid[: int(SHAPE[0] / 1.4), : int(SHAPE[1] / 1.4)] * 1.4 + 0.2  # centres of pixels of 1.4
    coarse = replace(
        phase_map(ndimage.map_coordinates(CELL, [y, x], order=3).astype(np.float32)), pixel_size_um=1.4 * PIXEL_UM
    )
    for one, other in ((fine, coarse), (coarse, fine)):
        found = compare(one, other)
        assert found.pixel_size_um == 1.4 * PIXEL_UM
        assert "averaged over 1.4 x 1.4 pixels" in found.notes[0]
        assert found.scores.rmse_rad < 0.03 * CELL.max()
    ragged = replace(coarse, data=coarse.data[:-1])
    assert compare(fine, ragged).shape_yx == ragged.data.shape
    with pytest.raises(InputError, match="crop one of them"):
        compare(fine, replace(coarse, data=coarse.data[:-2]))


def test_beads_of_one_map_are_placed_by_its_origin() -> None:
    top_rad = 4.0 * 0.03 * 2 * np.pi / WAVELENGTH_UM
    bead = dome(SHAPE, (24.0, 30.0), (4.0, 4.0), top_rad)
    (found,) = bead_heights(phase_map(bead, origin_yx_um=(100.0, -50.0)), 0.03)
    assert found.height_um == pytest.approx(4.0, rel=0.05)
    assert (found.y_um, found.x_um) == pytest.approx((124.0, -20.0), abs=0.1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"axes": "TYX", "data": np.stack([CELL] * 2).astype(np.float32)}, "cells: has the axes TYX"),
        ({"quantity": "path"}, "cells: holds path, not phase"),
        ({"wavelength_um": None}, "cells: states no wavelength"),
    ],
)
def test_beads_are_measured_in_one_phase_map_of_known_wavelength(fields: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bead_heights(replace(phase_map(CELL), **fields), 0.03)
