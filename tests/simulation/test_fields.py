"""Simulated fields: the three images show the same specimen at the same place."""

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_contransgan.config import SimulationSettings, TieSettings, Variation
from napari_contransgan.config.microscope import PRESETS, CameraModel, Microscope
from napari_contransgan.evaluation import evaluate
from napari_contransgan.optics import OBJECTIVES, Objective
from napari_contransgan.progress import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation import sample_frame, simulate_field, simulate_pair
from napari_contransgan.simulation.fields import image_lr, image_stack, true_phase
from napari_contransgan.simulation.samples import sample_stack_and_truth
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.tie import retrieve_phase

SMALL = SimulationSettings(specimen="psm", seed=11, field_px=80)


def centre_um(values: np.ndarray, pixel_um: float) -> np.ndarray:
    weights = ndimage.gaussian_filter(np.abs(values), 1)
    weights[weights < 0.5 * weights.max()] = 0
    return (np.array(ndimage.center_of_mass(weights)) + 0.5) * pixel_um


def test_frame_stack_and_phase_cover_the_same_field() -> None:
    field = simulate_field(SMALL, 0)
    sides = {
        round(image.data.shape[-1] * (image.pixel_size_um or 0), 6) for image in (field.lr, field.stack, field.phase)
    }
    assert sides == {26.0}
    assert field.lr.data.dtype == field.stack.data.dtype == np.uint16
    assert field.stack.axes == "ZYX"
    assert field.stack.z_step_um == 3.0
    assert field.phase.quantity == "phase"


def test_frame_stack_and_phase_are_registered(one_bead: SimulationSettings) -> None:
    field = simulate_field(one_bead, 0)
    truth = centre_um(field.phase.data, 0.325)
    lr = field.lr.data / np.median(field.lr.data) - 1
    stack = field.stack.data[2] / np.median(field.stack.data[2]) - 1
    np.testing.assert_allclose(centre_um(lr, 0.65), truth, atol=0.25)
    np.testing.assert_allclose(centre_um(stack, 0.1625), truth, atol=0.15)


@pytest.fixture
def one_bead(monkeypatch: pytest.MonkeyPatch) -> SimulationSettings:
    from napari_contransgan.simulation import specimen
    from napari_contransgan.simulation.beads import Bead

    monkeypatch.setattr(specimen, "scatter_beads", lambda *_, **__: (Bead(15.1, 23.3, 1.5),))
    return SMALL


def test_a_field_depends_on_seed_and_index_alone() -> None:
    first, again = simulate_field(SMALL, 2), simulate_field(SMALL, 2)
    np.testing.assert_array_equal(first.lr.data, again.lr.data)
    np.testing.assert_array_equal(first.stack.data, again.stack.data)
    assert not np.array_equal(first.lr.data, simulate_field(SMALL, 3).lr.data)


def test_the_specimen_does_not_depend_on_the_objective() -> None:
    ten = simulate_field(SMALL, 1).phase.data
    twenty = simulate_field(SMALL.model_copy(update={"objective": "20x"}), 1).phase.data
    np.testing.assert_array_equal(ten, twenty)


def test_tie_on_the_40x_stack_of_cells_inside_the_frame_has_the_true_slope() -> None:
    stack, truth = sample_stack_and_truth()
    phase = result_of(retrieve_phase(stack, TieSettings())).phase
    scores = evaluate(block_mean(phase.data, 2), truth.data)
    assert 0.97 <= scores.slope <= 1.03, f"slope {scores.slope:.4f}"


def test_the_sample_frame_is_a_10x_frame_that_divides_into_4_x_4_tiles() -> None:
    frame = sample_frame()
    assert frame.data.shape == (480, 480)
    assert frame.pixel_size_um == pytest.approx(0.65)
    assert 0.005 < frame.data.std() / frame.data.mean() < 0.2


def test_all_images_of_a_field_span_the_same_place() -> None:
    field = simulate_field(SMALL, 0)
    for image in (field.lr, field.stack, field.phase):
        assert image.pixel_size_um is not None
        edges = [origin - image.pixel_size_um / 2 for origin in image.origin_yx_um]
        assert edges == pytest.approx([0.0, 0.0], abs=1e-9)


