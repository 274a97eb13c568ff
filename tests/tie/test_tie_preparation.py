"""Each fault of the planes is put right on its own, counted in the report, and left alone where the step is off."""

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.tie.preparation import Preparation, _continued, bright_level, prepare

LEVEL = 1000.0
NOTHING = {"dead_pixels": False, "drift": False, "equal_sums": False, "light": False}
STEPS = {
    "dead_pixels": {"dead_pixels"},
    "drift": {"drift_yx_px", "drift_measured"},
    "magnification": {"drift_yx_px", "drift_measured", "magnification"},
    "equal_sums": {"plane_sums"},
    "light": {"light_change", "light_from_background"},
    "flat_field": {"flat_field_range"},
}


def only(**steps) -> Preparation:
    return Preparation(**(NOTHING | steps))


def noisy_field(relative_noise: float = 0.01, shape: tuple[int, ...] = (3, 64, 80)) -> np.ndarray:
    noise = np.random.default_rng(0).normal(scale=relative_noise, size=shape)
    return (LEVEL * (1 + noise)).astype(np.float32)


def with_spot(zyx: np.ndarray, y: float, x: float, contrast: float, sigma_px: float) -> np.ndarray:
    rows, columns = np.indices(zyx.shape[1:])
    spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma_px**2))
    return (zyx * (1 + contrast * spot)).astype(zyx.dtype)


def test_without_any_step_planes_are_only_divided_by_the_bright_level():
    zyx = noisy_field() * np.array([0.5, 1.0, 2.0], np.float32)[:, None, None]
    zyx[:, 5, 7] = 0

    prepared = prepare(zyx, 1, only())

    np.testing.assert_allclose(prepared.zyx_planes * bright_level(zyx[1]), zyx, rtol=1e-6)
    assert prepared.figures == {"saturated_pixels": 0}
    assert prepared.yx_unusable is None


@pytest.mark.parametrize("step", STEPS)
def test_each_step_alone_reports_what_it_changed(step):
    switched_on = {step: "estimate" if step == "flat_field" else True}

    assert prepare(noisy_field(), 1, only(**switched_on)).figures.keys() == STEPS[step] | {"saturated_pixels"}


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_planes_of_any_number_type_become_float32_and_the_input_stays_as_it_is(dtype):
    zyx = (noisy_field() / 8).astype(dtype)
    before = zyx.copy()

    prepared = prepare(zyx, 1, Preparation(flat_field="estimate", magnification=True))

    assert prepared.zyx_planes.dtype == np.float32
    np.testing.assert_array_equal(zyx, before)


@pytest.mark.parametrize("value", [0.0, 1.3 * LEVEL, 5 * LEVEL, 60_000.0])
@pytest.mark.parametrize("place", [(20, 30), (0, 0), (1, 1), (1, 40), (0, 40), (62, 78), (63, 79), (30, 1)])
def test_a_dead_or_hot_pixel_is_mended_wherever_it_lies(value, place):
    zyx = noisy_field()
    good = zyx.copy()
    zyx[:, *place] = value

    prepared = prepare(zyx, 1, only(dead_pixels=True))

    assert prepared.figures["dead_pixels"] == 1
    np.testing.assert_allclose(prepared.zyx_planes[:, *place], 1, atol=0.03)
    others = np.ones(zyx.shape[1:], bool)
    others[place] = False
    np.testing.assert_allclose(prepared.zyx_planes[:, others] * bright_level(good[1]), good[:, others], rtol=1e-3)


def test_several_dead_pixels_are_counted():
    zyx = noisy_field()
    zyx[:, [5, 20, 40, 60], [70, 3, 41, 60]] = [[0.0, 9000.0, 100.0, 3000.0]]

    assert prepare(zyx, 1, only(dead_pixels=True)).figures["dead_pixels"] == 4


@pytest.mark.parametrize("contrast", [-0.6, 0.3, 1.5])
@pytest.mark.parametrize("fwhm_px", [2.0, 2.5, 3.0])
def test_a_granule_as_small_as_light_can_make_it_is_left_alone(contrast, fwhm_px):
    zyx = with_spot(noisy_field(), 30, 41, contrast, fwhm_px / 2.355)

    prepared = prepare(zyx, 1, only(dead_pixels=True))

    assert prepared.figures["dead_pixels"] == 0
    np.testing.assert_allclose(prepared.zyx_planes * bright_level(zyx[1]), zyx, rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 2), (2, 2), (1, 3), (3, 3)])
def test_a_sharp_granule_of_several_pixels_is_left_alone(height, width):
    zyx = noisy_field()
    zyx[:, 20 : 20 + height, 30 : 30 + width] *= 1.5

    assert prepare(zyx, 1, only(dead_pixels=True)).figures["dead_pixels"] == 0


