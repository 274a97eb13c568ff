"""Describe what usual images look like, and train the classifier that notices images of other kinds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tools.error_map.fields import Field
from torch import nn

from napari_contransgan.inference.features import features_of, squares_of
from napari_contransgan.inference.unusual import (
    KINDS,
    ODDS_STEP,
    SPECIMENS,
    Classifier,
    Known,
    context_of,
    grouped,
)
from napari_contransgan.models.error_network import CONTEXT

LEAST_SCALE = 0.05
HIDDEN = 32
STEPS, BATCH = 1500, 256
NOISE = 0.15
"""Standard deviation of the noise that is added to the classifier's input."""
USUAL_WEIGHT = 3.0
"""Chance of a usual square in a batch, compared with that of each strange kind."""
ALARMS = 0.05
FAR_ALARMS = 0.01
"""Fraction of usual squares beyond the limits, and of those that count as unlike all training images."""


@dataclass(frozen=True)
class Features:
    """Centre and spread of the features of training fields.

    Parameters
    ----------
    centre, scale : (F,) ndarray
        Median and robust spread.
    """

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]

    def scaled(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features in units of their spread, from their centre."""
        return np.asarray((features - self.centre) / self.scale, np.float32)

    def context(self, field: Field) -> NDArray[np.float32]:
        """Return the description of a field."""
        return context_of(self.scaled(_squares(field)[0]), field.pixel_size_um)


def features_known(fields: Sequence[Field]) -> Features:
    """Return the centre and the spread of the features of fields."""
    features = np.stack([_squares(one)[0] for one in fields])
    centre = np.median(features, axis=0)
    scale = np.maximum(1.4826 * np.median(np.abs(features - centre), axis=0), LEAST_SCALE)
    return Features(centre.astype(np.float32), scale.astype(np.float32))


def specimen_of(field: Field) -> int:
    """Return what a field shows, as a number of `SPECIMENS`."""
    return SPECIMENS.index(field.kind.split()[0])


def usual(
    features: Features, learnt: Sequence[Field], strange: Sequence[Field], others: Sequence[Field]
) -> tuple[Known, dict[str, NDArray[np.generic]]]:
    """Describe the squares of fields, with limits from other fields; also return arrays for the file."""
    sizes = np.array([one.pixel_size_um for one in learnt], np.float32)
    scaled = np.stack([features.scaled(_squares(one)[0]) for one in learnt]).astype(np.float16)
    specimens = np.array([specimen_of(one) for one in learnt], np.uint8)
    groups = grouped(sizes, scaled.astype(np.float32), specimens.astype(np.intp))
    layers = _trained(features, learnt, strange)
    known = Known(groups, features.centre, features.scale, 1.0, Classifier(layers, 0.0), 1.0)
    parts = np.array([_parts(known, one) for one in others])
    near, odds = _limits(parts)
    ratio = np.maximum(parts[:, 0] / near, np.exp((parts[:, 1] - odds) / ODDS_STEP))
    far = float(np.quantile(ratio, 1 - FAR_ALARMS))
    known = Known(groups, features.centre, features.scale, near, Classifier(layers, odds), far)
    arrays: dict[str, NDArray[np.generic]] = {
        "known.pixel_sizes_um": sizes,
        "known.features": scaled,
        "known.specimens": specimens,
        "known.centre": features.centre,
        "known.scale": features.scale,
        "known.limits": np.array([near, odds, far], np.float32),
    }
    for number, (weights, biases) in enumerate(layers):
        arrays |= {f"classifier.weights.{number}": weights, f"classifier.biases.{number}": biases}
    return known, arrays


def _squares(field: Field) -> list[NDArray[np.float32]]:
    shape = (field.yx_contrast.shape[0], field.yx_contrast.shape[1])
    return [features_of(field.yx_contrast[place], field.yx_phase_rad[place]) for place in squares_of(shape)]


def _trained(
    features: Features, learnt: Sequence[Field], strange: Sequence[Field], seed: int = 1
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
    """Train the classifier with equal chances for all strange kinds."""
    inputs, kinds = [], []
    for number, one in [*((0, field) for field in learnt), *((KINDS.index(field.kind), field) for field in strange)]:
        for square in _squares(one):
            inputs.append(context_of(features.scaled(square), one.pixel_size_um))
            kinds.append(number)
    values, target = torch.from_numpy(np.stack(inputs)), torch.tensor(kinds)
    counts = torch.bincount(target, minlength=len(KINDS)).clamp(min=1)
    chances = (torch.where(torch.arange(len(KINDS)) == 0, USUAL_WEIGHT, 1.0) / counts)[target]
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(CONTEXT, HIDDEN), nn.LeakyReLU(0.1), nn.Linear(HIDDEN, len(KINDS)))
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        chosen = torch.multinomial(chances, BATCH, replacement=True)
        noisy = values[chosen] + NOISE * torch.randn(BATCH, CONTEXT)
        loss = nn.functional.cross_entropy(network(noisy), target[chosen], label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    return tuple((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear)


def _parts(known: Known, field: Field) -> tuple[float, float]:
    """Return the distance of a field from training fields, and the logarithm of the odds for a strange kind."""
    scaled = (_squares(field)[0] - known.centre) / known.scale
    distance, _ = known.groups[known.group_of(field.pixel_size_um)].nearest(scaled)
    strange, _ = known.classifier.strangeness(context_of(scaled, field.pixel_size_um))
    return distance, ODDS_STEP * float(np.log(strange))


def _limits(parts: NDArray[np.floating]) -> tuple[float, float]:
    """Return limits that the same fraction of usual fields exceeds, so that `ALARMS` exceed one or both."""

    def alarms(level: float) -> tuple[float, NDArray[np.floating]]:
        limits = np.quantile(parts, level, axis=0)
        return float(np.mean((parts > limits).any(axis=1))), limits

    levels = np.linspace(1 - ALARMS, 1, 200, endpoint=False)
    _, limits = min((alarms(level) for level in levels), key=lambda pair: abs(pair[0] - ALARMS))
    return float(limits[0]), float(limits[1])