def test_tie_takes_the_wavelength_of_the_stack() -> None:
    red = SimulationSettings(
        specimen="hela", seed=2026, field_px=400, inside_frame=True, microscope={"wavelength_um": 0.65}
    )
    field = simulate_field(red, 8)
    phase = result_of(retrieve_phase(field.stack, TieSettings())).phase
    assert phase.wavelength_um == 0.65
    assert phase.settings["tie"]["wavelength_um"] == 0.65
    assert evaluate(block_mean(phase.data, 2), field.phase.data).slope == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("name", ["spherical_um", "coma_um", "astigmatism_um"])
def test_aberrations_change_the_frame_alone_and_are_recorded(name: str) -> None:
    plain = SimulationSettings(specimen="hela", objective="20x", seed=5, field_px=96)
    aberrated = plain.model_copy(update={"variation": Variation(**{name: (0.2, 0.2)})})
    first, other = (simulate_field(settings, 0) for settings in (plain, aberrated))
    np.testing.assert_array_equal(first.phase.data, other.phase.data)
    np.testing.assert_array_equal(first.stack.data, other.stack.data)
    change = other.lr.data / first.lr.data.astype(float) - 1
    assert change.std() > 0.01
    drawn = other.lr.settings["simulation"]["drawn"]["aberrations"]
    strength_um = np.sqrt(sum(value**2 for value in drawn.values()))
    assert strength_um == pytest.approx(0.2)
    assert {key for key, value in drawn.items() if value} <= {key for key in drawn if key.startswith(name[:4])}


def test_drawn_aberrations_add_to_those_of_the_lens() -> None:
    lens = {"magnification": 20, "numerical_aperture": 0.4, "aberrations": {"spherical_um": 0.05, "coma_x_um": 0.01}}
    settings = SimulationSettings.checked(
        {
            "specimen": "hela",
            "objective": "20x",
            "field_px": 96,
            "microscope": {"objectives": {"20x": lens, "40x": {"magnification": 40, "numerical_aperture": 0.65}}},
            "variation": {"spherical_um": (-0.02, -0.02)},
        }
    )
    drawn = simulate_pair(settings, 0)[0].settings["simulation"]["drawn"]["aberrations"]
    assert drawn["spherical_um"] == pytest.approx(0.03)
    assert drawn["coma_x_um"] == pytest.approx(0.01)


STEADY = Variation(
    focus_share=(0, 0),
    stack_focus_um=(0, 0),
    exposure_factor=(1, 1),
    gain_factor=(1, 1),
    read_noise_factor=(1, 1),
    unevenness=(0, 0),
)


def changed(settings: SimulationSettings, **ranges: object) -> SimulationSettings:
    variation = Variation.model_validate({**settings.variation.model_dump(), **ranges})
    return settings.model_copy(update={"variation": variation})


QUIET = SimulationSettings(
    specimen="hela",
    scene="dense",
    seed=4,
    field_px=96,
    variation=STEADY,
    microscope=Microscope(vignetting=0.0, camera=CameraModel(full_well_e=1e7, bit_depth=16)),
)


def contrast(settings: SimulationSettings) -> np.ndarray:
    counts = simulate_pair(settings, 0)[0].data.astype(float)
    return counts / (settings.microscope.camera.exposure * 65535) - 1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_gives_a_frame_that_covers_the_field(name: str) -> None:
    settings = SimulationSettings(specimen="hela", seed=5, field_px=96, objective=name)
    lr, phase = simulate_pair(settings, 0)
    side_um = 96 * 0.325
    assert side_um <= lr.data.shape[0] * lr.pixel_size_um < side_um + lr.pixel_size_um
    assert phase.data.shape == (96, 96)
    assert lr.numerical_aperture == OBJECTIVES[name].numerical_aperture


def test_a_microscope_with_odd_pixels_shows_the_same_places() -> None:
    odd = PRESETS["led"]
    settings = QUIET.model_copy(update={"microscope": odd.model_copy(update={"vignetting": 0.0}), "objective": "20x"})
    field = simulate_field(settings, 0)
    assert field.lr.pixel_size_um == pytest.approx(3.45 / 20)
    assert field.stack.pixel_size_um == pytest.approx(3.45 / 40)
    # Focus on either side of the specimen differs by what TIE makes its phase of: compare where that is large.
    change = ndimage.gaussian_filter(field.stack.data[2].astype(float) - field.stack.data[0], 4)
    phase = ndimage.zoom(field.phase.data, 0.325 / field.stack.pixel_size_um, order=1, grid_mode=True, mode="nearest")
    bright = ndimage.gaussian_filter(-ndimage.laplace(ndimage.gaussian_filter(phase, 4)), 4)
    size = min(len(change), len(bright))
    assert np.corrcoef(change[:size, :size].ravel(), bright[:size, :size].ravel())[0, 1] > 0.8


