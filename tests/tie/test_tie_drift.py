"""Drift between planes that look different from each other, as planes through the focus of a phase object do."""

import numpy as np
import pytest
from scipy import ndimage

from napari_contransgan.errors import InputError
from napari_contransgan.tie import phase_from_stack
from napari_contransgan.tie.drift import measure_drift
from napari_contransgan.tie.preparation import Preparation, prepare

PIXEL_UM = 0.325
Z_UM = (-3.0, 0.0, 3.0)
EVERYWHERE = np.ones((256, 256), bool)


def moved(yx_plane: np.ndarray, shift_yx) -> np.ndarray:
    """Moved by any number of pixels, on a frame that repeats itself."""
    return np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(yx_plane), shift_yx)).real


def drifted(zyx: np.ndarray, shift_yx, steps=None) -> np.ndarray:
    """Evenly drifting planes, the last one by `shift_yx` against the first."""
    steps = np.linspace(-0.5, 0.5, len(zyx)) if steps is None else steps
    return np.stack([moved(plane, step * np.asarray(shift_yx)) for plane, step in zip(zyx, steps, strict=True)])


def recorded(zyx: np.ndarray, electrons: float = 20_000.0) -> np.ndarray:
    if np.isinf(electrons):
        return zyx.astype(np.float32)
    return np.random.default_rng(0).poisson(np.maximum(zyx, 0) * electrons).astype(np.float32)


def magnified(yx_plane: np.ndarray, scale: float) -> np.ndarray:
    centre = (np.asarray(yx_plane.shape) - 1) / 2
    return ndimage.affine_transform(
        yx_plane, np.eye(2) / scale, offset=centre * (1 - 1 / scale), order=5, mode="mirror"
    )


def test_contrast_turns_over_through_focus_in_the_planes_of_these_tests(wide_stack):
    below, focus, above = wide_stack

    assert np.corrcoef((below - focus).ravel(), (above - focus).ravel())[0, 1] < -0.8
    assert focus.std() < 0.1 * above.std()


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0, 2000.0])
@pytest.mark.parametrize("shift_yx", [(0.9, -0.7), (-2.2, 1.9), (3.0, 0.0), (-14.3, 21.6)])
def test_drift_is_found_to_a_fraction_of_a_pixel(wide_stack, shift_yx, electrons):
    found = measure_drift(recorded(drifted(wide_stack, shift_yx), electrons), 1, EVERYWHERE)

    expected = np.outer([-0.5, 0.0, 0.5], shift_yx)
    np.testing.assert_allclose(found.zyx_shift_px, expected, atol=0.25)
    assert found.largest_px == pytest.approx(np.hypot(*shift_yx) / 2, abs=0.25)


def test_drift_of_few_and_clean_cells_is_found_too(bright_field_stack, cell_phase):
    zyx = drifted(bright_field_stack(cell_phase, Z_UM, 0.1625), (3.0, -3.0))

    found = measure_drift(zyx.astype(np.float32), 1, EVERYWHERE)

    np.testing.assert_allclose(found.zyx_shift_px, [[-1.5, 1.5], [0, 0], [1.5, -1.5]], atol=0.45)


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0, 500.0])
def test_no_drift_is_invented_on_planes_that_stand_still(bright_field_stack, wide_phase, wide_stack, electrons):
    outer = bright_field_stack(wide_phase, (-1.5, 1.5), PIXEL_UM)
    zyx = np.stack([wide_stack[0], outer[0], wide_stack[1], outer[1], wide_stack[2]])

    assert measure_drift(recorded(zyx, electrons), 2, EVERYWHERE).largest_px == 0


def test_drift_that_is_undone_leaves_the_phase_of_still_planes(bright_field_stack, cell_phase):
    still = recorded(bright_field_stack(cell_phase, Z_UM, 0.1625))
    moving = recorded(drifted(bright_field_stack(cell_phase, Z_UM, 0.1625), (-6.0, 8.0)))
    inner = (slice(24, -24), slice(24, -24))

    def error(zyx: np.ndarray, *, drift: bool) -> float:
        solution = phase_from_stack(
            zyx,
            Z_UM,
            wavelength_um=0.55,
            pixel_size_um=0.1625,
            focus_index=1,
            method="dct",
            preparation=Preparation(drift=drift),
        )
        return float((solution.yx_phase_rad - cell_phase)[inner].std())

    assert error(moving, drift=True) < 1.2 * error(still, drift=True)
    assert error(moving, drift=True) < 0.7 * error(moving, drift=False)


def test_undoing_brings_the_planes_back_and_reports_them(wide_stack):
    prepared = prepare(drifted(wide_stack, (3.0, -2.0)), 1, Preparation())

    np.testing.assert_allclose(prepared.figures["drift_yx_px"], [[-1.5, 1], [0, 0], [1.5, -1]], atol=0.1)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    still = wide_stack / np.median(wide_stack[1])
    assert (prepared.zyx_planes - still)[inner].std() < 0.15 * (drifted(still, (3.0, -2.0)) - still)[inner].std()


def test_drift_can_be_left_alone(wide_stack):
    zyx = drifted(wide_stack, (3.0, -2.0)).astype(np.float32)

    prepared = prepare(zyx, 1, Preparation(drift=False, equal_sums=False, dead_pixels=False, light=False))

    np.testing.assert_allclose(prepared.zyx_planes / prepared.zyx_planes[1, 0, 0], zyx / zyx[1, 0, 0], rtol=1e-5)
    assert "drift_yx_px" not in prepared.figures


