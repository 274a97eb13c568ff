"""Scores of the averaged network on held-out pairs while a run goes on."""

import math

import numpy as np
import torch
from torch import nn

from napari_contransgan.config import TrainSettings
from napari_contransgan.evaluation import evaluate
from napari_contransgan.models.compute import autocast
from napari_contransgan.training.data import TrainingData
from napari_contransgan.training.events import Validated
from napari_contransgan.training.frames import FrameList

MAX_FIELDS = 24
DATA_RANGE_RAD = 4.0
"""Fixed for every run, so that runs can be compared; the final scores use each specimen's own range."""


def validate(
    network: nn.Module, data: TrainingData, settings: TrainSettings, device: torch.device, step: int
) -> Validated:
    """Score up to 24 held-out fields, cut to the training crop; without pairs, show an example without scores."""
    network.eval()
    has_labels = len(data.held_out_lr) > 0
    frames = data.held_out_lr if has_labels else data.unpaired_lr
    scores = []
    example: tuple[torch.Tensor, torch.Tensor, torch.Tensor | None] | None = None
    stride = max(1, len(frames) // MAX_FIELDS)
    for index in range(0, len(frames), stride)[: MAX_FIELDS if has_labels else 1]:
        contrast = _centre(frames, index, settings.crop_px)
        with torch.inference_mode(), autocast(device, settings.precision):
            output = network(contrast[None, None].to(device, memory_format=torch.channels_last))
        output_rad = output[0, 0].float().cpu() * settings.phase_ref_rad
        label_rad = _centre(data.held_out_phase, index, settings.crop_px) if has_labels else None
        # An empty field has nothing to be structurally similar to.
        if label_rad is not None and label_rad.min() < label_rad.max():
            scores.append(evaluate(output_rad.numpy(), label_rad.numpy(), data_range_rad=DATA_RANGE_RAD))
        example = example or (contrast, output_rad, label_rad)
    if example is None:
        raise RuntimeError("validation needs at least one image")
    slopes = [score.slope for score in scores if math.isfinite(score.slope)]
    return Validated(
        step=step,
        ssim=_mean([score.ssim for score in scores]),
        psnr_db=_mean([score.psnr_db for score in scores]),
        slope=_mean(slopes),
        ssim_zero=_mean([score.ssim_zero for score in scores]),
        psnr_zero_db=_mean([score.psnr_zero_db for score in scores]),
        yx_input=example[0].numpy(),
        yx_output_rad=example[1].numpy(),
        yx_label_rad=None if example[2] is None else example[2].numpy(),
    )


def _centre(frames: FrameList, index: int, crop_px: int) -> torch.Tensor:
    image = frames.load(index, crop_px)
    top, left = ((side - crop_px) // 2 for side in image.shape)
    return image[top : top + crop_px, left : left + crop_px]


def _mean(values: list[float]) -> float:
    """Mean of the finite values; an exact match has an infinite PSNR and would swamp the others."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