def test_a_pixel_size_error_scales_specimen_frame_and_truth_alike(one_bead: SimulationSettings) -> None:
    wrong = changed(one_bead, pixel_size_factor=(1.1, 1.1))
    field = simulate_field(wrong, 0)
    # The bead stands at fixed micrometres, which the microscope now states as fewer.
    margin_um = draw_specimen(wrong, 0).margin_px * 0.1625
    expected_um = np.array([15.1, 23.3]) / 1.1 - margin_um
    np.testing.assert_allclose(centre_um(field.phase.data, 0.325), expected_um, atol=0.1)
    np.testing.assert_allclose(centre_um(field.lr.data / np.median(field.lr.data) - 1, 0.65), expected_um, atol=0.25)
    assert field.lr.pixel_size_um == 0.65
    assert field.phase.data.max() == pytest.approx(simulate_field(one_bead, 0).phase.data.max(), rel=0.02)


def test_a_wavelength_error_changes_the_light_and_leaves_the_stated_phase() -> None:
    redder = changed(QUIET, wavelength_factor=(1.2, 1.2))
    np.testing.assert_array_equal(simulate_pair(redder, 0)[1].data, simulate_pair(QUIET, 0)[1].data)
    assert simulate_pair(redder, 0)[0].wavelength_um == 0.55
    assert np.std(contrast(redder) - contrast(QUIET)) > 0.05 * np.std(contrast(QUIET))


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_the_phase_factor_scales_the_truth(factor: float) -> None:
    scaled = simulate_pair(changed(QUIET, phase_factor=(factor, factor)), 0)[1].data
    np.testing.assert_allclose(scaled, factor * simulate_pair(QUIET, 0)[1].data, rtol=1e-5, atol=1e-6)


def fine_parts_rad(seeds: range, **ranges: object) -> list[np.ndarray]:
    """Return what sheets hold below 1 um, without their margins."""
    found = []
    for seed in seeds:
        sheet = SimulationSettings(specimen="hela", scene="confluent", seed=seed, field_px=160)
        phase_rad = simulate_pair(changed(sheet, **ranges), 0)[1].data.astype(float)
        found.append((phase_rad - ndimage.gaussian_filter(phase_rad, 3))[10:-10, 10:-10])
    return found


def test_cells_with_less_fat_hold_fewer_strong_spots() -> None:
    usual, lean = fine_parts_rad(range(40, 46)), fine_parts_rad(range(40, 46), fat_factor=(0.02, 0.02))
    many, few = (np.median([stats.kurtosis(part, axis=None) for part in parts]) for parts in (usual, lean))
    assert few < 0.7 * many


def test_grainier_cells_are_grainier_everywhere() -> None:
    def typical_rad(parts: list[np.ndarray]) -> float:
        return float(np.mean([np.median(np.abs(part)) for part in parts]))

    usual, grainier = fine_parts_rad(range(40, 44)), fine_parts_rad(range(40, 44), grain_factor=(2.0, 2.0))
    assert typical_rad(grainier) > 1.4 * typical_rad(usual)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_cells_absorb_the_share_that_is_asked_for(share: float) -> None:
    cells = SimulationSettings(specimen="hela", scene="confluent", seed=40, field_px=160, max_absorption_per_um=0.2)
    changes = {"absorption_share": (share, share), "stray_light": (0.0, 0.0), "exposure_factor": (1.0, 1.0)}
    frame, phase = simulate_pair(changed(cells, **changes), 0)
    clear, _ = simulate_pair(changed(cells, **changes | {"absorption_share": (-1.0, -1.0)}), 0)
    path_um = phase.data * (phase.wavelength_um or 0.0) / (2 * np.pi)
    passed = np.mean(np.exp(-2 * 0.2 * share * path_um))
    assert frame.data.mean() / clear.data.mean() == pytest.approx(passed, rel=0.01)