@pytest.mark.parametrize("electrons", [1, 3, 30])
def test_a_noisy_frame_has_no_dead_pixels(electrons):
    zyx = np.random.default_rng(1).poisson(electrons, size=(3, 128, 128)).astype(np.float32)

    assert prepare(zyx, 1, only(dead_pixels=True)).figures["dead_pixels"] == 0


def test_a_given_flat_field_is_divided_out():
    zyx = noisy_field()
    flat = np.linspace(0.8, 1.2, 80)[None, :] * np.linspace(1.1, 0.9, 64)[:, None]

    prepared = prepare((zyx * flat).astype(np.float32), 1, only(flat_field=3000 * flat))

    np.testing.assert_allclose(prepared.zyx_planes * bright_level(zyx[1]), zyx, rtol=2e-3)
    low, high = prepared.figures["flat_field_range"]
    assert (low, high) == pytest.approx((flat.min() / flat.mean(), flat.max() / flat.mean()), abs=1e-3)


@pytest.mark.parametrize(
    ("flat", "message"),
    [
        (np.ones((64, 64)), "64 x 64 px and the planes 64 x 80: take it with the same camera settings"),
        (np.ones((64, 80)) - np.eye(64, 80), "dark or undefined pixels: give the picture of an evenly lit empty"),
        (np.where(np.eye(64, 80) > 0, np.nan, 1), "dark or undefined pixels"),
    ],
    ids=["another size", "dark", "undefined"],
)
def test_a_flat_field_that_cannot_be_one_is_refused(flat, message):
    with pytest.raises(InputError, match=message):
        prepare(noisy_field(), 1, only(flat_field=flat))


@pytest.mark.parametrize("contrasts", [(-0.3, -0.1, 0.1), (-0.15, 0.0, 0.15), (0.0, 0.1, 0.2), (0.0, 0.0, 0.0)])
def test_vignetting_is_estimated_and_removed_although_cells_cover_a_quarter_of_the_frame(contrasts):
    y, x = np.indices((160, 200))
    cells = np.zeros(y.shape)
    for centre_y, centre_x, radius in ((40, 50, 25), (110, 120, 35), (60, 150, 20), (130, 30, 22)):
        cells = np.maximum(cells, np.hypot(y - centre_y, x - centre_x) < radius)
    vignetting = 1 - 0.05 * (((y - 70) / 90) ** 2 + ((x - 110) / 110) ** 2) / 2
    texture = 1 + 0.3 * np.sin(x / 3)
    level = np.stack([vignetting * (1 + contrast * cells * texture) for contrast in contrasts])
    zyx = np.random.default_rng(0).poisson(1e4 * level).astype(np.float32)

    flat, uneven = (prepare(zyx, 1, only(flat_field=field)).zyx_planes for field in ("estimate", None))

    assert 0.2 < cells.mean() < 0.3
    assert np.ptp(vignetting) > 0.045
    removed = uneven[1] / flat[1] / vignetting
    assert np.ptp(removed / removed.mean()) < 0.01


def test_planes_are_brought_to_the_sum_of_the_one_in_focus():
    zyx = noisy_field() * np.array([0.8, 1.0, 1.25], np.float32)[:, None, None]

    prepared = prepare(zyx, 1, only(equal_sums=True))

    np.testing.assert_allclose(prepared.zyx_planes.mean(axis=(1, 2)), 1, atol=1e-3)
    assert prepared.figures["plane_sums"] == pytest.approx([0.8, 1, 1.25], abs=1e-3)


def test_the_bright_level_is_the_open_field_whatever_an_aperture_covers():
    zyx = noisy_field()
    zyx[:, :, :50] *= 0.01

    assert bright_level(zyx[1]) == pytest.approx(LEVEL, rel=0.01)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_the_noise_of_each_plane_is_known_relative_to_the_bright_level(scale):
    noise = np.random.default_rng(3).normal(size=(3, 128, 128)) * np.array([0.002, 0.01, 0.03])[:, None, None]
    zyx = scale * LEVEL * (1 + noise) * np.array([1.0, 2.0, 4.0])[:, None, None]

    prepared = prepare(zyx, 1, only(equal_sums=True))

    assert prepared.z_noise == pytest.approx([0.002, 0.01, 0.03], rel=0.1)


def test_whole_numbers_have_at_least_the_noise_of_rounding():
    zyx = np.full((3, 64, 64), 10, np.uint8)
    zyx[0, ::2] = 11

    assert prepare(zyx, 1, only()).z_noise[1] == pytest.approx(0.1 / np.sqrt(12), rel=1e-6)


