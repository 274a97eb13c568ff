"""What has no light or no data is left out, and does no harm to the rest."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import SOLVERS, phase_from_stack, retrieve_phase
from napari_contransgan.tie.lit_area import largest_rectangle, lit_area, without_borders
from napari_contransgan.tie.preparation import Preparation

OPTICS = {"wavelength_um": 0.55, "pixel_size_um": 0.325, "focus_index": 1}
Z_UM = (-3.0, 0.0, 3.0)


@pytest.fixture(scope="module")
def counts(wide_stack) -> NDArray[np.uint16]:
    return np.random.default_rng(0).poisson(wide_stack * 8000).astype(np.uint16)


def solved(zyx: np.ndarray, method: str = "anchored", **options):
    return phase_from_stack(zyx, Z_UM, method=method, **(OPTICS | options))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def outside(window: tuple[slice, slice], shape: tuple[int, int] = (256, 256)) -> np.ndarray:
    mask = np.ones(shape, bool)
    mask[window] = False
    return mask


RIM = (slice(40, 216), slice(40, 216))


@pytest.mark.parametrize("fill", [0, 65535], ids=["black", "white"])
@pytest.mark.parametrize("method", SOLVERS)
def test_a_rim_spoils_nothing_inside(counts, wide_phase, method, fill):
    rimmed = np.where(outside(RIM), fill, counts).astype(np.uint16)

    solution = solved(rimmed, method)

    by_hand = solved(np.ascontiguousarray(counts[:, *RIM]), method).yx_phase_rad
    lit = np.isfinite(solution.yx_std_rad)
    assert lit[RIM].mean() > 0.95
    assert not lit[outside(RIM)].any()
    assert not solution.yx_phase_rad[~lit].any()
    inside = (solution.yx_phase_rad - wide_phase)[lit]
    assert rms(inside) <= 1.1 * rms((by_hand - wide_phase[RIM])[lit[RIM]])
    assert solution.figures["without_phase_share"] == pytest.approx(1 - lit.mean(), abs=1e-5)
    assert solution.figures["median_std_rad"] == pytest.approx(np.median(solution.yx_std_rad[lit]), rel=0.1)


def torn(counts: np.ndarray, fill: float) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Planes as registration leaves them, and the part that all of them show."""
    planes = counts.astype(np.float32)
    planes[0, :7] = planes[0, :, -5:] = fill
    planes[2, -6:] = planes[2, :, :9] = fill
    return planes, (slice(7, 250), slice(9, 251))


@pytest.mark.parametrize("fill", [0.0, np.nan, 7900.0, -9999.0], ids=["black", "undefined", "mean", "negative"])
@pytest.mark.parametrize("method", ["anchored", "us-tie"])
def test_borders_that_differ_between_planes_are_left_out(counts, wide_phase, method, fill):
    planes, shared = torn(counts, fill)

    solution = solved(planes, method)

    by_hand = solved(np.ascontiguousarray(counts[:, *shared]), method).yx_phase_rad
    lit = np.isfinite(solution.yx_std_rad)
    assert lit[shared].mean() > 0.95
    assert not lit[outside(shared)].any()
    inside = (solution.yx_phase_rad - wide_phase)[lit]
    assert rms(inside) <= 1.1 * rms((by_hand - wide_phase[shared])[lit[shared]])
    assert solution.figures["lacks_data"]


@pytest.mark.parametrize("order", [1, 3])
def test_what_interpolation_mixed_with_the_border_is_left_out_too(counts, wide_phase, order):
    planes = counts.astype(np.float32)
    seen = np.ones(wide_phase.shape, np.float32)
    for index, shift in ((0, (6.4, 3.7)), (2, (-5.3, -8.6))):
        there = ndimage.shift(planes[index], np.negative(shift), order=3, mode="nearest")
        planes[index] = ndimage.shift(there, shift, order=order, cval=0)
        seen = np.minimum(seen, ndimage.shift(np.ones_like(seen), shift, order=1, cval=0))

    solution = solved(planes, preparation=Preparation(drift=False))

    lit = np.isfinite(solution.yx_std_rad)
    assert not lit[seen < 0.99].any()
    assert lit[seen == 1].mean() > 0.95
    assert rms((solution.yx_phase_rad - wide_phase)[lit]) < 0.06


