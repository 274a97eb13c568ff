"""Simulated pairs like those that a network was trained on, so that adapting does not make it forget them."""

import math
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from napari_contransgan.config import SimulationSettings
from napari_contransgan.models.checkpoint import ModelCard
from napari_contransgan.progress import Progress
from napari_contransgan.threads import on_threads
from napari_contransgan.training.on_the_fly import make_pair
from napari_contransgan.training.sampling import augment

Pair = tuple[torch.Tensor, torch.Tensor]
FIRST_INDEX = 50_000
"""First number of the fields, beyond those that the network was trained on."""


def replay_recipes(card: ModelCard, pixel_size_um: float) -> list[SimulationSettings]:
    """Read from a card how a network's training images were simulated; choose those with the nearest pixel size.

    The result is empty if the card does not state it.
    """
    known: list[SimulationSettings] = []
    for values in _listed(card.settings.get("simulate")):
        try:
            known.append(SimulationSettings.model_validate(values))
        except ValidationError:  # of another version of this program
            continue
    if not known:
        return []
    distances = [abs(math.log(one.microscope.pixel_size_um(one.objective) / pixel_size_um)) for one in known]
    nearest = min(distances)
    return [one for one, distance in zip(known, distances, strict=True) if distance < nearest + 0.05]


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def make_replay(recipes: Sequence[SimulationSettings], count: int, seed: int) -> Generator[Progress, None, list[Pair]]:
    """Simulate `count` pairs by the recipes, each in proportion to its number of fields.

    Returns
    -------
    list of (Tensor, Tensor)
        Contrast and phase in radians on the model's grid; empty without recipes.
    """
    if not recipes:
        return []
    rng = np.random.default_rng([seed, 7])
    shares = np.array([one.count for one in recipes], np.float64)
    pairs: list[Pair] = []
    for number in range(count):
        recipe = recipes[int(rng.choice(len(recipes), p=shares / shares.sum()))]
        with on_threads(1):
            contrast, phase_rad = make_pair(recipe, FIRST_INDEX + int(rng.integers(1_000_000)))
        pairs.append((torch.from_numpy(contrast).float(), torch.from_numpy(phase_rad).float()))
        yield Progress(number + 1, count, "simulating images like those of the network's training")
    return pairs


def draw_replay(pairs: Sequence[Pair], count: int, crop_px: int, rng: np.random.Generator) -> Pair:
    """Draw crops of replayed pairs, rotated and mirrored; shape (count, 1, crop, crop) each."""
    drawn = [augment(pairs[int(rng.integers(len(pairs)))], crop_px, rng) for _ in range(count)]
    return torch.stack([one[0] for one in drawn])[:, None], torch.stack([one[1] for one in drawn])[:, None]
