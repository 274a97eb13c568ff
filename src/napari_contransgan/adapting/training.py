"""The training of an adaptation: a few steps at a low rate from a trained network, scored on the held-out part."""

import copy
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from napari_contransgan.adapting.events import AdaptPreview, AdaptStep, PartScores
from napari_contransgan.adapting.losses import blur_px, label_loss
from napari_contransgan.adapting.replay import Pair, draw_replay
from napari_contransgan.adapting.sampling import draw_batch
from napari_contransgan.adapting.scores import Applied, FloatMap, fit_scale, fold_scale, score
from napari_contransgan.adapting.split import Split
from napari_contransgan.config import AdaptSettings, PrecisionName
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.compute import autocast
from napari_contransgan.training.losses import supervised_loss
from napari_contransgan.training.steps import MAX_GRADIENT_NORM, freeze_norms, move_average

BETTER = 0.98
"""The adapted network is kept if its error on the held-out part is at most this share of the original's."""
RAMP_STEPS = 20


@dataclass(frozen=True)
class Adapted:
    """Result of the training.

    Parameters
    ----------
    network : Module
        The better one of the adapted and the original network.
    is_better : bool
        Whether that is the adapted one.
    before, after : PartScores
        Of the original, and of `network`.
    steps : int
        Training steps done.
    """

    network: nn.Module
    is_better: bool
    before: PartScores
    after: PartScores
    steps: int


def train_adapted(
    loaded: LoadedModel, split: Split, replay: Sequence[Pair], settings: AdaptSettings, device: torch.device
) -> Generator[AdaptStep | AdaptPreview, None, Adapted]:
    """Train a copy of a network on the training parts, and return the better of the two.

    Yields
    ------
    AdaptStep
        After each step.
    AdaptPreview
        Before the first step, and after every `AdaptSettings.validate_every` steps.

    Raises
    ------
    InputError
        If the losses become infinite.
    """
    trainer = _Trainer(loaded, split, replay, settings, device)
    before_rad = trainer.kept_back_rad(trainer.original, settings.precision)
    yield trainer.preview(0, before_rad, before_rad)
    began, step = time.monotonic(), 0
    while step < settings.steps:
        done = max(step / settings.steps, (time.monotonic() - began) / (60 * settings.minutes))
        if done >= 1:
            break
        step_began = time.perf_counter()
        loss = trainer.step(step, done)
        step += 1
        speed = settings.batch_size / (time.perf_counter() - step_began)
        yield AdaptStep(step, settings.steps, "adapting the network", loss, speed)
        if step % settings.validate_every == 0 and step < settings.steps:
            yield trainer.preview(step, before_rad, trainer.kept_if_best())
    trainer.kept_if_best()
    yield AdaptStep(step, step, "fitting the scale and scoring")
    adapted, before_rad, after_rad = trainer.finish(step)
    yield trainer.preview(step, before_rad, after_rad)
    return adapted


