"""Scores on held-out fields."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.config import SimulationSettings
from napari_contransgan.events import result_of
from napari_contransgan.held_out import score_held_out
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard
from napari_contransgan.simulation import simulate_pair


class Zero(nn.Module):
    """Answers with nothing."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(image)


def test_an_empty_answer_scores_what_is_stated_as_the_all_zero_score() -> None:
    card = ModelCard(name="zero", generator="unet", preset="tiny", phase_ref_rad=2.0)
    settings = SimulationSettings(specimen="psm", seed=900, count=2, field_px=80)
    scores = result_of(score_held_out(LoadedModel(Zero(), card), settings))
    assert scores["ssim"] == pytest.approx(scores["ssim_zero"], abs=1e-6)
    assert scores["psnr_db"] == pytest.approx(scores["psnr_zero_db"], abs=1e-6)
    assert scores["data_range_rad"] == pytest.approx(1.03)
    assert np.isfinite(scores["rmse_rad"])


def test_an_empty_field_is_judged_by_what_is_invented_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_contransgan import held_out

    def empty_pair(settings: SimulationSettings, index: int) -> tuple[Image, Image]:
        lr, truth = simulate_pair(settings, index)
        return lr, replace(truth, data=np.zeros_like(truth.data))

    monkeypatch.setattr(held_out, "simulate_pair", empty_pair)
    card = ModelCard(name="one", generator="unet", preset="tiny", phase_ref_rad=2.0)
    settings = SimulationSettings(specimen="psm", seed=900, count=2, field_px=80)
    scores = result_of(score_held_out(LoadedModel(One(), card), settings))
    assert scores == {"empty_fields": 2, "empty_max_rad": pytest.approx(2.0)}


class One(nn.Module):
    """Invents a phase of one reference everywhere."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(image)
