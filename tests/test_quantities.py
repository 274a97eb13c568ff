"""Path, height and dry mass against numbers known without the code."""

import math
from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.quantities import (
    Conversions,
    ObjectMass,
    dry_mass_density,
    height,
    measured,
    object_masses,
    optical_path,
    total_dry_mass_pg,
)

WAVELENGTH_UM = 0.55
PIXEL_UM = 0.1
CONTRAST = 0.03
RADIUS_UM = 5.0


def sphere_thickness_um(centre_um: tuple[float, float], radius_um: float, shape: tuple[int, int]) -> np.ndarray:
    """Length of the way through a sphere, averaged over 5 x 5 points of each pixel."""
    offsets = (np.arange(5) - 2) / 5
    y_um, x_um = ((np.arange(length)[:, None] + offsets) * PIXEL_UM for length in shape)
    squares = (y_um - centre_um[0])[:, :, None, None] ** 2 + (x_um - centre_um[1])[None, None] ** 2
    return (2 * np.sqrt(np.maximum(radius_um**2 - squares, 0))).mean(axis=(1, 3))


def phase_image(yx_thickness_um: np.ndarray, contrast: float = CONTRAST, **fields: object) -> Image:
    phase_rad = (yx_thickness_um * contrast * 2 * np.pi / WAVELENGTH_UM).astype(np.float32)
    image = Image(phase_rad, "YX", PIXEL_UM, quantity="phase", wavelength_um=WAVELENGTH_UM, name="bead")
    return replace(image, **fields)


SPHERE = phase_image(sphere_thickness_um((8.0, 10.0), RADIUS_UM, (160, 200)))
PLAIN = replace(
    SPHERE,
    data=np.array([[2 * np.pi, -np.pi], [0.0, 1.0]], np.float32),
    origin_yx_um=(3.0, 4.0),
    settings={"tie": {"dz_um": 3.0}},
    numerical_aperture=0.65,
)


def test_one_turn_of_phase_is_one_wavelength_of_path() -> None:
    path = optical_path(PLAIN)
    np.testing.assert_allclose(path.data, [[550.0, -275.0], [0.0, 550 / (2 * np.pi)]], rtol=1e-6)
    assert (path.quantity, path.data.dtype) == ("path", np.float32)


def test_height_is_path_over_index_contrast() -> None:
    np.testing.assert_allclose(height(PLAIN, 0.05).data, [[11.0, -5.5], [0.0, 11 / (2 * np.pi)]], rtol=1e-6)
    np.testing.assert_allclose(height(PLAIN, -0.05).data, -height(PLAIN, 0.05).data)
    assert height(SPHERE, CONTRAST).data.max() == pytest.approx(2 * RADIUS_UM, rel=1e-3)


def test_dry_mass_density_is_path_over_increment() -> None:
    density = dry_mass_density(PLAIN, 0.22)  # 0.55 um over 0.22 um^3/pg are 2.5 pg/um^2
    np.testing.assert_allclose(density.data, [[2.5, -1.25], [0.0, 2.5 / (2 * np.pi)]], rtol=1e-6)
    assert dry_mass_density(PLAIN).data[0, 0] == pytest.approx(0.55 / 0.19)


@pytest.mark.parametrize(
    ("derived", "quantity", "numbers"),
    [
        (optical_path(PLAIN), "path", {}),
        (height(PLAIN, 0.05), "height", {"index_contrast": 0.05}),
        (dry_mass_density(PLAIN, 0.2), "dry-mass", {"refractive_increment_um3_per_pg": 0.2}),
    ],
    ids=["path", "height", "dry mass"],
)
def test_a_derived_map_keeps_everything_else_and_says_how_it_came_about(
    derived: Image, quantity: str, numbers: dict[str, float]
) -> None:
    settings = {"tie": {"dz_um": 3.0}, "quantity": {"kind": quantity, "wavelength_um": WAVELENGTH_UM, **numbers}}
    assert replace(derived, data=None) == replace(PLAIN, data=None, quantity=quantity, settings=settings)
    assert derived.data.dtype == np.float32


def test_frames_of_a_lapse_are_converted_alike_and_stay_lazy() -> None:
    lapse = replace(PLAIN, data=np.stack([PLAIN.data, 2 * PLAIN.data]), axes="TYX")
    lazy = replace(lapse, data=dask.array.from_array(lapse.data, chunks=(1, 2, 2)))
    for convert in (optical_path, dry_mass_density, lambda image: height(image, 0.05)):
        expected = convert(PLAIN).data
        np.testing.assert_allclose(convert(lapse).data, [expected, 2 * expected], rtol=1e-6)
        assert isinstance(convert(lazy).data, dask.array.Array)
        np.testing.assert_allclose(convert(lazy).data.compute(), convert(lapse).data, rtol=1e-6)


