"""Simulated fields: the three images show the same specimen at the same place."""

import numpy as np
import pytest
from scipy import ndimage

from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.evaluation import evaluate
from napari_contransgan.events import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation import sample_frame, simulate_field
from napari_contransgan.simulation.samples import sample_stack_and_truth
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
    from napari_contransgan.simulation import fields
    from napari_contransgan.simulation.beads import Bead

    monkeypatch.setattr(fields, "scatter_beads", lambda *_: (Bead(15.1, 23.3, 1.5),))
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
    red = SimulationSettings(specimen="hela", seed=2026, field_px=400, inside_frame=True, microscope={"wavelength_um": 0.65})
    field = simulate_field(red, 8)
    phase = result_of(retrieve_phase(field.stack, TieSettings())).phase
    assert phase.wavelength_um == 0.65
    assert phase.settings["tie"]["wavelength_um"] == 0.65
    assert evaluate(block_mean(phase.data, 2), field.phase.data).slope == pytest.approx(1.0, abs=0.04)
