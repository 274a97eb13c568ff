import numpy as np
import pytest
from scipy import ndimage
from tests.measuring.scenes import INCREMENT, PG_PER_UM2_RAD, PIXEL_UM, dome, dome_volume_um2_rad, phase_map

from napari_contransgan.errors import InputError
from napari_contransgan.measuring import find_objects, measure_frame

SHAPE = (240, 320)
RADII_UM, TOP_RAD = (12.0, 8.0), 2.0
CELL = dome(SHAPE, (50.0, 70.0), RADII_UM, TOP_RAD)
VOLUME = dome_volume_um2_rad(RADII_UM, TOP_RAD)


def test_a_dome_has_its_volume_mass_area_place_and_shape():
    (cell,) = measure_frame(phase_map(CELL + 0.7, origin_yx_um=(100.0, -20.0)), INCREMENT).objects
    assert cell.volume_um2_rad == pytest.approx(VOLUME, rel=5e-3)
    assert cell.dry_mass_pg == pytest.approx(VOLUME * PG_PER_UM2_RAD, rel=5e-3)
    assert cell.area_um2 == pytest.approx(np.pi * RADII_UM[0] * RADII_UM[1], rel=0.05)
    assert cell.mean_rad == pytest.approx(cell.volume_um2_rad / cell.area_um2)
    assert cell.max_rad == pytest.approx(TOP_RAD, rel=0.01)
    assert (cell.y_um, cell.x_um) == pytest.approx((150.0, 50.0), abs=0.1)
    assert cell.eccentricity == pytest.approx(np.sqrt(1 - (8 / 12) ** 2), abs=0.02)
    assert (cell.frame, cell.label, cell.touches_edge, cell.track) == (0, 1, False, None)


def test_cells_that_touch_are_told_apart_and_numbered_in_reading_order():
    pair = np.maximum(dome(SHAPE, (60.0, 60.0), (12.0, 12.0), 2.0), dome(SHAPE, (66.0, 82.0), (12.0, 12.0), 2.0))
    first, second = measure_frame(phase_map(pair), INCREMENT).objects
    assert (first.label, second.label) == (1, 2)
    assert (first.y_um, first.x_um) == pytest.approx((60.0, 60.0), abs=1.0)
    assert (second.y_um, second.x_um) == pytest.approx((66.0, 82.0), abs=1.0)


def test_a_long_cell_with_a_granular_outline_stays_one_object():
    rng = np.random.default_rng(3)
    grains = 0.3 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.0)
    long_cell = dome(SHAPE, (60.0, 80.0), (5.0, 40.0), 1.5)
    assert len(measure_frame(phase_map(long_cell + grains * (long_cell > 0)), INCREMENT).objects) == 1


def test_thin_regions_without_an_inside_are_objects_too():
    line = np.zeros(SHAPE)
    line[100:102, 40:280] = 1.0
    labels, _ = find_objects(line, np.ones(SHAPE, bool), PIXEL_UM, threshold_rad=0.2)
    assert labels.max() == 1


def test_given_labels_are_measured_as_they_are():
    labels = np.where(CELL > 1.0, 7, 0)
    labels[:3, :4] = 2
    small, cell = measure_frame(phase_map(CELL), INCREMENT, yx_labels=labels).objects
    assert (small.label, small.area_um2, small.touches_edge) == (2, 12 * PIXEL_UM**2, True)
    assert small.dry_mass_pg == pytest.approx(0.0, abs=1e-3)
    assert cell.label == 7
    assert cell.dry_mass_pg == pytest.approx(CELL[CELL > 1.0].sum() * PIXEL_UM**2 * PG_PER_UM2_RAD, rel=1e-4)


def test_crowded_maps_are_separated_although_little_background_is_left():
    crowded = np.zeros(SHAPE)
    for y in range(16, 120, 29):
        for x in range(16, 160, 29):
            crowded = np.maximum(crowded, dome(SHAPE, (y, x), (14.0, 14.0), 2.0))
    noise = np.random.default_rng(0).normal(0, 0.02, SHAPE)
    assert len(measure_frame(phase_map(crowded + noise), INCREMENT).objects) == 20


def test_the_standard_error_adds_what_the_object_and_the_background_are_uncertain_by():
    inside = CELL > 0.1
    labels = inside.astype(int)
    std_rad = np.where(ndimage.binary_dilation(inside, iterations=6), 0.08, 0.04)
    (cell,) = measure_frame(phase_map(CELL), INCREMENT, yx_labels=labels, yx_std_rad=std_rad).objects
    alike_pg, level_pg = (std * cell.area_um2 * PG_PER_UM2_RAD for std in (0.08, 0.04))
    assert np.hypot(0.85 * alike_pg, level_pg) < cell.dry_mass_std_pg < np.hypot(alike_pg, level_pg)


