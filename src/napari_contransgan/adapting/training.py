"""The training of an adaptation: a few steps at a low rate from a trained network, scored on the held-out part."""

import copy
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from napari_contransgan.adapting.events import AdaptPreview, AdaptStep, PartScores
from napari_contransgan.adapting.losses import blur_px, label_loss
from napari_contransgan.adapting.replay import Pair, draw_replay
from napari_contransgan.adapting.sampling import draw_batch
from napari_contransgan.adapting.scores import (
    Applied,
    FloatMap,
    Phases,
    fit_scale,
    fold_scale,
    learnt_windows,
    levelled_square,
    score,
    slope_on,
)
from napari_contransgan.adapting.split import Split
from napari_contransgan.config import AdaptSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.compute import autocast
from napari_contransgan.models.tile_gain import GainSample, TileGain, fit_gain
from napari_contransgan.training.losses import supervised_loss
from napari_contransgan.training.steps import MAX_GRADIENT_NORM, freeze_norms, move_average

BETTER, CLOSER = 0.98, 0.03
"""An adapted network is kept if its error on the user's field is at most this share of the original's, or its slope is
closer to 1 by this much with an error that is not larger."""
NOT_WORSE, NOT_FAR_WORSE = 1.02, 1.25
"""Largest share of the original's error on the user's field, and on the few simulated fields."""
RAMP_STEPS = 20
LEAST_ERROR_RAD = 1e-6