def test_planes_that_show_nothing_take_their_place_between_their_neighbours(wide_stack):
    below, focus, above = wide_stack
    zyx = np.stack([below, np.ones_like(focus), focus, above])

    found = measure_drift(recorded(drifted(zyx, (4.5, -3.0))), 2, EVERYWHERE)

    np.testing.assert_array_equal(found.z_measured, [True, False, False, True])
    np.testing.assert_allclose(found.zyx_shift_px, np.outer([-2, -1, 0, 1], (1.5, -1.0)), atol=0.1)


@pytest.mark.parametrize("scale", [0.995, 1.0, 1.005])
def test_a_change_of_magnification_is_found(wide_stack, scale):
    below, focus, above = wide_stack
    zyx = recorded(np.stack([magnified(below, scale**-0.5), focus, magnified(above, scale**0.5)]))

    found = measure_drift(zyx, 1, EVERYWHERE, magnification=True)

    assert found.z_scale[2] / found.z_scale[0] == pytest.approx(scale, abs=0.002)
    assert found.z_scale[1] == 1
    np.testing.assert_array_equal(measure_drift(zyx, 1, EVERYWHERE).z_scale, 1)


@pytest.mark.parametrize("scale", [0.99, 1.01])
def test_a_change_of_magnification_is_undone_where_that_is_asked_for(wide_stack, scale):
    below, focus, above = wide_stack
    zyx = np.stack([magnified(below, scale**-0.5), focus, magnified(above, scale**0.5)])
    still = wide_stack / np.median(focus)
    inner = (slice(None), slice(8, -8), slice(8, -8))

    undone, left = (prepare(zyx, 1, Preparation(magnification=on)) for on in (True, False))

    assert (undone.zyx_planes - still)[inner].std() < 0.2 * (left.zyx_planes - still)[inner].std()
    assert undone.figures["magnification"] == pytest.approx([scale**-0.5, 1, scale**0.5], abs=1e-3)
    assert "magnification" not in left.figures


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0])
@pytest.mark.parametrize("shift_yx", [(0.0, 0.0), (2.0, -1.4), (3.0, 3.0)])
def test_an_aperture_that_stands_still_does_not_hold_the_specimen(wide_stack, shift_yx, electrons):
    y, x = np.indices((256, 256)) - 127.5
    zyx = drifted(wide_stack, shift_yx) * (np.hypot(y, x) < 115) + 0.003

    found = prepare(recorded(zyx, electrons), 1, Preparation()).figures["drift_yx_px"]

    np.testing.assert_allclose(found, np.outer([-0.5, 0, 0.5], shift_yx), atol=0.2)


@pytest.mark.parametrize("unit", [1.0, 1e-4])
def test_planes_of_different_fields_are_refused_in_any_unit_of_the_light(wide_stack, unit):
    elsewhere = recorded(np.stack([*wide_stack[:2], wide_stack[2].T[::-1]])) * np.float32(unit)

    message = "planes . and . have nothing in common: .*Give planes of one field, or switch the drift correction off"
    with pytest.raises(InputError, match=message):
        prepare(elsewhere, 1, Preparation())
    prepare(elsewhere, 1, Preparation(drift=False))


@pytest.mark.parametrize(
    ("shift_yx", "words"), [((-72, 0), "72 px up and 0 px"), ((0, 75), "75 px to the right"), ((80, 5), "80 px down")]
)
def test_a_drift_beyond_a_quarter_of_the_frame_is_refused(wide_stack, shift_yx, words):
    zyx = recorded(drifted(wide_stack, shift_yx, steps=(0, 0, 1)))
    zyx[0] = recorded(wide_stack[::-1], 30_000.0)[2]  # brighter, so that the others are compared with it

    with pytest.raises(InputError, match=f"plane 2 lies .*{words}.*cut the planes to the field that they share"):
        measure_drift(zyx, 1, EVERYWHERE)


def test_a_drift_just_below_a_quarter_of_the_frame_is_found(wide_stack):
    found = measure_drift(recorded(drifted(wide_stack, (0, 58))), 1, EVERYWHERE)

    np.testing.assert_allclose(found.zyx_shift_px, [[0, -29], [0, 0], [0, 29]], atol=0.3)


def test_a_lone_specimen_at_the_border_is_not_taken_for_another_field(bright_field_stack):
    texture = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((256, 256)), 2.0)
    yx_phase_rad = np.zeros((256, 256))
    yx_phase_rad[:10, 8:40] = 2.0 + 10 * texture[:10, 8:40]
    alone = recorded(bright_field_stack(ndimage.gaussian_filter(yx_phase_rad, 1.0), Z_UM, PIXEL_UM))

    measure_drift(alone, 1, EVERYWHERE)


@pytest.mark.parametrize("shift_yx", [(0.0, 0.0), (2.0, -1.5)])
def test_a_lone_specimen_at_the_border_leaves_the_drift_open(bright_field_stack, cell_phase, shift_yx):
    texture = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((256, 256)), 2.0)
    y, x = np.indices((256, 256))
    yx_phase_rad = 2.5 * np.clip(1 - ((y - 10) ** 2 + (x - 120) ** 2) / 40**2, 0, 1) ** 0.6 * (1 + 0.5 * texture)
    alone = recorded(drifted(bright_field_stack(ndimage.gaussian_filter(yx_phase_rad, 1.0), Z_UM, 0.1625), shift_yx))

    found = measure_drift(alone, 1, EVERYWHERE)

    assert found.is_at_border
    assert found.largest_px == 0
    assert np.count_nonzero(found.z_measured) == 1