@pytest.mark.parametrize("plane", [0, 2])
@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_plane_without_light_is_refused(plane, factor):
    zyx = noisy_field()
    zyx[plane] *= factor

    with pytest.raises(InputError, match=f"plane {plane} carries no light .*: give intensities as the camera"):
        prepare(zyx, 1, Preparation())


LIMITS = {
    "8 bit": (255, np.uint8, 0),
    "10 bit": (1023, np.int16, 0),
    "12 bit": (4095, np.uint16, 0),
    "12 bit shifted to the left": (4095, np.uint16, 4),
    "16 bit": (65535, np.uint16, 0),
}


def saturated_stack(limit: int, peak: float = 1.4) -> tuple[np.ndarray, np.ndarray]:
    """Light relative to the limit, with a spot above it in the last plane; and what a camera makes of it."""
    light = np.full((3, 100, 100), 0.5)
    light[2] = with_spot(light[2:], 40, 55, 2 * peak - 1, 3.0)[0]
    noisy = np.random.default_rng(0).normal(light, 0.002)
    return light, np.round(np.minimum(noisy, 1) * limit)


def test_what_is_unknown_within_a_tilted_plane_is_continued_as_the_plane():
    rows, columns = np.indices((12, 15))
    yx_plane = 0.5 + 0.02 * rows - 0.01 * columns
    yx_unknown = np.zeros(yx_plane.shape, bool)
    yx_unknown[4:7, 5:9] = True

    found = _continued(np.where(yx_unknown, 0.0, yx_plane), yx_unknown)

    np.testing.assert_allclose(found, yx_plane[yx_unknown], atol=1e-9)


@pytest.mark.parametrize("camera", LIMITS)
def test_a_saturated_spot_is_continued_over_the_top(camera):
    limit, dtype, shift = LIMITS[camera]
    light, counts = saturated_stack(limit)
    zyx = counts.astype(dtype) << shift
    full = counts[2] == limit

    prepared = prepare(zyx, 1, only())

    assert prepared.figures["saturated_pixels"] == full.sum() > 20
    np.testing.assert_array_equal(prepared.yx_unusable, full)
    rebuilt = prepared.zyx_planes[2] * bright_level(zyx[1].astype(np.float32)) / (limit << shift)
    assert rebuilt[full].min() >= 1 - 1e-6
    assert np.abs(rebuilt - light[2])[full].mean() < 0.7 * np.abs(1 - light[2])[full].mean()
    np.testing.assert_allclose(rebuilt[~full], counts[2][~full] / limit, rtol=1e-6)


@pytest.mark.parametrize("camera", LIMITS)
def test_a_frame_below_the_limit_is_not_saturated(camera):
    limit, dtype, shift = LIMITS[camera]
    _, counts = saturated_stack(limit)
    zyx = np.minimum(counts, limit - 5).astype(dtype) << shift

    prepared = prepare(zyx, 1, only())

    assert prepared.figures["saturated_pixels"] == 0
    assert prepared.yx_unusable is None


def test_saturated_spots_can_be_left_alone():
    _, counts = saturated_stack(4095)

    prepared = prepare(counts.astype(np.uint16), 1, only(saturation=False))

    assert prepared.yx_unusable is None
    np.testing.assert_allclose(prepared.zyx_planes[2].max() / prepared.zyx_planes[1, 0, 0], 4095 / counts[1, 0, 0])


def test_floating_point_images_have_no_limit():
    _, counts = saturated_stack(4095)

    prepared = prepare(counts.astype(np.float32), 1, only())

    assert prepared.figures["saturated_pixels"] == 0
    np.testing.assert_allclose(prepared.zyx_planes.max() / prepared.zyx_planes[1, 0, 0], 4095 / counts[1, 0, 0])


def test_a_plane_that_is_largely_saturated_is_reported_and_not_invented():
    light, _ = saturated_stack(4095)
    light[2, :30] = 2.0
    zyx = np.minimum(light * 4095, 4095).astype(np.uint16)

    prepared = prepare(zyx, 1, only())

    assert prepared.figures["saturated_pixels"] > 3000
    assert prepared.zyx_planes[2].max() == pytest.approx(4095 / bright_level(zyx[1].astype(np.float32)))


def test_a_hot_pixel_at_the_limit_is_mended_and_not_called_saturated():
    zyx = noisy_field().round().astype(np.uint16)
    zyx[:, 20, 30] = 4095

    prepared = prepare(zyx, 1, only(dead_pixels=True))

    assert (prepared.figures["dead_pixels"], prepared.figures["saturated_pixels"]) == (1, 0)
    assert prepared.yx_unusable is None or not prepared.yx_unusable.any()
    assert prepared.zyx_planes[1, 20, 30] == pytest.approx(1, abs=0.03)