@pytest.mark.parametrize("share", [0.5, 0.96])
def test_a_line_that_is_mixed_with_the_border_is_left_out_however_little(counts, share):
    planes, _ = torn(counts, 0.0)
    planes[0, 7] *= share

    solution = solved(planes)

    (top, _), (left, right) = solution.figures["solved_rows_columns"]
    assert 8 <= top <= 11
    assert (left, right) == (9, 251)


@pytest.mark.parametrize("degrees", [3, 15])
def test_wedges_that_a_rotation_leaves_are_left_out(counts, wide_phase, degrees):
    planes = counts.copy()
    shown = np.ones(wide_phase.shape, bool)
    for index, angle in ((0, degrees), (2, -degrees)):
        seen = ndimage.rotate(np.ones(wide_phase.shape), angle, reshape=False, order=0) > 0.5
        planes[index][~seen] = 0
        shown &= seen

    solution = solved(planes)

    lit = np.isfinite(solution.yx_std_rad)
    assert not lit[~shown].any()
    assert lit.sum() > 0.75 * shown.sum()
    assert rms((solution.yx_phase_rad - wide_phase)[lit]) < 0.15


def test_the_soft_edge_of_a_field_stop_is_cut_off_with_it(bright_field_stack, wide_phase, counts):
    edge = ndimage.gaussian_filter((~outside(RIM)).astype(float), 1.5)
    drifting = np.stack([ndimage.gaussian_filter(edge, 1 + abs(z)) for z in Z_UM])
    stopped = np.random.default_rng(1).normal(counts * drifting + 100, 3).round().astype(np.uint16)

    solution = solved(stopped, preparation=Preparation(dark=100.0))

    (top, bottom), (left, right) = solution.figures["solved_rows_columns"]
    assert 42 <= top <= 50
    assert 206 <= bottom <= 214
    window = slice(top, bottom), slice(left, right)
    by_hand = solved(np.ascontiguousarray(counts[:, *window])).yx_phase_rad
    error = rms(solution.yx_phase_rad[window] - wide_phase[window])
    assert error <= 1.15 * max(rms(by_hand - wide_phase[window]), 0.03)


