"""Scores on held-out fields."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.config import SimulationSettings
from napari_contransgan.events import result_of
from napari_contransgan.held_out import HELD_OUT_SEEDS, score_held_out
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
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


@pytest.mark.parametrize("specimen", ["hela", "psm"])
def test_the_bundled_network_reaches_its_goals_on_held_out_10x_fields(specimen: str) -> None:
    settings = SimulationSettings(specimen=specimen, seed=HELD_OUT_SEEDS[specimen], count=16)  # type: ignore[arg-type]
    scores = result_of(score_held_out(load_checkpoint(find_model("all")), settings))
    assert scores["ssim"] >= 0.80
    assert scores["ssim"] > scores["ssim_zero"]
    assert scores["psnr_db_median"] >= 26
    assert scores["psnr_db_median"] > scores["psnr_zero_db"] + 6
    assert 0.9 <= scores["slope"] <= 1.1
