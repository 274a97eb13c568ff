"""The microscope fitted to a stack, and the fields that are simulated with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_contransgan.adapting.fields import AdaptField, field_of_stack, noise_of
from napari_contransgan.adapting.simulated import FIELD_PX, cell_phase_rad, make_simulated, phase_factor
from napari_contransgan.adapting.stack_fit import fit_stack, guessed_aperture_note
from napari_contransgan.config import SimulationSettings, TieSettings, Variation
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.fields import image_stack
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.training.physics import ForwardModel

FOCUS_UM, COHERENCE, ABSORPTION_PER_UM, WAVELENGTH_UM = 3.5, 0.45, 0.25, 0.55
SETTINGS = SimulationSettings(
    microscope=Microscope(stack_objective="10x", stack_coherence=COHERENCE, stack_dz_um=5.0),
    objective="10x",
    scene="dense",
    seed=31,
    field_px=352,
    variation=Variation(stack_focus_um=(FOCUS_UM, FOCUS_UM)),
)
RECIPE = SimulationSettings(objective="10x", scene="sparse", field_px=240, seed=3)


@pytest.fixture(scope="module")
def field() -> AdaptField:
    specimen = replace(draw_specimen(SETTINGS, 0), absorption_per_um=ABSORPTION_PER_UM)
    stack = replace(image_stack(specimen, SETTINGS, 0), settings={}, name="my stack")
    return result_of(field_of_stack(stack, TieSettings(drift=False)))


@pytest.fixture(scope="module")
def model(field: AdaptField) -> ForwardModel:
    return result_of(fit_stack(field)).model


def test_a_stack_tells_focus_condenser_and_absorption(field: AdaptField) -> None:
    fit = result_of(fit_stack(replace(field, coherence=None)))
    assert fit.is_trusted
    assert fit.model.focus_um == pytest.approx(FOCUS_UM, abs=1.3)
    assert fit.model.optics.coherence == pytest.approx(COHERENCE, abs=0.1)
    absorption_per_rad = ABSORPTION_PER_UM * WAVELENGTH_UM / (2 * np.pi)
    assert fit.model.absorption_per_rad == pytest.approx(absorption_per_rad, rel=0.3)
    assert fit.model.optics.aberrations.spherical_um == pytest.approx(0, abs=0.02)


def test_of_many_planes_the_one_in_focus_is_always_compared(field: AdaptField) -> None:
    planes = torch.cat([field.zyx_contrast[:2], field.zyx_contrast[1:2].expand(8, -1, -1)])
    many = replace(field, zyx_contrast=planes, plane_z_um=(-1.0, 0.0, *(float(z) for z in range(1, 9))), focus_index=1)
    assert 0.0 in result_of(fit_stack(many)).plane_z_um


def test_planes_that_do_not_belong_to_the_phase_are_not_trusted(field: AdaptField) -> None:
    other = replace(field, yx_label_rad=field.yx_label_rad.flip(0))
    assert not result_of(fit_stack(other)).is_trusted


def test_positions_of_the_planes_are_those_along_the_light(field: AdaptField) -> None:
    assert field.plane_z_um == (-5.0, 0.0, 5.0)
    specimen = draw_specimen(SETTINGS, 0)
    falling = image_stack(specimen, SETTINGS, 0)
    falling = replace(falling, data=falling.data[::-1])
    turned = result_of(field_of_stack(falling, TieSettings(drift=False, flip_z=True)))
    assert turned.plane_z_um == (5.0, 0.0, -5.0)


def test_simulated_fields_are_those_of_the_fitted_microscope(field: AdaptField, model: ForwardModel) -> None:
    pairs = result_of(make_simulated([model], (0.0, 0.0), [field], [RECIPE], 3, 0))
    assert [tuple(pair[1].shape) for pair in pairs] == [(FIELD_PX, FIELD_PX)] * 3
    for contrast, phase_rad in pairs:
        (own,) = model.through_focus(phase_rad[None, None], (model.focus_um,))[0].detach()
        inner = np.s_[40:180, 40:180]
        values = torch.stack([contrast[inner].flatten(), own[inner].flatten()])
        assert float(torch.corrcoef(values)[0, 1]) > 0.8


def test_simulated_cells_have_as_much_phase_as_the_users(field: AdaptField, model: ForwardModel) -> None:
    thicker = replace(field, yx_label_rad=2 * field.yx_label_rad)
    assert phase_factor([thicker]) == pytest.approx(2 * phase_factor([field]))
    assert phase_factor([replace(field, has_zero=False)]) == 1
    usual, thick = (result_of(make_simulated([model], (0.0, 0.0), [one], [RECIPE], 2, 0)) for one in (field, thicker))
    for one, other in zip(usual, thick, strict=True):
        assert cell_phase_rad(other[1].numpy()) == pytest.approx(2 * cell_phase_rad(one[1].numpy()), rel=0.01)


def test_beads_and_empty_fields_are_not_simulated(field: AdaptField, model: ForwardModel) -> None:
    others = [RECIPE.model_copy(update={"specimen": "psm"}), RECIPE.model_copy(update={"scene": "empty"})]
    assert result_of(make_simulated([model], (0.0, 0.0), [field], others, 2, 0)) == []


def test_noise_is_measured_between_neighbours() -> None:
    light = 1000 + 20 * np.random.default_rng(0).standard_normal((200, 200)) + np.linspace(0, 300, 200)
    assert noise_of(light) == pytest.approx(20 / 1150, rel=0.1)


def test_an_aperture_that_is_assumed_is_noted(field: AdaptField) -> None:
    assert guessed_aperture_note(field) == ()
    (note,) = guessed_aperture_note(replace(field, numerical_aperture=None))
    assert "NA 0.25 is assumed, as usual for 10x" in note