@pytest.mark.parametrize("convert", [optical_path, lambda image: height(image, 0.05), dry_mass_density, object_masses])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quantity": "intensity"}, "bead: holds intensity, not phase: give a phase map in radians"),
        ({"quantity": "phase-std"}, "bead: holds phase-std, not phase"),
        ({"wavelength_um": None}, "bead: states no wavelength: give the one"),
        ({"wavelength_um": 550.0}, r"bead: a wavelength of 550 um .*did you mean 0\.55 um"),
        ({"axes": "YXS", "data": np.zeros((4, 4, 3), np.float32)}, "bead: has axes YXS"),
        ({"axes": "TYX"}, "bead: has axes TYX and shape"),
    ],
)
def test_what_is_no_phase_map_with_a_wavelength_is_refused(convert: object, fields: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        convert(replace(SPHERE, **fields))


@pytest.mark.parametrize("contrast", [0, 0.0, math.nan, math.inf])
def test_an_index_contrast_that_gives_no_height_is_refused(contrast: float) -> None:
    with pytest.raises(InputError, match=r"bead: an index contrast of .* for example 0\.03"):
        height(PLAIN, contrast)


@pytest.mark.parametrize("increment", [0, 0.04, 0.51, 190, -0.19, math.nan])
def test_an_increment_that_no_matter_has_is_refused_with_its_other_unit(increment: float) -> None:
    for convert in (
        lambda: dry_mass_density(SPHERE, increment),
        lambda: object_masses(SPHERE, refractive_increment_um3_per_pg=increment),
        lambda: total_dry_mass_pg(SPHERE, refractive_increment_um3_per_pg=increment),
    ):
        with pytest.raises(InputError, match=r"bead: a refractive increment of .* um\^3/pg, which is .* ml/g"):
            convert()


@pytest.mark.parametrize("increment", [0.18, 0.21])
def test_a_sphere_has_the_dry_mass_of_its_volume(increment: float) -> None:
    (sphere,) = object_masses(SPHERE, refractive_increment_um3_per_pg=increment)
    lost_rim = (0.1 / (4 * np.pi * RADIUS_UM * CONTRAST / WAVELENGTH_UM)) ** 3  # volume of the rim below 0.1 rad
    volume_um3 = 4 / 3 * np.pi * RADIUS_UM**3
    assert lost_rim < 1e-4
    assert sphere.dry_mass_pg == pytest.approx(CONTRAST * volume_um3 / increment, rel=5e-4)
    assert sphere.area_um2 == pytest.approx(np.pi * RADIUS_UM**2, rel=5e-3)
    assert sphere.mean_phase_rad * sphere.area_um2 == pytest.approx(
        2 * np.pi / WAVELENGTH_UM * CONTRAST * volume_um3, rel=5e-4
    )
    assert total_dry_mass_pg(SPHERE, refractive_increment_um3_per_pg=increment) == sphere.dry_mass_pg


def test_a_higher_threshold_leaves_out_the_rim_below_it() -> None:
    share = 0.5
    (sphere,) = object_masses(SPHERE, threshold_rad=share * 4 * np.pi * RADIUS_UM * CONTRAST / WAVELENGTH_UM)
    whole_pg = CONTRAST * 4 / 3 * np.pi * RADIUS_UM**3 / 0.19
    assert sphere.dry_mass_pg == pytest.approx(whole_pg * (1 - share**3), rel=5e-3)
    assert sphere.area_um2 == pytest.approx(np.pi * RADIUS_UM**2 * (1 - share**2), rel=5e-3)


def test_objects_stand_where_the_frame_says_and_are_numbered_in_reading_order() -> None:
    shape = (300, 300)
    thickness_um = sum(sphere_thickness_um(at, 4.0, shape) for at in ((22.0, 6.0), (7.0, 20.0), (20.0, 21.0)))
    first, second, third = object_masses(phase_image(thickness_um, origin_yx_um=(100.0, -50.0)))
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
    (sphere,) = object_masses(phase_image(sphere_thickness_um(centre_um, RADIUS_UM, (160, 200))))
    assert sphere.touches_edge == touches


def test_an_object_of_lower_index_than_the_medium_has_no_dry_mass() -> None:
    hollow = phase_image(sphere_thickness_um((8.0, 10.0), RADIUS_UM, (160, 200)), contrast=-CONTRAST)
    assert object_masses(hollow) == []
    assert total_dry_mass_pg(hollow) == 0.0


def test_small_regions_are_left_out() -> None:
    thickness_um = sphere_thickness_um((8.0, 5.0), 4.0, (160, 200)) + sphere_thickness_um((8.0, 15.0), 2.0, (160, 200))
    image = phase_image(thickness_um)
    assert len(object_masses(image)) == 1  # the smaller one has 12.6 um^2
    large, small = object_masses(image, smallest_area_um2=10.0)
    assert (large.label, small.label) == (1, 2)
    assert small.area_um2 == pytest.approx(np.pi * 4, rel=0.02)
    assert total_dry_mass_pg(image, smallest_area_um2=10.0) == pytest.approx(large.dry_mass_pg + small.dry_mass_pg)
    assert total_dry_mass_pg(image) == pytest.approx(large.dry_mass_pg)


def test_noise_and_an_offset_of_the_background_make_no_objects_and_change_no_mass() -> None:
    noise = np.random.default_rng(0).normal(0.7, 0.08, SPHERE.data.shape).astype(np.float32)
    assert object_masses(replace(SPHERE, data=noise), smallest_area_um2=0.0) == []
    (sphere,) = object_masses(replace(SPHERE, data=SPHERE.data + noise))
    (clean,) = object_masses(SPHERE)
    assert sphere.dry_mass_pg == pytest.approx(clean.dry_mass_pg, rel=0.01)


def test_the_threshold_follows_the_noise_from_a_tenth_of_a_radian_on() -> None:
    faint = np.zeros((200, 200), np.float32)
    faint[50:100, 50:100] = 0.3
    noise = np.random.default_rng(1).normal(0, 0.1, faint.shape).astype(np.float32)
    image = replace(SPHERE, data=faint)
    assert len(object_masses(image)) == 1
    assert object_masses(replace(image, data=faint + noise)) == []  # five deviations are 0.5 rad
    assert object_masses(replace(image, data=faint / 4)) == []
    assert len(object_masses(replace(image, data=faint / 4), threshold_rad=0.05)) == 1


def test_an_even_map_has_no_objects() -> None:
    assert object_masses(replace(SPHERE, data=np.full((50, 60), 1.5, np.float32))) == []


def test_pixels_that_meet_at_a_corner_are_one_object() -> None:
    yx_phase_rad = np.zeros((100, 100), np.float32)
    yx_phase_rad[10:40, 10:40] = yx_phase_rad[40:70, 40:70] = 1.0
    (both,) = object_masses(replace(SPHERE, data=yx_phase_rad, pixel_size_um=0.5))
    assert both == ObjectMass(
        label=1,
        y_um=pytest.approx(0.5 * 39.5),
        x_um=pytest.approx(0.5 * 39.5),
        area_um2=pytest.approx(450.0),
        dry_mass_pg=pytest.approx(450 * WAVELENGTH_UM / (2 * np.pi) / 0.19),
        mean_phase_rad=pytest.approx(1.0),
        touches_edge=False,
    )


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
    for weigh in (object_masses, total_dry_mass_pg):
        with pytest.raises(InputError, match=words):
            weigh(replace(SPHERE, **fields), **options)


def retrieved(image: Image) -> Image:
    return replace(image, settings={"tie_report": {}})


def test_places_without_phase_are_known_in_what_was_computed_and_only_there() -> None:
    data = np.random.default_rng(0).normal(1, 0.1, (3, 40, 50)).astype(np.float32)
    data[0, :, :10] = 0
    data[1] = 0
    data[2, 5, 7] = 0  # by chance
    phase = Image(data, "TYX", quantity="phase")
    expected = np.ones(data.shape, bool)
    expected[0, :, :10] = expected[1] = False
    np.testing.assert_array_equal(measured(retrieved(phase)), expected)
    np.testing.assert_array_equal(measured(replace(phase, settings={"predict": {}})), expected)
    assert measured(phase).all()
    assert measured(replace(retrieved(phase), data=0 * data)).all()


def test_places_without_phase_are_no_background_and_cut_objects_as_the_edge_does() -> None:
    rng = np.random.default_rng(1)
    lifted = SPHERE.data - 0.3 + rng.normal(0, 0.02, SPHERE.data.shape)
    stopped = lifted.astype(np.float32)
    stopped[:, :45] = stopped[140:] = 0
    (whole,) = object_masses(retrieved(replace(SPHERE, data=lifted.astype(np.float32))))
    (inside,) = object_masses(retrieved(replace(SPHERE, data=stopped)))
    assert inside.dry_mass_pg == pytest.approx(whole.dry_mass_pg, rel=0.02)
    assert not inside.touches_edge
    stopped[:, :80] = 0
    (cut,) = object_masses(retrieved(replace(SPHERE, data=stopped)))
    assert cut.touches_edge


def test_conversions_compute_just_what_is_wanted() -> None:
    phase = Image(np.full((2, 2), 2 * np.pi, np.float32), "YX", quantity="phase", wavelength_um=0.5, name="cell")
    wanted = Conversions(path=True, index_contrast=0.05, refractive_increment_um3_per_pg=0.2)
    values = {kind: float(convert(phase).data[0, 0]) for kind, convert in wanted.functions.items()}
    assert values == pytest.approx({"path": 500.0, "height": 10.0, "dry-mass": 2.5})
    assert not Conversions().functions
    assert list(Conversions(index_contrast=-0.02).functions) == ["height"]


def test_conversions_refuse_impossible_numbers_before_any_work() -> None:
    Conversions(True, 0.03, 0.19).check("cell")
    with pytest.raises(InputError, match=r"^cell: an index contrast of 0 "):
        Conversions(index_contrast=0.0).check("cell")
    with pytest.raises(InputError, match=r"^cell: a refractive increment of 3 "):
        Conversions(refractive_increment_um3_per_pg=3.0).check("cell")