def test_what_fine_structure_is_uncertain_by_averages_out_within_a_cell():
    labels = (CELL > 0.1).astype(int)
    stripes_rad = np.where(np.arange(SHAPE[1]) // 2 % 2, 0.3, 0.02) * np.ones(SHAPE)
    striped, plain = (
        measure_frame(phase_map(CELL), INCREMENT, yx_labels=labels, yx_std_rad=std_rad).objects[0].dry_mass_std_pg
        for std_rad in (np.where(labels, stripes_rad, 0.02), np.full(SHAPE, 0.02))
    )
    assert striped == pytest.approx(plain)


def test_the_level_of_a_full_frame_is_less_certain_than_its_map_states():
    labels = (CELL > 0.1).astype(int)
    certain, full = (
        measure_frame(phase_map(CELL), INCREMENT, yx_labels=labels, yx_std_rad=np.full(SHAPE, std_rad))
        for std_rad in (0.05, 0.1)
    )
    assert full.objects[0].dry_mass_std_pg > 2.5 * certain.objects[0].dry_mass_std_pg
    assert certain.notes == ()
    assert "uncertain by 0.20 rad" in full.notes[0]


def test_errors_average_out_in_a_large_colony():
    def relative_error(side_um):
        shape = (round(side_um / PIXEL_UM) + 60,) * 2
        labels = np.zeros(shape, int)
        labels[30:-30, 30:-30] = 1
        flat = phase_map(np.where(labels, 1.0, 0.0))
        std_rad = np.where(ndimage.binary_dilation(labels, iterations=6), 0.1, 0.0)
        (one,) = measure_frame(flat, INCREMENT, yx_labels=labels, yx_std_rad=std_rad).objects
        return one.dry_mass_std_pg / one.dry_mass_pg

    assert relative_error(2.0) == pytest.approx(0.1, rel=0.03)
    assert relative_error(200.0) < 0.05


def test_without_an_uncertainty_map_the_background_tells_the_standard_error():
    rng = np.random.default_rng(1)
    clouds = ndimage.gaussian_filter(rng.standard_normal((40, *SHAPE)), (0, 30, 30), mode="wrap")
    clouds *= 0.05 / clouds.std()
    labels = (CELL > 0.1).astype(int)
    cells = [measure_frame(phase_map(CELL + one), INCREMENT, yx_labels=labels).objects[0] for one in clouds]
    errors = np.array([cell.dry_mass_pg for cell in cells]) - CELL[labels > 0].sum() * PIXEL_UM**2 * PG_PER_UM2_RAD
    stated = np.array([cell.dry_mass_std_pg for cell in cells], float)
    assert 0.5 < np.sqrt(np.mean(errors**2)) / np.median(stated) < 2.0


def test_without_background_the_standard_error_is_unknown_and_a_note_says_so():
    labels = np.ones(SHAPE, int)
    labels[:, 160:] = 2
    found = measure_frame(phase_map(CELL), INCREMENT, yx_labels=labels)
    assert [one.dry_mass_std_pg for one in found.objects] == [None, None]
    assert "the labels cover all but 0.0% of the frame" in found.notes[0]


def test_an_empty_map_has_no_objects():
    noise = np.random.default_rng(2).normal(0, 0.03, SHAPE)
    assert measure_frame(phase_map(noise), INCREMENT).objects == ()
    assert measure_frame(phase_map(np.zeros(SHAPE)), INCREMENT).objects == ()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"yx_labels": np.zeros((3, 3), int)}, "cells: has 240 x 320 pixels and its labels 3 x 3"),
        ({"yx_std_rad": np.zeros((3, 3))}, "cells: has 240 x 320 pixels and its uncertainty 3 x 3"),
        ({"yx_labels": np.full(SHAPE, -1)}, "cells: labels must be whole numbers from 0"),
        ({"yx_labels": np.full(SHAPE, 0.5)}, "cells: labels must be whole numbers from 0"),
        ({"threshold_rad": 0.0}, "cells: a threshold of 0 rad finds no objects"),
        ({"smallest_area_um2": -1.0}, r"cells: a smallest area of -1 um\^2 is not possible"),
    ],
)
def test_what_does_not_belong_to_the_map_is_refused(more, message):
    with pytest.raises(InputError, match=message):
        measure_frame(phase_map(CELL), INCREMENT, **more)
