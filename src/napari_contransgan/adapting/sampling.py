"""Drawing batches for an adaptation: crops of the user's planes, rotated, mirrored and jittered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_contransgan.adapting.split import Part
from napari_contransgan.training.sampling import augment

TRIES = 8
LEAST_KNOWN = 0.3
"""Smallest share of a crop in which the label must be known."""
CHOOSY_SHARE = 0.5
"""In this share of draws, the crop with the most structure of three is used, since sparse fields are mostly empty."""

SCALE_JITTER = 0.2
"""Contrast and label are scaled together by up to e to this power, as for a thicker or thinner specimen."""
CONTRAST_JITTER = 0.03
"""Standard deviation of the logarithm of a factor on the contrast alone, since lamps and condensers vary."""
NOISE_JITTER = 0.08
"""Largest standard deviation of noise that is added, in units of the reference contrast."""
TILT_JITTER = 0.05
"""Largest slope of light across a crop, in units of the reference contrast."""


@dataclass(frozen=True)
class Batch:
    """Images of a step, each of shape (B, 1, H, W).

    Parameters
    ----------
    contrast, label_rad, weight : Tensor
        Input, TIE phase, and the latter's reliability.
    has_zero : Tensor of bool, shape (B,)
        Whether the label's zero is known.
    """

    contrast: torch.Tensor
    label_rad: torch.Tensor
    weight: torch.Tensor
    has_zero: torch.Tensor


def draw_batch(parts: Sequence[Part], count: int, crop_px: int, rng: np.random.Generator) -> Batch:
    """Draw crops evenly over the area of the parts, and more often from the plane in focus than from others."""
    areas = np.array([part.shape_yx[0] * part.shape_yx[1] for part in parts], np.float64)
    drawn = []
    for _ in range(count):
        part = parts[int(rng.choice(len(parts), p=areas / areas.sum()))]
        drawn.append((*_jittered(*_crop(part, crop_px, rng), rng), part.field.has_zero))
    contrast, label_rad, weight, has_zero = zip(*drawn, strict=True)
    return Batch(
        torch.stack(contrast)[:, None],
        torch.stack(label_rad)[:, None],
        torch.stack(weight)[:, None],
        torch.tensor(has_zero),
    )


def _crop(part: Part, crop_px: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    shares = np.array(part.field.plane_counts, np.float64)
    plane = part.zyx_contrast[int(rng.choice(len(shares), p=shares / shares.sum()))]
    maps = (plane, part.yx_label_rad, part.yx_weight)
    wanted = 3 if rng.random() < CHOOSY_SHARE else 1
    found: list[list[torch.Tensor]] = []
    for _ in range(TRIES):
        found.append(augment(maps, crop_px, rng))
        if float((found[-1][2] > 0).float().mean()) < LEAST_KNOWN and len(found) < TRIES:
            found.pop()
        if len(found) == wanted:
            break
    if not found:
        found.append(augment(maps, crop_px, rng))
    contrast, label_rad, weight = max(found, key=lambda one: float((one[1] * (one[2] > 0)).std()))
    return contrast, label_rad, weight


def _jittered(
    contrast: torch.Tensor, label_rad: torch.Tensor, weight: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    together = float(np.exp(rng.uniform(-SCALE_JITTER, SCALE_JITTER)))
    alone = float(np.exp(rng.normal(0, CONTRAST_JITTER)))
    noise = torch.from_numpy(rng.standard_normal(contrast.shape, np.float32)) * (NOISE_JITTER * rng.random())
    side = torch.linspace(-0.5, 0.5, contrast.shape[-1])
    tilt = TILT_JITTER * (rng.uniform(-1, 1) * side[:, None] + rng.uniform(-1, 1) * side[None, :])
    return contrast * (together * alone) + noise + tilt, label_rad * together, weight
