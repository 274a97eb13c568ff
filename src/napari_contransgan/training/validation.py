"""Scores of the averaged network on held-out pairs during a run, and fixed images for previews."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from napari_contransgan.config import TrainSettings
from napari_contransgan.evaluation import Scores, evaluate
from napari_contransgan.models.compute import autocast
from napari_contransgan.training.data import TrainingData
from napari_contransgan.training.events import Preview, Validated
from napari_contransgan.training.frames import FrameList
from napari_contransgan.training.known_optics import told_exactly
from napari_contransgan.training.sampling import load_together

MAX_FIELDS = 24
DATA_RANGE_RAD = 4.0
"""Data range of every run's scores, so that runs can be compared; final scores use each specimen's own range."""


def validate(
    networks: nn.ModuleDict, data: TrainingData, settings: TrainSettings, device: torch.device, step: int
) -> Validated:
    """Score up to 24 held-out fields, cut to the training crop; without pairs, show previews without scores.

    A network that takes optics is told them.

    Parameters
    ----------
    networks : ModuleDict
        With ``ema``, which is scored, and optionally ``to_lr``, which translates its phase back for the previews.
    data, settings, device, step
        Of the run.
    """
    networks.eval()
    has_labels = len(data.held_out_lr) > 0
    lists = (data.held_out_lr, data.held_out_phase) if has_labels else (data.unpaired_lr,)
    chosen = scored_fields(data) if has_labels else _spread(lists, settings.previews)
    scores: list[Scores] = []
    previews: list[Preview] = []
    for place, index in enumerate(chosen):
        maps = load_together(lists, index, settings.crop_px)
        if maps is None:  # damaged since it was checked; the next validation chooses without it
            continue
        contrast = _centre(maps[0], settings.crop_px)
        label_rad = _centre(maps[1], settings.crop_px).numpy() if has_labels else None
        shown = place % max(1, len(chosen) // settings.previews) == 0 and len(previews) < settings.previews
        told = told_exactly(data, data.held_out_lr, index, settings) if has_labels else ()
        output, cycled = _apply(networks, contrast, told, settings, device, turn_back=shown)
        output_rad = (output * settings.phase_ref_rad).numpy()
        # Structural similarity is undefined on an empty field.
        if label_rad is not None and label_rad.min() < label_rad.max():
            scores.append(evaluate(output_rad, label_rad, data_range_rad=DATA_RANGE_RAD))
        if shown:
            cycled_contrast = None if cycled is None else cycled.numpy()
            previews.append(Preview(contrast.numpy(), output_rad, cycled_contrast, label_rad))
    return Validated(
        step=step,
        ssim=_mean([score.ssim for score in scores]),
        psnr_db=_mean([score.psnr_db for score in scores]),
        slope=_mean([score.slope for score in scores]),
        ssim_zero=_mean([score.ssim_zero for score in scores]),
        psnr_zero_db=_mean([score.psnr_zero_db for score in scores]),
        previews=tuple(previews),
    )


def scored_fields(data: TrainingData) -> list[int]:
    """Return the indices of the scored held-out pairs, evenly spaced over those that are not left out."""
    return _spread((data.held_out_lr, data.held_out_phase), MAX_FIELDS)


def _spread(lists: Sequence[FrameList], count: int) -> list[int]:
    good = [index for index in range(len(lists[0])) if not any(one.is_bad(index) for one in lists)]
    return good[:: max(1, len(good) // count)][:count]


def _apply(
    networks: nn.ModuleDict,
    contrast: torch.Tensor,
    told: tuple[torch.Tensor, ...],
    settings: TrainSettings,
    device: torch.device,
    *,
    turn_back: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute phase in units of the reference phase, and the contrast from it; (H, W) each, on the CPU."""
    with torch.inference_mode(), autocast(device, settings.precision):
        image = contrast[None, None].to(device, memory_format=torch.channels_last)
        output = networks["ema"](image, *(numbers.to(device) for numbers in told))
        cycled = networks["to_lr"](output) if turn_back and "to_lr" in networks else None
    return output[0, 0].float().cpu(), None if cycled is None else cycled[0, 0].float().cpu()


def _centre(image: torch.Tensor, crop_px: int) -> torch.Tensor:
    top, left = ((side - crop_px) // 2 for side in image.shape)
    return image[top : top + crop_px, left : left + crop_px]


def _mean(values: list[float]) -> float:
    """Return the mean of the finite values; an exact match has an infinite PSNR and would dominate the others."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