@dataclass(frozen=True)
class Material:
    """Simulated pairs of contrast and phase in radians, besides the user's fields.

    Parameters
    ----------
    replay : sequence of (Tensor, Tensor)
        Like those that the network was trained on.
    simulated, held_out : sequence of (Tensor, Tensor)
        Of the fitted microscope, to learn from and to be scored on; empty if none could be fitted.
    is_measured : bool
        Whether the planes of the user's fields were recorded, not simulated of their phase. A phase that is a little
        blurred makes images that look too weak to a network.
    """

    replay: Sequence[Pair] = ()
    simulated: Sequence[Pair] = ()
    held_out: Sequence[Pair] = ()
    is_measured: bool = True


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
    gain : TileGain or None
        Factor for each tile, where the network is used at several focus positions.
    """

    network: nn.Module
    is_better: bool
    before: PartScores
    after: PartScores
    steps: int
    gain: TileGain | None


def train_adapted(
    loaded: LoadedModel, split: Split, material: Material, settings: AdaptSettings, device: torch.device
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
    trainer = _Trainer(loaded, split, material, settings, device)
    yield trainer.preview(0, trainer.before.kept_back)
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
            yield trainer.preview(step, trainer.kept_back_rad())
    yield AdaptStep(step, step, "fitting the scale and scoring")
    adapted, after_rad = trainer.finish(step)
    yield trainer.preview(step, after_rad)
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
        self, loaded: LoadedModel, split: Split, material: Material, settings: AdaptSettings, device: torch.device
    ) -> None:
        self.loaded, self.split, self.material = loaded, split, material
        self.settings, self.device = settings, device
        self.phase_ref_rad = loaded.card.phase_ref_rad
        self.original = copy.deepcopy(loaded.model).to(device).eval()
        self.network = copy.deepcopy(self.original).train().requires_grad_(True)
        freeze_norms(self.network)
        self.average = copy.deepcopy(self.original)
        self.trained = trained_parameters(self.network)
        self.optimiser = torch.optim.AdamW(self.trained, weight_decay=0.0)
        self.sigma_px = blur_px(split.learnt[0].field.pixel_size_um)
        replayed = settings.replay_per_batch if material.replay else 0
        simulated = settings.simulated_per_batch if material.simulated else 0
        if simulated and not material.is_measured:
            simulated = settings.batch_size - replayed - max(1, settings.batch_size // 4)
        self.shares = ((material.replay, replayed), (material.simulated, simulated))
        self.own_count = settings.batch_size - replayed - simulated
        self.windows = learnt_windows(split.learnt, np.random.default_rng([settings.seed, 4]))
        self.follows_focus = any(len(part.field.zyx_contrast) > 1 for part in split.learnt)
        self.before = self.phases(self.original, loaded.card.tile_gain)

    def step(self, number: int, done: float) -> float:
        """Take one step and return its loss; `done` is the elapsed share of the training."""
        rng = np.random.default_rng([self.settings.seed, number, 3])
        rate = self.settings.learning_rate * min(1.0, (number + 1) / RAMP_STEPS)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * done))
        batch = draw_batch(self.split.learnt, self.own_count, self.settings.crop_px, rng)
        pairs = [draw_replay(pairs, count, self.settings.crop_px, rng) for pairs, count in self.shares if count]
        contrast = torch.cat([batch.contrast, *(pair[0] for pair in pairs)])
        with autocast(self.device, self.settings.precision):
            output = self.network(contrast.to(self.device, memory_format=torch.channels_last))
        own, rest = output.float().split([self.own_count, self.settings.batch_size - self.own_count])
        own_share = self.own_count / self.settings.batch_size
        loss = own_share * label_loss(
            own,
            (batch.label_rad / self.phase_ref_rad).to(self.device),
            batch.weight.to(self.device),
            self.sigma_px,
            batch.has_zero.to(self.device),
        )
        if pairs:
            label = (torch.cat([pair[1] for pair in pairs]) / self.phase_ref_rad).to(self.device)
            loss = loss + (1 - own_share) * supervised_loss(rest, label, self.phase_ref_rad)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.trained, MAX_GRADIENT_NORM)
        if not bool(torch.isfinite(loss.detach()) & torch.isfinite(norm)):
            raise InputError("adapting: the loss is not finite: lower the learning rate, or look for a damaged stack")
        self.optimiser.step()
        move_average(self.average, self.network, self.settings.ema_decay, number)
        return float(loss.detach())

    def phases(self, network: nn.Module, gain: TileGain | None = None) -> Phases:
        """Return the phase of everything that networks are scored on."""
        applied = Applied(network, self.phase_ref_rad, self.device, self.settings.precision, gain)
        return Phases(
            tuple(applied.planes_rad(part) for part in self.split.kept_back),
            tuple(applied.planes_rad(part) for part in self.windows),
            tuple(applied.phase_rad(contrast) for contrast, _ in self.material.held_out),
        )

    def kept_back_rad(self) -> tuple[FloatMap, ...]:
        """Return the phase of the held-out parts by the network now."""
        applied = Applied(self.average, self.phase_ref_rad, self.device, self.settings.precision)
        return tuple(applied.planes_rad(part) for part in self.split.kept_back)

    def finish(self, steps: int) -> tuple[Adapted, tuple[FloatMap, ...]]:
        """Choose the adapted network, or else the original with a scale, or else as it is; return its phase too."""
        chosen, chosen_gain, after = self.original, self.loaded.card.tile_gain, self.before
        for network in (self.average, self.original):
            is_known = network is self.original and self.loaded.card.tile_gain is None
            phases = self.before if is_known else self.phases(network)
            gain = self.gain(network, phases) if self.follows_focus else None
            if gain is not None:
                phases = self.phases(network, gain)
            factor = self.scale(phases)
            scaled = phases.times(factor)
            if self.is_better(scaled):
                chosen, after = copy.deepcopy(network), scaled
                chosen_gain = gain.times(factor) if gain is not None else None
                fold_scale(chosen, factor if gain is None else 1.0)
                break
        scores = [score(self.split.kept_back, phases.kept_back) for phases in (self.before, after)]
        is_better = chosen is not self.original
        return Adapted(chosen.cpu(), is_better, scores[0], scores[1], steps, chosen_gain), after.kept_back

    def gain(self, network: nn.Module, phases: Phases) -> TileGain | None:
        """Fit a factor for each tile to all planes of the windows, and to the simulated fields."""
        applied = Applied(network, self.phase_ref_rad, self.device, self.settings.precision)
        samples = []
        for window, zyx_phase_rad in zip(self.windows, phases.learnt, strict=True):
            for plane, yx_phase_rad in enumerate(zyx_phase_rad):
                alone = replace(window, field=window.field.only(plane))
                found = score([alone], [yx_phase_rad[None]])
                spread_rad = float(window.yx_label_rad.std())
                yx_output = yx_phase_rad / self.phase_ref_rad
                samples.append(GainSample(alone.zyx_contrast[0].numpy(), yx_output, found.slope, spread_rad))
        learnt_rad = [applied.phase_rad(contrast) for contrast, _ in self.material.simulated]
        pairs = (*self.material.simulated, *self.material.held_out)
        for yx_phase_rad, (contrast, label) in zip((*learnt_rad, *phases.simulated), pairs, strict=True):
            slope, spread_rad = slope_on([yx_phase_rad], [label.numpy()]), float(label.std())
            samples.append(GainSample(contrast.numpy(), yx_phase_rad / self.phase_ref_rad, slope, spread_rad))
        return fit_gain(samples)

    def scale(self, phases: Phases) -> float:
        """Return the factor that brings the slope of phases to 1."""
        simulated_slope = self.simulated_slope(phases) if self.material.held_out else None
        has_own = self.material.is_measured or simulated_slope is None
        return fit_scale(score(self.windows, phases.learnt).slope if has_own else None, simulated_slope)

    def is_better(self, phases: Phases) -> bool:
        """Return whether phases are better than the original's on the user's field, and not far worse elsewhere.

        Where the planes of that field are simulated too, the slope on the simulated fields with exact phase decides.
        """
        before, after = self.own_scores(self.before), self.own_scores(phases)
        error = after.rmse_rad / max(before.rmse_rad, LEAST_ERROR_RAD)
        slopes = before.slope, after.slope
        by_slope = bool(self.material.held_out) and not self.material.is_measured
        if by_slope:
            slopes = self.simulated_slope(self.before), self.simulated_slope(phases)
        is_closer = abs(slopes[0] - 1) - abs(slopes[1] - 1) >= CLOSER
        is_better = (error <= NOT_WORSE and is_closer) or (error <= BETTER and not by_slope)
        return is_better and self.simulated_square(phases) <= NOT_FAR_WORSE**2 * self.simulated_square(self.before)

    def simulated_slope(self, phases: Phases) -> float:
        """Return the slope on the held-out simulated fields."""
        return slope_on(phases.simulated, [label.numpy() for _, label in self.material.held_out])

    def own_scores(self, phases: Phases) -> PartScores:
        """Return the scores on the user's field: a strip alone holds too few cells to choose by."""
        return score([*self.split.kept_back, *self.windows], [*phases.kept_back, *phases.learnt])

    def simulated_square(self, phases: Phases) -> float:
        """Return the mean squared error on the held-out simulated fields; 0 if there are none."""
        pairs = zip(phases.simulated, self.material.held_out, strict=True)
        squares = [levelled_square(phase, label.numpy()) for phase, (_, label) in pairs]
        return sum(squares) / len(squares) if squares else 0.0

    def preview(self, step: int, now_rad: Sequence[FloatMap]) -> AdaptPreview:
        """Show the plane in focus of the first part."""
        part = self.split.kept_back[0]
        plane = part.field.focus_index or 0
        label = np.where(part.yx_weight.numpy() > 0, part.yx_label_rad.numpy(), np.nan).astype(np.float32)
        return AdaptPreview(
            step,
            score(self.split.kept_back, now_rad),
            part.zyx_contrast[plane].numpy(),
            self.before.kept_back[0][plane],
            now_rad[0][plane],
            label,
        )
