"""Scores on held-out fields."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.config import SimulationSettings
from napari_contransgan.events import result_of
from napari_contransgan.held_out import score_held_out
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard


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