def test_stray_light_lowers_the_contrast_by_its_share() -> None:
    veiled = contrast(changed(QUIET, stray_light=(0.3, 0.3)))
    slope = np.polyfit(contrast(QUIET).ravel(), veiled.ravel(), 1)[0]
    assert slope == pytest.approx(0.7, abs=0.03)


def test_a_wider_condenser_blurs_defocused_detail() -> None:
    far = QUIET.model_copy(update={"defocus_um": 12.0})
    assert contrast(changed(far, coherence_factor=(1.5, 1.5))).std() < 0.9 * contrast(far).std()


def test_focus_is_drawn_from_its_range_and_recorded() -> None:
    varied = changed(QUIET, focus_um=(-10, 10))
    drawn = [simulate_pair(varied, index)[0].settings["simulation"]["drawn"]["focus_um"] for index in range(12)]
    nominal = varied.microscope.nominal_defocus_um("10x")
    assert min(drawn) < -4 + nominal
    assert max(drawn) > 4 + nominal
    assert all(-10 <= z - nominal <= 10 for z in drawn)


def test_planes_drift_by_what_is_drawn() -> None:
    still, drifted = (changed(QUIET, drift_um=(shift, shift)) for shift in (0.0, 0.65))
    planes = [image_stack(draw_specimen(s, 0), s, 0) for s in (still, drifted)]
    (shifts,) = [plane.settings["simulation"]["drawn"]["drift_um"] for plane in planes[1:]]
    assert np.abs(shifts[0]).tolist() == [0.65, 0.65]
    assert shifts[1] == [0, 0]
    moved = np.roll(planes[0].data[0].astype(float), [round(shift / 0.1625) for shift in shifts[0]], (0, 1))
    inner = (slice(20, -20), slice(20, -20))
    assert np.corrcoef(moved[inner].ravel(), planes[1].data[0][inner].ravel())[0, 1] > 0.9
    assert np.corrcoef(planes[0].data[0][inner].ravel(), planes[1].data[0][inner].ravel())[0, 1] < 0.7


def test_beads_are_thick_and_their_far_side_is_bent_light() -> None:
    settings = SMALL.model_copy(update={"variation": STEADY, "scene": "sparse"})
    specimen = draw_specimen(settings, 1)
    assert len(specimen.zyx_path_um) > 1
    stack = image_stack(specimen, settings, 1).data.astype(float)
    thin = draw_specimen(settings, 1)
    object.__setattr__(thin, "zyx_path_um", thin.zyx_path_um.sum(axis=0, keepdims=True))
    flat = image_stack(thin, settings, 1).data.astype(float)
    difference = np.std(stack - flat, axis=(1, 2)) / np.std(flat, axis=(1, 2))
    assert (difference > 0.03).all()


def test_large_defocus_widens_the_margin_and_a_small_one_does_not() -> None:
    near, far = (draw_specimen(QUIET.model_copy(update={"defocus_um": z}), 0) for z in (2.0, 45.0))
    assert near.margin_px * 0.1625 == pytest.approx(5.2)
    assert far.margin_px * 0.1625 > 18


def test_a_lens_of_high_aperture_gets_a_finer_object() -> None:
    strong = Microscope(
        objectives={"100x": Objective(magnification=100, numerical_aperture=0.95)},
        stack_objective="100x",
        wavelength_um=0.45,
    )
    settings = QUIET.model_copy(update={"microscope": strong, "objective": "100x"})
    specimen = draw_specimen(settings, 0)
    assert specimen.pixel_size_um == 0.08125
    assert true_phase(specimen, settings, 0).data.shape == (96, 96)
    assert image_lr(specimen, settings, 0).data.shape == (480, 480)


def test_aberrations_of_the_lens_reach_the_image() -> None:
    lenses = {name: lens.model_dump() for name, lens in OBJECTIVES.items()}
    lenses["10x"]["aberrations"] = {"coma_y_um": 0.1}
    aberrant = QUIET.model_copy(
        update={
            "microscope": QUIET.microscope.model_copy(update={"objectives": Microscope(objectives=lenses).objectives})
        }
    )
    assert np.std(contrast(aberrant) - contrast(QUIET)) > 0.2 * np.std(contrast(QUIET))
