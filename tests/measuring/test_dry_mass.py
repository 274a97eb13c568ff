"""Dry mass of objects against numbers known without the code."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.measuring.spheres import (
    CONTRAST,
    PIXEL_UM,
    RADIUS_UM,
    SPHERE,
    WAVELENGTH_UM,
    phase_image,
    sphere_thickness_um,
)

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.measuring import MeasuredObject, measure_frame


def objects_of(image: Image, increment: float = 0.19, **options: float) -> tuple[MeasuredObject, ...]:
    return measure_frame(image, increment, **options).objects


def retrieved(image: Image) -> Image:
    return replace(image, settings={"tie_report": {}})


def predicted(image: Image) -> Image:
    return replace(image, settings={"predict": {}})


@pytest.mark.parametrize("increment", [0.18, 0.21])
def test_a_sphere_has_the_dry_mass_of_its_volume(increment: float) -> None:
    (sphere,) = objects_of(SPHERE, increment=increment)
    lost_rim = (0.1 / (4 * np.pi * RADIUS_UM * CONTRAST / WAVELENGTH_UM)) ** 3  # volume of the rim below 0.1 rad
    volume_um3 = 4 / 3 * np.pi * RADIUS_UM**3
    assert lost_rim < 1e-4
    assert sphere.dry_mass_pg == pytest.approx(CONTRAST * volume_um3 / increment, rel=5e-4)
    assert sphere.area_um2 == pytest.approx(
        np.pi * (RADIUS_UM + PIXEL_UM / 2) ** 2, rel=0.02
    )  # with the partial pixels
    assert sphere.mean_rad * sphere.area_um2 == pytest.approx(
        2 * np.pi / WAVELENGTH_UM * CONTRAST * volume_um3, rel=5e-4
    )


def test_without_a_rim_a_higher_threshold_leaves_out_what_is_below_it() -> None:
    share = 0.5
    threshold_rad = share * 4 * np.pi * RADIUS_UM * CONTRAST / WAVELENGTH_UM
    (sphere,) = objects_of(SPHERE, threshold_rad=threshold_rad, rim_um=0.0)
    whole_pg = CONTRAST * 4 / 3 * np.pi * RADIUS_UM**3 / 0.19
    assert sphere.dry_mass_pg == pytest.approx(whole_pg * (1 - share**3), rel=5e-3)
    assert sphere.area_um2 == pytest.approx(np.pi * RADIUS_UM**2 * (1 - share**2), rel=5e-3)
    (with_rim,) = objects_of(SPHERE, threshold_rad=threshold_rad)
    assert with_rim.dry_mass_pg == pytest.approx(whole_pg, rel=5e-4)


def test_objects_stand_where_the_frame_says_and_are_numbered_in_reading_order() -> None:
    shape = (300, 300)
    thickness_um = sum(sphere_thickness_um(at, 4.0, shape) for at in ((22.0, 6.0), (7.0, 20.0), (20.0, 21.0)))
    first, second, third = objects_of(phase_image(thickness_um, origin_yx_um=(100.0, -50.0)))
    for number, (one, y_um, x_um) in enumerate(((first, 7, 20), (second, 20, 21), (third, 22, 6)), start=1):
        assert one.label == number
        assert (one.y_um, one.x_um) == pytest.approx((100 + y_um, -50 + x_um), abs=1e-6)
        assert not one.touches_edge
        assert one.dry_mass_pg == pytest.approx(CONTRAST * 4 / 3 * np.pi * 4.0**3 / 0.19, rel=1e-3)


@pytest.mark.parametrize(
    ("centre_um", "touches"),
    [((0.0, 10.0), True), ((16.0, 10.0), True), ((8.0, 0.0), True), ((8.0, 20.0), True), ((8.0, 10.0), False)],
)
def test_objects_that_the_frame_cuts_are_marked(centre_um: tuple[float, float], touches: bool) -> None:
    (sphere,) = objects_of(phase_image(sphere_thickness_um(centre_um, RADIUS_UM, (160, 200))))
    assert sphere.touches_edge == touches


def test_an_object_of_lower_index_than_the_medium_has_no_dry_mass() -> None:
    hollow = phase_image(sphere_thickness_um((8.0, 10.0), RADIUS_UM, (160, 200)), contrast=-CONTRAST)
    assert objects_of(hollow) == ()


def test_small_regions_are_left_out() -> None:
    thickness_um = sphere_thickness_um((8.0, 5.0), 4.0, (160, 200)) + sphere_thickness_um((8.0, 15.0), 2.0, (160, 200))
    image = phase_image(thickness_um)
    assert len(objects_of(image)) == 1  # the smaller one has 12.6 um^2
    large, small = objects_of(image, smallest_area_um2=10.0)
    assert (large.label, small.label) == (1, 2)
    assert small.area_um2 == pytest.approx(np.pi * 4, rel=0.1)


def test_noise_and_an_offset_of_the_background_make_no_objects_and_change_no_mass() -> None:
    noise = np.random.default_rng(0).normal(0.7, 0.08, SPHERE.data.shape).astype(np.float32)
    assert objects_of(replace(SPHERE, data=noise), smallest_area_um2=0.0) == ()
    (sphere,) = objects_of(replace(SPHERE, data=SPHERE.data + noise))
    (clean,) = objects_of(SPHERE)
    assert sphere.dry_mass_pg == pytest.approx(clean.dry_mass_pg, rel=0.01)


def test_the_threshold_follows_the_noise_from_a_tenth_of_a_radian_on() -> None:
    faint = np.zeros((200, 200), np.float32)
    faint[50:100, 50:100] = 0.3
    noise = np.random.default_rng(1).normal(0, 0.1, faint.shape).astype(np.float32)
    image = replace(SPHERE, data=faint)
    assert len(objects_of(image)) == 1
    assert objects_of(replace(image, data=faint + noise)) == ()  # five deviations are 0.5 rad
    assert objects_of(replace(image, data=faint / 4)) == ()
    assert len(objects_of(replace(image, data=faint / 4), threshold_rad=0.05)) == 1


def test_an_even_map_has_no_objects() -> None:
    assert objects_of(replace(SPHERE, data=np.full((50, 60), 1.5, np.float32))) == ()


def test_pixels_that_meet_at_a_corner_belong_together_where_they_are_too_thin_to_be_split() -> None:
    yx_phase_rad = np.zeros((100, 100), np.float32)
    yx_phase_rad[range(10, 60), range(10, 60)] = 1.0
    (line,) = objects_of(replace(SPHERE, data=yx_phase_rad, pixel_size_um=0.5), smallest_area_um2=5.0)
    assert line.area_um2 == pytest.approx(50 * 0.25)


@pytest.mark.parametrize(
    ("fields", "options", "words"),
    [
        ({"pixel_size_um": None}, {}, "bead: no pixel size"),
        ({"axes": "TYX", "data": np.zeros((2, 8, 8), np.float32)}, {}, "bead: has axes TYX: objects .* one frame"),
        ({"data": np.array([[1.0, np.nan], [2.0, 3.0]])}, {}, "bead: 1 of 4 pixels are NaN"),
        ({"data": np.full((3, 3), np.inf)}, {}, "bead: 9 of 9 pixels are NaN or infinite"),
        ({"data": np.zeros((0, 3))}, {}, "bead: has no pixels"),
        ({}, {"threshold_rad": 0.0}, "bead: a threshold of 0 rad"),
        ({}, {"threshold_rad": math.nan}, "bead: a threshold of nan rad"),
        ({}, {"smallest_area_um2": -1.0}, r"bead: a smallest area of -1 um\^2"),
        ({}, {"smallest_area_um2": math.nan}, "bead: a smallest area of nan"),
    ],
)
def test_a_frame_in_which_objects_cannot_be_weighed_is_refused(fields: dict, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        objects_of(replace(SPHERE, **fields), **options)


def test_places_without_phase_are_no_background_and_cut_objects_as_the_edge_does() -> None:
    rng = np.random.default_rng(1)
    lifted = SPHERE.data - 0.08 + rng.normal(0, 0.02, SPHERE.data.shape)
    stopped = lifted.astype(np.float32)
    stopped[:, :45] = stopped[140:] = 0
    (whole,) = objects_of(predicted(replace(SPHERE, data=lifted.astype(np.float32))))
    (inside,) = objects_of(predicted(replace(SPHERE, data=stopped)))
    assert inside.dry_mass_pg == pytest.approx(whole.dry_mass_pg, rel=0.02)
    assert not inside.touches_edge
    stopped[:, :80] = 0
    (cut,) = objects_of(predicted(replace(SPHERE, data=stopped)))
    assert cut.touches_edge


def test_the_rim_ends_where_the_phase_reaches_the_noise_and_does_not_collect_noise_of_one_sign() -> None:
    errors = []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, 0.05, SPHERE.data.shape).astype(np.float32)
        (sphere,) = objects_of(replace(SPHERE, data=SPHERE.data + noise), rim_um=6.0)
        assert sphere.area_um2 < np.pi * (RADIUS_UM + 1.0) ** 2
        errors.append(sphere.dry_mass_pg / (CONTRAST * 4 / 3 * np.pi * RADIUS_UM**3 / 0.19) - 1)
    assert np.mean(errors) == pytest.approx(0.0, abs=5e-3)


def test_the_rims_of_neighbours_end_between_them() -> None:
    shape = (160, 300)
    thickness_um = sum(sphere_thickness_um((8.0, x_um), 4.0, shape) for x_um in (8.0, 17.0))
    found = measure_frame(phase_image(thickness_um), 0.19)
    first, second = found.objects
    assert first.dry_mass_pg == pytest.approx(CONTRAST * 4 / 3 * np.pi * 4.0**3 / 0.19, rel=1e-3)
    assert second.dry_mass_pg == pytest.approx(first.dry_mass_pg, rel=1e-3)
    assert (found.yx_labels[:, :120] != 2).all()
    assert (found.yx_labels[:, 131:] != 1).all()


def test_a_frame_full_of_cells_keeps_the_zero_of_its_phase_and_notes_how_uncertain_it_is() -> None:
    cells_rad = 0.6 + 0.1 * np.cos(np.arange(200) / 12) * np.ones((160, 1))
    image = phase_image(np.zeros((160, 200)), data=cells_rad.astype(np.float32))
    std_rad = np.full(cells_rad.shape, 0.5)
    labels = np.ones(cells_rad.shape, int)
    kept = measure_frame(retrieved(image), 0.19, yx_labels=labels, yx_std_rad=std_rad)
    assert kept.objects[0].mean_rad == pytest.approx(cells_rad.mean(), rel=1e-6)
    assert "level of the background is uncertain by 1.00 rad" in kept.notes[0]
    assert measure_frame(predicted(image), 0.19, yx_labels=labels).objects[0].mean_rad == kept.objects[0].mean_rad
    foreign = measure_frame(image, 0.19, yx_labels=labels, yx_std_rad=std_rad)
    assert foreign.objects[0].mean_rad < 0.2


def test_labels_where_there_is_no_phase_are_left_out_and_counted() -> None:
    stopped = SPHERE.data.copy()
    stopped[:, 150:] = 0
    labels = np.zeros(stopped.shape, int)
    labels[60:100, 60:140], labels[:, 160:] = 1, 2
    found = measure_frame(retrieved(replace(SPHERE, data=stopped + 0.01 * (stopped > 0))), 0.19, yx_labels=labels)
    assert [one.label for one in found.objects] == [1]
    assert "1 of the given objects lie where the map holds no phase" in found.notes[-1]
