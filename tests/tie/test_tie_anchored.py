"""The anchored phase against simulated cells, cut by the frame's border as cells are."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from napari_contransgan.tie import phase_from_stack
from napari_contransgan.tie.focus_data import Solution
from napari_contransgan.tie.transfer import Aperture

PIXEL_UM = 0.325
Z_UM = (-3.0, 0.0, 3.0)
CROPS = {"right": (40, 50), "below": (60, 20), "left": (20, 70), "above": (45, 45)}
CUT = (slice(40, 200), slice(50, 210))


def retrieved(zyx: np.ndarray, z_um=Z_UM, **options) -> Solution:
    optics = {"wavelength_um": 0.55, "pixel_size_um": PIXEL_UM, "focus_index": 1}
    return phase_from_stack(zyx, z_um, **(optics | options))


def recorded(zyx: np.ndarray, electrons: float = 20_000.0, seed: int = 1) -> np.ndarray:
    if np.isinf(electrons):
        return zyx
    return np.random.default_rng(seed).poisson(zyx * electrons).astype(np.uint16)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def slope(phase: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sum(phase * truth) / np.sum(truth**2))


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0])
@pytest.mark.parametrize("crop", CROPS)
def test_cells_that_the_border_cuts_come_back_without_clouds(wide_stack, wide_phase, crop, electrons):
    y, x = CROPS[crop]
    frame = (slice(y, y + 160), slice(x, x + 160))
    truth, zyx = wide_phase[frame], recorded(wide_stack[:, *frame], electrons)

    phase = retrieved(zyx).yx_phase_rad

    damped = [retrieved(zyx, method="dct", regularisation=strength).yx_phase_rad for strength in (0, 1, 3, 10, 30)]
    best = min(np.std(one - truth) for one in damped)
    border = np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]])
    assert np.mean(border > 0.3) > 0.1
    assert rms(phase - truth) < best / 4
    assert slope(phase, truth) == pytest.approx(1, abs=0.05)
    assert phase[truth < 1e-3].std() <= 0.03
    assert np.median(phase[truth < 1e-3]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0])
def test_a_specimen_of_a_lower_index_comes_back_negative_and_contradicts_the_direction(
    bright_field_stack, wide_phase, electrons
):
    truth = -wide_phase[CUT]
    zyx = recorded(bright_field_stack(-wide_phase, Z_UM, PIXEL_UM)[:, *CUT], electrons)

    solution, forced = retrieved(zyx), retrieved(zyx, specimen_sign="negative")

    assert slope(solution.yx_phase_rad, truth) == pytest.approx(1, abs=0.05)
    assert rms(solution.yx_phase_rad - truth) < 0.15 * truth.std()
    assert solution.figures["specimen_sign"] == -1
    assert solution.figures["direction"] == "contradicts"
    np.testing.assert_array_equal(forced.yx_phase_rad, solution.yx_phase_rad)


def test_a_specimen_of_a_higher_index_agrees_with_the_direction(wide_stack):
    zyx = recorded(wide_stack[:, *CUT])

    solution, forced = retrieved(zyx), retrieved(zyx, specimen_sign="positive")

    assert (solution.figures["specimen_sign"], solution.figures["direction"]) == (1, "agrees")
    np.testing.assert_array_equal(forced.yx_phase_rad, solution.yx_phase_rad)


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0])
def test_objects_of_both_signs_come_back_where_that_is_stated(bright_field_stack, wide_phase, electrons):
    objects, count = label(wide_phase > 0.02)
    mixed = wide_phase * np.where(np.isin(objects, np.arange(2, count + 1, 3)), -1, 1)
    truth = mixed[CUT]
    zyx = recorded(bright_field_stack(mixed, Z_UM, PIXEL_UM)[:, *CUT], electrons)

    phase = retrieved(zyx, specimen_sign="both").yx_phase_rad

    assert min(np.mean(truth > 0.3), np.mean(truth < -0.3)) > 0.05
    assert rms(phase - truth) < 0.1 * truth.std()
    assert slope(phase, truth) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("electrons", [1000.0, 10_000.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_empty_noisy_field_holds_no_specimen(electrons, seed):
    zyx = recorded(np.ones((3, 160, 160)), electrons, seed)

    solution = retrieved(zyx)

    phase, std = solution.yx_phase_rad, solution.yx_std_rad
    assert rms(phase) < 2.5 * np.median(std)
    assert np.mean(np.abs(phase) < 5 * std) > 0.97
    assert rms(phase) < rms(retrieved(zyx, method="dct").yx_phase_rad) / 4
    assert solution.figures["direction"] == "cannot tell"


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_weak_cells_that_the_border_cuts_are_not_swallowed(bright_field_stack, wide_phase, share):
    truth = share * wide_phase[CUT]

    phase = retrieved(bright_field_stack(share * wide_phase, Z_UM, PIXEL_UM)[:, *CUT]).yx_phase_rad

    assert slope(phase, truth) == pytest.approx(1, abs=0.05)
    assert rms(phase - truth) < 0.15 * truth.std()


@pytest.mark.parametrize(("peak_rad", "tolerance"), [(0.05, 0.35), (0.1, 0.15), (0.3, 0.1)])
def test_a_weak_lone_cell_is_seen_through_the_noise(bright_field_stack, peak_rad, tolerance):
    y, x = np.indices((160, 160)) * PIXEL_UM
    truth = gaussian_filter(peak_rad * (1 - np.minimum(np.hypot(y - 26, x - 24) / 4, 1) ** 2) ** 0.6, 1)
    zyx = recorded(bright_field_stack(truth, Z_UM, PIXEL_UM))

    assert slope(retrieved(zyx).yx_phase_rad, truth) == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("electrons", [np.inf, 20_000.0])
@pytest.mark.parametrize("crop", CROPS)
def test_most_errors_lie_within_two_standard_deviations(wide_stack, wide_phase, crop, electrons):
    y, x = CROPS[crop]
    frame = (slice(y, y + 160), slice(x, x + 160))

    solution = retrieved(recorded(wide_stack[:, *frame], electrons))

    error = np.abs(solution.yx_phase_rad - wide_phase[frame])
    assert np.mean(error < 2 * solution.yx_std_rad) > 0.85
    assert np.median(solution.yx_std_rad) < 0.1


def test_the_phase_is_least_certain_where_a_cell_hides_the_border(wide_stack, wide_phase):
    truth = wide_phase[CUT]

    std = retrieved(recorded(wide_stack[:, *CUT])).yx_std_rad

    border = np.ones(truth.shape, bool)
    border[1:-1, 1:-1] = False
    hidden, open_border = std[border & (truth > 0.5)], std[border & (truth < 1e-3)]
    assert np.median(hidden) > 3 * np.median(open_border)
    assert np.median(hidden) > 2 * np.median(std[80:, 60:100][truth[80:, 60:100] > 0.5])
    assert std.shape == truth.shape
    assert np.all(std > 0)


def test_the_unit_of_intensity_does_not_matter(wide_stack):
    zyx = wide_stack[:, *CUT]

    one, thousand = retrieved(zyx), retrieved(1000 * zyx)

    np.testing.assert_allclose(thousand.yx_phase_rad, one.yx_phase_rad, atol=1e-4)
    np.testing.assert_allclose(thousand.yx_std_rad, one.yx_std_rad, rtol=1e-3)


@pytest.mark.parametrize("share", [0.8, 1.2])
def test_the_result_grows_with_the_specimen(bright_field_stack, wide_phase, wide_stack, share):
    truth = wide_phase[CUT]

    phase = retrieved(recorded(bright_field_stack(share * wide_phase, Z_UM, PIXEL_UM)[:, *CUT])).yx_phase_rad
    plain = retrieved(recorded(wide_stack[:, *CUT])).yx_phase_rad

    cells = truth > 0.3
    assert slope(phase[cells], plain[cells].astype(float)) == pytest.approx(share, rel=0.03)


@pytest.mark.parametrize(
    ("height", "width", "tolerance"), [(70, 210, 0.05), (210, 70, 0.05), (100, 201, 0.05), (41, 40, 0.1)]
)
def test_frames_of_any_shape_do(wide_stack, wide_phase, height, width, tolerance):
    frame = (slice(20, 20 + height), slice(20, 20 + width))

    solution = retrieved(recorded(wide_stack[:, *frame]))

    assert solution.yx_phase_rad.shape == solution.yx_std_rad.shape == (height, width)
    assert slope(solution.yx_phase_rad, wide_phase[frame]) == pytest.approx(1, abs=tolerance)
    assert rms(solution.yx_phase_rad - wide_phase[frame]) < 0.1


@pytest.mark.parametrize("pixel_um", [0.2, 0.65, 5.0])
def test_small_frames_of_pixels_of_any_size_do(propagated, pixel_um):
    y, x = np.indices((96, 96)) - 47.5
    truth = 0.6 * np.exp(-(y**2 + x**2) / (2 * 3.0**2))
    dz_um = 0.4 * pixel_um**2 / 0.55
    z_um = (-dz_um, 0.0, dz_um)
    planes = np.stack([np.abs(propagated(np.exp(1j * truth), z, pixel_um, 0.55)) ** 2 for z in z_um])
    frame = (slice(36, 60), slice(36, 60))

    solution = retrieved(planes[:, *frame], z_um, pixel_size_um=pixel_um)

    assert np.all(np.isfinite(solution.yx_phase_rad))
    assert np.all(np.isfinite(solution.yx_std_rad))
    assert slope(solution.yx_phase_rad, truth[frame]) == pytest.approx(1, abs=0.1)


def test_stated_apertures_bring_the_fine_structure_back(wide_stack, wide_phase):
    zyx, truth = recorded(wide_stack[:, *CUT]), wide_phase[CUT]

    plain, sharp = (retrieved(zyx, aperture=aperture).yx_phase_rad for aperture in (None, Aperture(0.65, 0.3)))

    assert rms(sharp - truth) < 0.9 * rms(plain - truth)
    assert abs(slope(sharp, truth) - 1) < 0.015


def test_the_share_of_empty_background_is_told(wide_stack, wide_phase):
    share = retrieved(recorded(wide_stack[:, *CUT])).figures["empty_share"]

    assert 0.3 * np.mean(wide_phase[CUT] < 0.01) < share <= 1.1 * np.mean(wide_phase[CUT] < 0.01)


@pytest.mark.parametrize(("stated", "used"), [("auto", 0.0), (0.2, 0.2)])
def test_nothing_is_damped_unless_that_is_stated(wide_stack, stated, used):
    assert retrieved(wide_stack[:, *CUT], regularisation=stated).regularisation == used


def test_thin_places_of_a_closed_sheet_do_not_make_it_certain(bright_field_stack):
    random = np.random.default_rng(3)
    waves = gaussian_filter(random.normal(size=(256, 256)), 10, mode="wrap")
    grains = gaussian_filter(random.normal(size=(256, 256)), 2, mode="wrap")
    truth = 2 + 0.5 * waves / waves.std() + 0.1 * grains / grains.std()
    counts = recorded(bright_field_stack(truth, Z_UM, PIXEL_UM))

    found = retrieved(counts)

    assert not found.figures["light_from_background"]
    error = found.yx_phase_rad - truth
    error = np.abs(error - np.median(error))
    assert np.mean(error <= 2 * found.yx_std_rad) > 0.7
    assert np.median(found.yx_std_rad) > 0.08
