"""Train the network of the error map, calibrate it, and describe what usual images look like."""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from tools.error_map.fields import Field

from napari_contransgan.inference.unusual import Known, features_of
from napari_contransgan.models.error_network import (
    BLOCK_PX,
    ErrorNetwork,
    full_size,
    log_sigma,
    planes_of,
    quantile_loss,
)

CROP_BLOCKS = 32
BATCH = 6
KNOTS = 9
WEIGHT_OF_ONE = 0.5
"""Weight of one standard deviation against two in the calibration."""


def train(fields: Sequence[Field], steps: int, seed: int = 7) -> ErrorNetwork:
    """Train with equal chances for all kinds of fields, and print the loss now and then."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = ErrorNetwork().train()
    optimiser = torch.optim.AdamW(network.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    by_kind: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = defaultdict(list)
    for one in fields:
        by_kind[one.kind].append(_prepared(one))
    kinds = list(by_kind)
    recent: list[float] = []
    for step in range(1, steps + 1):
        chosen = [by_kind[kind] for kind in rng.choice(kinds, BATCH)]
        crops = [_crop(*of_kind[rng.integers(len(of_kind))], rng) for of_kind in chosen]
        planes, error = (torch.stack([crop[part] for crop in crops]) for part in range(2))
        loss = quantile_loss(network(planes), error)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        recent.append(loss.item())
        if step % 200 == 0 or step == steps:
            print(f"step {step}: loss {np.mean(recent):.4f}", flush=True)
            recent = []
    return network.eval()


def _prepared(field: Field) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the network's input, and the errors of the pixels of each block, (16, H, W)."""
    contrast, phase, truth = _whole_blocks(field)
    size = torch.tensor([field.pixel_size_um], dtype=torch.float32)
    error = torch.nn.functional.pixel_unshuffle(phase - truth, BLOCK_PX)
    return planes_of(contrast, phase, size)[0], error[0]


def _whole_blocks(field: Field) -> list[torch.Tensor]:
    side = field.yx_phase_rad.shape[0] // BLOCK_PX * BLOCK_PX
    maps = (field.yx_contrast, field.yx_phase_rad, field.yx_truth_rad)
    return [torch.from_numpy(np.ascontiguousarray(one[:side, :side]))[None, None] for one in maps]


def _crop(planes: torch.Tensor, error: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut and turn a part, which changes none of the planes, and choose one pixel of each block."""
    y, x = rng.integers(0, planes.shape[-1] - CROP_BLOCKS + 1, 2)
    pixel = int(rng.integers(error.shape[0]))
    place = (slice(None), slice(y, y + CROP_BLOCKS), slice(x, x + CROP_BLOCKS))
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    parts = [torch.rot90(planes[place], turns, (1, 2)), torch.rot90(error[pixel : pixel + 1][place], turns, (1, 2))]
    return tuple(part.flip(2) if mirrored else part for part in parts)  # type: ignore[return-value]


def raw_log_sigma(network: ErrorNetwork, field: Field) -> NDArray[np.float32]:
    """Return the logarithm of the error before calibration, on the blocks of a field."""
    contrast, phase, _ = _whole_blocks(field)
    size = torch.tensor([field.pixel_size_um], dtype=torch.float32)
    with torch.inference_mode():
        return np.asarray(log_sigma(network(planes_of(contrast, phase, size)))[0, 0].numpy())


def calibrate(network: ErrorNetwork, fields: Sequence[Field]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit the factor of the error as a function of the error, so that every kind of field counts the same.

    In each range of errors, the factor is a geometric mean of those with which 68 % of the errors are within one, and
    95 % within two standard deviations.
    """
    logs, ratios, weights = [], [], []
    counts: dict[str, int] = defaultdict(int)
    for one in fields:
        counts[one.kind] += 1
    for one in fields:
        raw = full_size(torch.from_numpy(raw_log_sigma(network, one))[None, None])[0, 0].numpy()
        side = raw.shape[0]
        error = np.abs(one.yx_phase_rad - one.yx_truth_rad)[:side, :side]
        logs.append(raw[::3, ::3].ravel())
        ratios.append(np.log(error[::3, ::3].ravel() + 1e-6) - logs[-1])
        weights.append(np.full(logs[-1].size, 1 / counts[one.kind]))
    log, ratio, weight = (np.concatenate(parts) for parts in (logs, ratios, weights))
    limits = weighted_quantiles(log, weight, np.linspace(0, 1, KNOTS + 1))
    knots, factors = [], []
    for low, high in pairwise(limits):
        inside = (log >= low) & (log <= high)
        one, two = weighted_quantiles(ratio[inside], weight[inside], np.array([0.683, 0.954]))
        knots.append(float(np.average(log[inside], weights=weight[inside])))
        factors.append(WEIGHT_OF_ONE * one + (1 - WEIGHT_OF_ONE) * (two - math.log(2)))
    return np.array(knots, np.float32), np.array(factors, np.float32)


def weighted_quantiles(
    values: NDArray[np.floating], weights: NDArray[np.floating], levels: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return quantiles of weighted values."""
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    return np.asarray(np.interp(levels * summed[-1], summed, values[order]))


def usual(fields: Sequence[Field], others: Sequence[Field]) -> Known:
    """Describe the squares of fields, with the distances that 5 % and 1 % of others exceed."""
    features = np.stack([features_of(one.yx_contrast, one.yx_phase_rad) for one in fields])
    centre = np.median(features, axis=0)
    scale = np.maximum(1.4826 * np.median(np.abs(features - centre), axis=0), 0.05)
    sizes = np.array([one.pixel_size_um for one in fields], np.float32)
    scaled = ((features - centre) / scale).astype(np.float32)
    known = Known(sizes, scaled, centre, scale.astype(np.float32), 1.0, 1.0)
    far = [known.distance(features_of(one.yx_contrast, one.yx_phase_rad), one.pixel_size_um)[0] for one in others]
    limit, most = np.quantile(far, (0.95, 0.99))
    return Known(sizes, scaled, centre, scale.astype(np.float32), float(limit), float(most))
