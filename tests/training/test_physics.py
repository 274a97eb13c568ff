"""The physics-consistency loss: least for the true phase, and able to tell its sign, scale and place."""

import json
from pathlib import Path

import pytest
import torch

from napari_contransgan.config import PhysicsSettings, SimulationSettings, TrainSettings, Variation
from napari_contransgan.models.normalisation import contrast_on_model_grid, to_model_grid
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.training.physics import ForwardModel, forward_model, model_of, physics_loss
from napari_contransgan.training.survey import simulated_unpaired

STEADY = Variation(focus_share=(0, 0), exposure_factor=(3, 3), unevenness=(0, 0))


def pair(objective: str, **changes: object) -> tuple[ForwardModel, torch.Tensor, torch.Tensor]:
    """Forward model, true phase in radians and the contrast of the simulated frame; (1, 1, H, W) each."""
    settings = SimulationSettings(
        specimen="psm",
        scene="sparse",
        objective=objective,
        seed=5,
        field_px=160,
        variation=STEADY,
        **changes,  # type: ignore[arg-type]
    )
    lr, phase = simulate_pair(settings, 0)
    assert lr.pixel_size_um is not None
    contrast, _ = contrast_on_model_grid(lr.data, lr.pixel_size_um)
    radians = to_model_grid(torch.from_numpy(phase.data), MODEL_PIXEL_SIZE_UM)
    side = min(*contrast.shape, *radians.shape)
    model = forward_model(TrainSettings(simulate=(settings,)), [settings])
    assert model is not None
    return model, radians[None, None, :side, :side], contrast[None, None, :side, :side]


@pytest.mark.parametrize("objective", ["4x", "10x", "20x", "40x"])
def test_the_true_phase_explains_the_image_best(objective: str) -> None:
    model, phase, contrast = pair(objective)
    true = physics_loss(model, phase, contrast)
    others = {
        "nothing": torch.zeros_like(phase),
        "inverted": -phase,
        "half": 0.5 * phase,
        "moved": phase.roll(6, -1),
        "blurred": torch.nn.functional.avg_pool2d(phase, 15, stride=1, padding=7),
    }
    for name, other in others.items():
        assert true < 0.8 * physics_loss(model, other, contrast), name


def test_the_gradient_leads_from_nothing_towards_the_true_phase() -> None:
    model, phase, contrast = pair("10x")
    guess = torch.zeros_like(phase).requires_grad_()
    physics_loss(model, guess, contrast).backward()
    assert guess.grad is not None
    assert (-guess.grad * phase).sum() > 0


def test_the_optics_are_those_of_the_simulated_images_unless_they_are_stated() -> None:
    ten, twenty = (SimulationSettings(objective=name) for name in ("10x", "20x"))
    settings = TrainSettings(simulate=(ten,))
    found = forward_model(settings, [ten, ten])
    assert found is not None
    assert found.optics.numerical_aperture == 0.25
    assert found.focus_um == pytest.approx(0.25 * 0.55 / 0.25**2)
    assert forward_model(settings, [ten, twenty]) is None
    assert forward_model(settings, []) is None
    stated = PhysicsSettings(objective="4x", focus_um=-3.0)
    assert forward_model(settings.model_copy(update={"scale_range": (0.9, 1.1)}), [ten]) is None
    own = settings.model_copy(update={"physics": stated})
    assert forward_model(own, [ten, twenty]) == model_of(stated)


def test_images_of_ones_own_are_not_taken_for_simulated_ones(tmp_path: Path) -> None:
    simulated = SimulationSettings(objective="10x")
    (tmp_path / "own" / "lr").mkdir(parents=True)
    own = {"lr": tmp_path / "own" / "lr", "phase": tmp_path / "own" / "phase"}
    settings = TrainSettings(simulate=(simulated,), **own)  # type: ignore[arg-type]
    assert simulated_unpaired(settings) == ()
    assert simulated_unpaired(TrainSettings(simulate=(simulated,))) == (simulated,)
    described = {"settings": simulated.model_dump(mode="json")}
    (tmp_path / "own" / "dataset.json").write_text(json.dumps(described))
    assert simulated_unpaired(settings) == (simulated,)