def round_stop(counts: np.ndarray, dark: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.indices(counts.shape[1:])
    shown = np.hypot(y - 127.5, x - 127.5) < 118
    return np.where(shown, counts, 0) + dark, shown


def test_a_round_field_stop_keeps_its_whole_field(counts):
    stopped, shown = round_stop(counts)

    solution = solved(stopped)

    np.testing.assert_array_equal(np.isfinite(solution.yx_std_rad), shown)
    assert not solution.yx_phase_rad[~shown].any()
    assert not solution.figures["lacks_data"]
    assert solution.figures["solved_rows_columns"] == [[0, 256], [0, 256]]


@pytest.mark.parametrize(("dark", "share"), [(2000.0, "20%"), (600.0, "7%")])
def test_the_dark_level_under_a_field_stop_is_told_and_taken_for_no_light(counts, dark, share):
    stopped, shown = round_stop(counts, dark)
    recorded = np.random.default_rng(1).normal(stopped, 5)

    solution = solved(recorded)

    assert f"has a constant {dark:.0f} counts, {share} of the bright level" in solution.figures["plateau_note"]
    assert np.mean(np.isfinite(solution.yx_std_rad) != shown) < 0.02
    assert solved(recorded, preparation=Preparation(dark=dark)).figures["plateau_note"] is None


@pytest.mark.parametrize("place", [(80, 90), (0, 40), (128, 255)])
def test_a_dark_grain_has_no_phase_and_cuts_nothing_off(counts, place):
    y, x = np.indices(counts.shape[1:])
    grain = np.hypot(y - place[0], x - place[1]) < 5

    solution = solved(np.where(grain, 0, counts))

    np.testing.assert_array_equal(np.isinf(solution.yx_std_rad), grain)


def test_a_clean_stack_is_used_whole(counts):
    light = counts.astype(np.float32)

    same, missing = without_borders(counts)
    assert same is counts
    assert lit_area(light, missing, 1) is None
    assert np.isfinite(solved(counts).yx_std_rad).all()


def test_a_field_that_is_nearly_all_dark_is_refused(counts):
    rimmed = np.where(outside((slice(100, 112), slice(40, 216))), 0, counts)

    with pytest.raises(InputError, match=r"only 12 x 176 px lie inside the dark borders, too few for TIE"):
        solved(rimmed)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_rectangle_is_found_to_within_a_few_pixels(seed):
    rng = np.random.default_rng(seed)
    top, left = rng.integers(0, 100, 2)
    height, width = rng.integers(300, 500, 2)
    usable = np.zeros((700, 650), bool)
    usable[top : top + height, left : left + width] = True
    usable[620:, :] = True

    rows, columns = largest_rectangle(usable)

    assert (rows, columns) == (slice(top, top + height), slice(left, min(left + width, 650)))


def notes_of(image: Image, **settings) -> str:
    return " ".join(result_of(retrieve_phase(image, TieSettings(**settings))).notes)


def test_what_was_left_out_is_noted(counts):
    planes, _ = torn(counts, 0.0)
    stopped, _ = round_stop(counts)

    noted = [notes_of(Image(one, "ZYX", 0.325, 3.0)) for one in (planes, stopped, counts)]

    assert (
        "% of the frame lies in a border without data: the phase there is 0 and its uncertainty unbounded" in noted[0]
    )
    assert "33.2% of the frame got no light: the phase there is 0" in noted[1]
    assert "uncertainty unbounded" not in noted[2]


@pytest.mark.parametrize("fill", [np.nan, -9999.0, 65535.0])
def test_borders_of_any_value_are_taken_from_an_image_too(counts, fill):
    planes, _ = torn(counts, fill)

    assert "lies in a border without data" in notes_of(Image(planes, "ZYX", 0.325, 3.0))


def test_borders_of_a_registered_file_are_left_out(shared_data):
    path = shared_data / "files" / "registered_borders.tif"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    result = result_of(retrieve_phase(read_image(path), TieSettings()))

    assert result.phase.data.max() == pytest.approx(1.02, abs=0.02)
    assert result.phase.data.min() > -0.05
    assert "border without data" in " ".join(result.notes)


def test_real_hela_cells_have_no_phase_where_the_aperture_is_dark(shared_data):
    image = read_image(shared_data / "hela_20x" / "hela_20x_focus_stack.ome.tif")

    result = result_of(retrieve_phase(image, TieSettings(method="dct")))

    dark = ndimage.binary_opening(image.data[0] < 0.1 * 138, np.ones((3, 3)))
    assert not result.phase.data[dark].any()
    assert np.isinf(result.uncertainty.data[dark]).all()
    assert np.isfinite(result.uncertainty.data).mean() == pytest.approx(1 - dark.mean(), abs=0.005)
    assert "45.8% of the frame got no light" in " ".join(result.notes)


def test_a_map_of_infinite_uncertainty_survives_a_file(counts, tmp_path):
    from napari_contransgan.io import write_image

    planes, _ = torn(counts, 0.0)
    uncertainty = result_of(retrieve_phase(Image(planes, "ZYX", 0.325, 3.0), TieSettings(method="dct"))).uncertainty
    write_image(tmp_path / "std.tif", uncertainty)

    np.testing.assert_array_equal(read_image(tmp_path / "std.tif").data, uncertainty.data)
    assert np.isinf(uncertainty.data).any()


@pytest.mark.parametrize("place", [(0, 100, 120), (1, 3, 4)])
def test_undefined_pixels_inside_are_refused(counts, place):
    planes = counts.astype(np.float32)
    planes[place] = np.nan

    with pytest.raises(InputError, match="1 of 196608 pixels are NaN or infinite: replace them first"):
        solved(planes)