def trained_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Make the adapted weights trainable, freeze the rest, and return the former.

    Gains and offsets of the features (normalisations and biases) and the last layer are a hundredth of all weights.
    Training them does as well as training all weights at a low rate, and takes two thirds of the time; see
    docs/background/adapting-results.md.
    """
    freed = []
    for name, values in network.named_parameters():
        values.requires_grad_(values.ndim == 1 or name.startswith("head."))
        if values.requires_grad:
            freed.append(values)
    return freed


class _Trainer:
    """Networks, optimiser and best weights of a training in progress."""

    def __init__(
        self, loaded: LoadedModel, split: Split, replay: Sequence[Pair], settings: AdaptSettings, device: torch.device
    ) -> None:
        self.split, self.replay, self.settings, self.device = split, replay, settings, device
        self.phase_ref_rad = loaded.card.phase_ref_rad
        self.original = copy.deepcopy(loaded.model).to(device).eval()
        self.network = copy.deepcopy(self.original).train().requires_grad_(True)
        freeze_norms(self.network)
        self.average = copy.deepcopy(self.original)
        self.trained = trained_parameters(self.network)
        self.optimiser = torch.optim.AdamW(self.trained, weight_decay=0.0)
        self.sigma_px = blur_px(split.learnt[0].field.pixel_size_um)
        self.own_count = settings.batch_size - (settings.replay_per_batch if replay else 0)
        self.best_rmse_rad = math.inf
        self.best = copy.deepcopy(self.average.state_dict())

    def step(self, number: int, done: float) -> float:
        """Take one step and return its loss; `done` is the elapsed share of the training."""
        rng = np.random.default_rng([self.settings.seed, number, 3])
        rate = self.settings.learning_rate * min(1.0, (number + 1) / RAMP_STEPS)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * done))
        batch = draw_batch(self.split.learnt, self.own_count, self.settings.crop_px, rng)
        contrast = batch.contrast
        replayed = self.settings.batch_size - self.own_count
        if replayed:
            known = draw_replay(self.replay, replayed, self.settings.crop_px, rng)
            contrast = torch.cat([contrast, known[0]])
        with autocast(self.device, self.settings.precision):
            output = self.network(contrast.to(self.device, memory_format=torch.channels_last))
        own, rest = output.float().split([self.own_count, replayed])
        loss = label_loss(
            own,
            (batch.label_rad / self.phase_ref_rad).to(self.device),
            batch.weight.to(self.device),
            self.sigma_px,
            batch.has_zero.to(self.device),
        ) * (self.own_count / self.settings.batch_size)
        if replayed:
            label = (known[1] / self.phase_ref_rad).to(self.device)
            loss = loss + supervised_loss(rest, label, self.phase_ref_rad) * (replayed / self.settings.batch_size)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.trained, MAX_GRADIENT_NORM)
        if not bool(torch.isfinite(loss.detach()) & torch.isfinite(norm)):
            raise InputError("adapting: the loss is not finite: lower the learning rate, or look for a damaged stack")
        self.optimiser.step()
        move_average(self.average, self.network, self.settings.ema_decay, number)
        return float(loss.detach())

    def kept_back_rad(self, network: nn.Module, precision: PrecisionName) -> list[FloatMap]:
        """Return the phase of the held-out parts."""
        applied = Applied(network, self.phase_ref_rad, self.device, precision)
        return [applied.planes_rad(part) for part in self.split.kept_back]

    def kept_if_best(self) -> list[FloatMap]:
        """Keep the averaged weights if their error, with the final scale, is the lowest so far; return their phase."""
        factor = self.scale(self.settings.precision)
        phases_rad = [factor * phase for phase in self.kept_back_rad(self.average, self.settings.precision)]
        rmse_rad = score(self.split.kept_back, phases_rad).rmse_rad
        if rmse_rad < self.best_rmse_rad:
            self.best_rmse_rad = rmse_rad
            self.best = copy.deepcopy(self.average.state_dict())
        return phases_rad

    def scale(self, precision: PrecisionName) -> float:
        """Fit the final scale of the averaged network on the training parts."""
        applied = Applied(self.average, self.phase_ref_rad, self.device, precision)
        return fit_scale(self.split.learnt, applied, np.random.default_rng([self.settings.seed, 4]))

    def finish(self, steps: int) -> tuple[Adapted, list[FloatMap], list[FloatMap]]:
        """Fit the scale, score both networks in full precision, and choose; return the phase before and after too."""
        kept_back = self.split.kept_back
        before_rad = self.kept_back_rad(self.original, "fp32")
        before = score(kept_back, before_rad)
        self.average.load_state_dict(self.best)
        fold_scale(self.average, self.scale("fp32"))
        after_rad = self.kept_back_rad(self.average, "fp32")
        after = score(kept_back, after_rad)
        if after.rmse_rad <= BETTER * before.rmse_rad:
            return Adapted(self.average.cpu(), True, before, after, steps), before_rad, after_rad
        return Adapted(self.original.cpu(), False, before, before, steps), before_rad, before_rad

    def preview(self, step: int, before_rad: Sequence[FloatMap], now_rad: Sequence[FloatMap]) -> AdaptPreview:
        """Show the plane in focus of the first part."""
        part = self.split.kept_back[0]
        plane = part.field.focus_index or 0
        label = np.where(part.yx_weight.numpy() > 0, part.yx_label_rad.numpy(), np.nan).astype(np.float32)
        return AdaptPreview(
            step,
            score(self.split.kept_back, now_rad),
            part.zyx_contrast[plane].numpy(),
            before_rad[0][plane],
            now_rad[0][plane],
            label,
        )
