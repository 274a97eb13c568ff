"""Scores on held-out fields."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.config import SimulationSettings
from napari_contransgan.events import result_of
from napari_contransgan.held_out import HELD_OUT_SEEDS, invented_rad, score_held_out
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint


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


@pytest.mark.parametrize("specimen", ["psm", "hela"])
def test_an_empty_field_is_judged_by_what_is_invented_in_it(specimen: str) -> None:
    card = ModelCard(name="one", generator="unet", preset="tiny", phase_ref_rad=2.0)
    settings = SimulationSettings(specimen=specimen, scene="empty", seed=900, count=2, field_px=80)  # type: ignore[arg-type]
    scores = result_of(score_held_out(LoadedModel(One(), card), settings))
    assert scores == {"empty_fields": 2, "empty_max_rad": pytest.approx(2.0)}


def test_debris_is_not_called_invented() -> None:
    truth_rad = np.zeros((60, 60), np.float32)
    truth_rad[30, 30] = 0.5
    phase_rad = 0.9 * truth_rad
    assert invented_rad(phase_rad, truth_rad) == 0
    phase_rad[30, 33] = 0.4  # 1 um away
    phase_rad[5, 5] = -0.03
    assert invented_rad(phase_rad, truth_rad) == pytest.approx(0.03)


class One(nn.Module):
    """Invents a phase of one reference everywhere."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(image)


@pytest.mark.parametrize("specimen", ["hela", "psm"])
def test_the_bundled_network_reaches_its_goals_on_held_out_10x_fields(specimen: str) -> None:
    settings = SimulationSettings(specimen=specimen, seed=HELD_OUT_SEEDS[specimen], count=16)  # type: ignore[arg-type]
    scores = result_of(score_held_out(load_checkpoint(find_model("all")), settings))
    assert scores["ssim"] >= 0.80
    assert scores["ssim"] > scores["ssim_zero"]
    assert scores["psnr_db_median"] >= 26
    assert scores["psnr_db_median"] > scores["psnr_zero_db"] + 6
    assert 0.9 <= scores["slope"] <= 1.1
