"""What a network is told of the optics of each training image."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from napari_contransgan.config import TrainSettings
from napari_contransgan.models.optics_aware import numbers_of
from napari_contransgan.optics import KnownOptics
from napari_contransgan.simulation import lr_optics
from napari_contransgan.training.data import TrainingData, simulated_fields
from napari_contransgan.training.frames import FrameList
from napari_contransgan.training.sampling import PAIRED, POOL, chosen_index

TOLD = POOL + 2
"""Random stream of what is told."""
SHARE_OF_ALL, SHARE_OF_NOTHING = 0.4, 0.3
"""Shares of images of which everything is told, and nothing; of the others, each value is told with a chance of 1/2."""
COHERENCE_ERROR, FOCUS_ERROR_DEPTHS = 0.04, 0.03
"""Standard errors of what is told: S as a fraction, focus in wavelength / NA^2. Nobody knows them exactly."""


def told_of_batch(
    data: TrainingData, settings: TrainSettings, step: int, items: Sequence[int]
) -> tuple[torch.Tensor, ...]:
    """Return what the network is told of the pairs that `napari_contransgan.training.sampling.draw_pairs` draws.

    Call it afterwards, when the images that are unusable have been found.

    Returns
    -------
    tuple of Tensor
        One, of shape (items, 6); none if the network cannot be told anything.
    """
    if not settings.takes_optics:
        return ()
    lists = [data.paired_lr, data.paired_phase]
    numbers = []
    for item in items:
        index, _ = chosen_index(lists, settings, step, PAIRED, item)
        rng = np.random.default_rng([settings.seed, step, TOLD, item])
        numbers.append(numbers_of(_stated(optics_of(data, data.paired_lr, index), rng)))
    return (torch.stack(numbers),)


def told_exactly(
    data: TrainingData, frames: FrameList, index: int, settings: TrainSettings
) -> tuple[torch.Tensor, ...]:
    """Return everything that is known of one image, as `told_of_batch` does; shape (1, 6)."""
    return (numbers_of(optics_of(data, frames, index))[None],) if settings.takes_optics else ()


def optics_of(data: TrainingData, frames: FrameList, index: int) -> KnownOptics:
    """Return what is known of the optics of a training image: nothing, unless it is simulated in the run."""
    fields = simulated_fields(frames, index)
    if not fields or data.maker is None:
        return KnownOptics()
    return lr_optics(data.maker.recipes[fields[0].recipe], fields[0].index)


def _stated(optics: KnownOptics, rng: np.random.Generator) -> KnownOptics:
    """Return what somebody would state: not everything, and not exactly."""
    chance, parts = rng.random(), rng.random(3) < 0.5
    parts = parts | (chance < SHARE_OF_ALL)
    parts = parts & (chance < 1 - SHARE_OF_NOTHING)
    errors = rng.standard_normal(2)
    aperture, coherence, focus_um = optics.numerical_aperture, optics.coherence, optics.focus_um
    if coherence is not None:
        coherence *= 1 + COHERENCE_ERROR * errors[0]
    if focus_um is not None and aperture is not None:
        focus_um += FOCUS_ERROR_DEPTHS * errors[1] * optics.wavelength_um / aperture**2
    return replace(
        optics,
        numerical_aperture=aperture if parts[0] else None,
        coherence=coherence if parts[1] else None,
        focus_um=focus_um if parts[2] else None,
    )
