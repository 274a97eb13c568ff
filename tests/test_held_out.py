"""Scores on held-out fields."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from napari_contransgan.config import HELD_OUT_SEEDS, SimulationSettings
from napari_contransgan.evaluation import evaluate
from napari_contransgan.held_out import invented_rad, known_background, score_held_out, score_simulated
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
from napari_contransgan.progress import result_of


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


def packed_beads() -> np.ndarray:
    """A closed layer of beads with a phase of up to 1 rad: their tops are its most common value."""
    spacing_px, radius_px = 9.7, 4.6
    y, x = np.mgrid[:220, :220].astype(float)
    phase_rad = np.zeros_like(y)
    for row in range(30):
        for column in range(26):
            centre = row * spacing_px * np.sqrt(3) / 2, (column + row % 2 / 2) * spacing_px
            square = 1 - ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius_px**2
            phase_rad = np.maximum(phase_rad, np.sqrt(np.clip(square, 0, None)))
    return phase_rad


def test_a_closed_layer_is_scored_as_it_came() -> None:
    truth_rad = packed_beads()
    output_rad = gaussian_filter(truth_rad, 0.7)
    scores = score_simulated(output_rad, truth_rad, truth_rad, "psm")
    assert scores.ssim == scores.ssim_raw > 0.9
    assert scores.slope == pytest.approx(0.93, abs=0.05)
    assert evaluate(output_rad, truth_rad, data_range_rad=1.03).ssim < 0.3, "levelled at other parts of the beads"


def test_a_map_is_levelled_well_away_from_the_specimen() -> None:
    truth_rad = np.zeros((90, 90))
    truth_rad[:, :40] = 1.0
    output_rad = gaussian_filter(truth_rad, 2.0) + 0.3
    background = known_background(truth_rad)
    assert not background[:, :46].any()
    assert background[:, 47:].all()
    scores = score_simulated(output_rad, truth_rad, truth_rad, "hela")
    assert scores.slope == pytest.approx(1, abs=0.03)
    assert scores.psnr_db > scores.psnr_raw_db + 5


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
