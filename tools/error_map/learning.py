"""Train the network of the error map, and calibrate it."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from tools.error_map.fields import Field
from tools.error_map.usual import Features, specimen_of

from napari_contransgan.inference.unusual import SPECIMENS, Known
from napari_contransgan.models.error_network import (
    BLOCK_PX,
    QUANTILES,
    ErrorNetwork,
    full_size,
    log_sigma,
    planes_of,
    quantile_loss,
)

CROP_BLOCKS = 32
BATCH = 8
CONTEXT_NOISE = 0.15
"""Standard deviation of the noise that is added to descriptions of images, so that fields are not learnt by heart."""
KNOTS = 9
WEIGHT_OF_ONE = 0.8
"""Weight of one standard deviation against two in the calibration."""
SHRINKAGE_FIELDS = 2
"""Weight of all pixel sizes, in fields, in the factor for what a field shows at one of them."""


def train(fields: Sequence[Field], features: Features, steps: int, seed: int = 7) -> ErrorNetwork:
    """Train with equal chances for all kinds of fields, and print the loss now and then."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = ErrorNetwork().train()
    optimiser = torch.optim.AdamW(network.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    by_kind: dict[str, list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]] = defaultdict(list)
    for one in fields:
        by_kind[one.kind].append((*_prepared(one), torch.from_numpy(features.context(one))))
    kinds = list(by_kind)
    recent: list[float] = []
    for step in range(1, steps + 1):
        of_kinds = [by_kind[kind] for kind in rng.choice(kinds, BATCH)]
        chosen = [of_kind[rng.integers(len(of_kind))] for of_kind in of_kinds]
        crops = [_crop(planes, error, rng) for planes, error, _ in chosen]
        planes, error = (torch.stack([crop[part] for crop in crops]) for part in range(2))
        context = torch.stack([one for _, _, one in chosen])
        loss = quantile_loss(network(planes, context + CONTEXT_NOISE * torch.randn_like(context)), error)
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


def raw_log_sigma(network: ErrorNetwork, field: Field, features: Features) -> NDArray[np.float32]:
    """Return the logarithm of the error before calibration, on the blocks of a field."""
    contrast, phase, _ = _whole_blocks(field)
    size = torch.tensor([field.pixel_size_um], dtype=torch.float32)
    context = torch.from_numpy(features.context(field))[None]
    with torch.inference_mode():
        return np.asarray(log_sigma(network(planes_of(contrast, phase, size), context))[0, 0].numpy())


@dataclass(frozen=True)
class Calibration:
    """Factors for the error, as logarithms.

    Parameters
    ----------
    log_sigma, log_factor : (K,) ndarray
        Factor as a function of the error.
    of_specimen : (G, 4) ndarray
        Further factor for each group of pixel sizes and what a field shows.
    """

    log_sigma: NDArray[np.float32]
    log_factor: NDArray[np.float32]
    of_specimen: NDArray[np.float32]


def calibrate(network: ErrorNetwork, fields: Sequence[Field], features: Features, known: Known) -> Calibration:
    """Fit the factor of the error as a function of the error, and another one for what a field shows at its pixel size.

    In each range of errors, the factor is a weighted geometric mean of those with which 68 % of the errors are within
    one, and 95 % within two standard deviations, and every kind of field counts the same. The other factor is the same
    mean of what is then left, group by group (Vovk's Mondrian conformal prediction), shrunk towards that of all pixel
    sizes where there are few fields.
    """
    logs, ratios, kinds = [], [], []
    for one in fields:
        raw = full_size(torch.from_numpy(raw_log_sigma(network, one, features))[None, None])[0, 0].numpy()
        side = raw.shape[0]
        error = np.abs(one.yx_phase_rad - one.yx_truth_rad)[:side, :side]
        logs.append(raw[::3, ::3].ravel())
        ratios.append(np.log(error[::3, ::3].ravel() + 1e-6) - logs[-1])
        kinds.append((known.group_of(one.pixel_size_um), specimen_of(one)))
    counts = Counter(one.kind for one in fields)
    weights = [np.full(log.size, 1 / counts[one.kind]) for one, log in zip(fields, logs, strict=True)]
    knots, factors = _by_size(np.concatenate(logs), np.concatenate(ratios), np.concatenate(weights))
    left = [ratio - np.interp(log, knots, factors) for log, ratio in zip(logs, ratios, strict=True)]
    of_specimen = np.zeros((len(known.groups), len(SPECIMENS)), np.float32)
    for specimen in range(len(SPECIMENS)):
        every = _factor([one for one, (_, other) in zip(left, kinds, strict=True) if other == specimen])
        for group in range(len(known.groups)):
            own = [one for one, kind in zip(left, kinds, strict=True) if kind == (group, specimen)]
            mixed = len(own) * (_factor(own) if own else 0.0) + SHRINKAGE_FIELDS * every
            of_specimen[group, specimen] = mixed / (len(own) + SHRINKAGE_FIELDS)
    return Calibration(knots, factors, of_specimen)


def _by_size(
    log: NDArray[np.floating], ratio: NDArray[np.floating], weight: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    limits = weighted_quantiles(log, weight, np.linspace(0, 1, KNOTS + 1))
    knots, factors = [], []
    for low, high in pairwise(limits):
        inside = (log >= low) & (log <= high)
        knots.append(float(np.average(log[inside], weights=weight[inside])))
        factors.append(_mixed(*weighted_quantiles(ratio[inside], weight[inside], np.array(QUANTILES))))
    return np.array(knots, np.float32), np.array(factors, np.float32)


def _factor(left: Sequence[NDArray[np.floating]]) -> float:
    return _mixed(*np.quantile(np.concatenate(left), QUANTILES))


def _mixed(one: float, two: float) -> float:
    return float(WEIGHT_OF_ONE * one + (1 - WEIGHT_OF_ONE) * (two - math.log(2)))


def weighted_quantiles(
    values: NDArray[np.floating], weights: NDArray[np.floating], levels: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return quantiles of weighted values."""
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    return np.asarray(np.interp(levels * summed[-1], summed, values[order]))
