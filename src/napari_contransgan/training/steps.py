"""One optimiser step: supervised on pairs, or CycleGAN on unpaired images."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_contransgan.config import TrainSettings
from napari_contransgan.models.compute import autocast
from napari_contransgan.training.data import TrainingData
from napari_contransgan.training.engine import Engine
from napari_contransgan.training.known_optics import told_of_batch
from napari_contransgan.training.losses import (
    gradient_penalty,
    lsgan_discriminator,
    lsgan_generator,
    supervised_loss,
)
from napari_contransgan.training.physics import ForwardModel, physics_loss
from napari_contransgan.training.recipe import (
    is_supervised,
    learning_rate,
    warm_start_steps,
    weights_of,
)
from napari_contransgan.training.sampling import POOL, UNPAIRED_LR, UNPAIRED_PHASE, draw_pairs, draw_single
from napari_contransgan.training.state import GENERATORS, JUDGES, WARM, RunState

MAX_GRADIENT_NORM = 1.0
NOISE = POOL + 1
"""Random stream of the noise on generated images, after those of the data."""


@dataclass(frozen=True)
class _Unpaired:
    """One part of an unpaired batch, each of shape (b, 1, H, W); phase in units of the reference phase."""

    items: Sequence[int]
    lr: torch.Tensor
    phase: torch.Tensor


@dataclass(frozen=True)
class _Made:
    """The generators' images of a part, detached from the gradients."""

    phase: torch.Tensor
    lr: torch.Tensor


def train_step(
    state: RunState,
    data: TrainingData,
    settings: TrainSettings,
    engine: Engine,
    physics: ForwardModel | None = None,
) -> dict[str, float]:
    """Take one step in place and return its losses by name, over the whole batch of all processes.

    A step that is not finite is counted but undone: weights, norm statistics, average and pools stay as they were, and
    its losses are nan.
    """
    warm = warm_start_steps(settings)
    place = state.place(settings)
    rate = state.rate_factor * learning_rate(settings, state.step, place)
    for optimiser in state.optimisers.values():
        for group in optimiser.param_groups:
            group["lr"] = rate
    state.networks.train()
    # Without a warm start the norms freeze at the same share of the whole run, for the same reason.
    if place >= settings.freeze_norms_at * (warm or settings.steps):
        freeze_norms(state.networks["to_phase"])
    data.prepare(settings, state.step, engine.items)
    statistics = _norm_statistics(state.networks)
    before = [value.clone() for value in statistics]
    if is_supervised(settings, state.step, place):
        optimiser = state.optimisers[WARM if place < warm else GENERATORS]
        losses = _supervised_step(state, data, settings, engine, optimiser)
    else:
        losses = _unpaired_step(state, data, settings, engine, physics)
    if all(map(math.isfinite, losses.values())):
        engine.average_statistics(state.networks)
        update_average(state, settings.ema_decay)
    else:
        # The forward pass has already changed the statistics.
        for value, old in zip(statistics, before, strict=True):
            value.copy_(old)
    state.step += 1
    if place < warm:
        state.warm_steps = state.step
    state.is_whole = True
    return losses


def _norm_statistics(networks: nn.ModuleDict) -> list[torch.Tensor]:
    return [value for name, value in networks.named_buffers() if not name.startswith("ema.")]


def freeze_norms(network: nn.Module) -> None:
    """Freeze the statistics of batch norms at those gathered so far."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def update_average(state: RunState, decay: float) -> None:
    """Move the averaged weights of a run towards the current ones."""
    move_average(state.networks["ema"], state.networks["to_phase"], decay, state.step)


@torch.no_grad()
def move_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move averaged weights towards a network's; the decay warms up, so that the average follows early changes."""
    decay = min(decay, (1 + step) / (10 + step))
    current = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1 - decay)
        else:
            value.copy_(current[name])


def _supervised_step(
    state: RunState, data: TrainingData, settings: TrainSettings, engine: Engine, optimiser: torch.optim.Optimizer
) -> dict[str, float]:
    # Draw all parts before computing any, so that an unreadable image leaves the state unchanged.
    batch = [draw_pairs(data.paired_lr, data.paired_phase, settings, state.step, items=items) for items in engine.parts]
    told = [told_of_batch(data, settings, state.step, items) for items in engine.parts]
    state.is_whole = False
    found = []
    optimiser.zero_grad(set_to_none=True)
    for number in _each_part(state, engine):
        contrast, phase_rad = batch[number]
        label = phase_rad.to(engine.device) / settings.phase_ref_rad
        with engine.gathering(["to_phase"], number):
            with autocast(engine.device, settings.precision):
                known = (numbers.to(engine.device) for numbers in told[number])
                output = engine.wrapped["to_phase"](_to(contrast, engine.device), *known)
            loss = supervised_loss(output.float(), label, settings.phase_ref_rad)
            engine.fabric.backward(loss / len(engine.parts))
        found.append({"supervised": loss.detach()})
    losses = _means(found, engine)
    if not _is_sound(losses, state.networks["to_phase"].parameters()):
        return dict.fromkeys(losses, math.nan)
    optimiser.step()
    return losses


def _unpaired_step(
    state: RunState, data: TrainingData, settings: TrainSettings, engine: Engine, physics: ForwardModel | None
) -> dict[str, float]:
    nets = state.networks
    batch = [_draw_unpaired(data, settings, state.step, items, engine.device) for items in engine.parts]
    state.is_whole = False
    generators = [*nets["to_phase"].parameters(), *nets["to_lr"].parameters()]
    state.optimisers[GENERATORS].zero_grad(set_to_none=True)
    made, found = [], []
    with _held(nets["judge_phase"], nets["judge_lr"]):
        for number in _each_part(state, engine):
            with engine.gathering(["to_phase", "to_lr"], number):
                part_losses, made_of_part = _generate(state, engine, batch[number], settings, physics)
                engine.fabric.backward(_total(part_losses, settings) / len(batch))
            found.append({name: loss.detach() for name, loss in part_losses.items()})
            made.append(made_of_part)
    losses_of_generators = _means(found, engine)
    if not _is_sound(losses_of_generators, generators):
        return dict.fromkeys([*losses_of_generators, "discriminators"], math.nan)
    pools = {name: pool.images for name, pool in state.pools.items()}
    judged = _judge(state, engine, batch, _with_old(state, engine, made, settings), settings)
    judges = [*nets["judge_phase"].parameters(), *nets["judge_lr"].parameters()]
    losses = losses_of_generators | judged
    # Either generators and discriminators both take their step, or neither does.
    if not _is_sound(judged, judges):
        for name, images in pools.items():
            state.pools[name].images = images
        return dict.fromkeys(losses, math.nan)
    state.optimisers[GENERATORS].step()
    state.optimisers[JUDGES].step()
    return losses


def _draw_unpaired(
    data: TrainingData, settings: TrainSettings, step: int, items: Sequence[int], device: torch.device
) -> _Unpaired:
    lr = draw_single(data.unpaired_lr, settings, step, UNPAIRED_LR, items=items)
    phase_rad = draw_single(data.unpaired_phase, settings, step, UNPAIRED_PHASE, items=items)
    return _Unpaired(items, _to(lr, device), _to(phase_rad, device) / settings.phase_ref_rad)


def _generate(
    state: RunState, engine: Engine, part: _Unpaired, settings: TrainSettings, physics: ForwardModel | None
) -> tuple[dict[str, torch.Tensor], _Made]:
    """Compute the generators' losses, there and back; the discriminators judge but do not learn."""
    nets, weights = state.networks, weights_of(settings)
    to_phase, to_lr = engine.wrapped["to_phase"], engine.wrapped["to_lr"]
    with autocast(engine.device, settings.precision):
        made_phase, made_lr = to_phase(part.lr), to_lr(part.phase)
        hidden = _noise(weights.cycle_noise, settings, state.step, part)
        cycled_lr, cycled_phase = to_lr(made_phase + hidden[0]), to_phase(made_lr + hidden[1])
        verdicts = nets["judge_phase"](made_phase), nets["judge_lr"](made_lr)
    losses = {
        "generators": lsgan_generator(verdicts[0].float()) + lsgan_generator(verdicts[1].float()),
        "cycle": functional.l1_loss(cycled_lr, part.lr) + functional.l1_loss(cycled_phase, part.phase),
    }
    if physics is not None and weights.physics:
        losses["physics"] = physics_loss(physics, made_phase.float() * settings.phase_ref_rad, part.lr)
    return losses, _Made(made_phase.detach(), made_lr.detach())


def _total(losses: dict[str, torch.Tensor], settings: TrainSettings) -> torch.Tensor:
    weights = weights_of(settings)
    total = weights.gan * losses["generators"] + weights.cycle * losses["cycle"]
    return total + weights.physics * losses["physics"] if "physics" in losses else total


def _noise(
    size: float, settings: TrainSettings, step: int, part: _Unpaired
) -> tuple[torch.Tensor | float, torch.Tensor | float]:
    if not size:
        return 0.0, 0.0
    drawn = [
        np.random.default_rng([settings.seed, step, NOISE, item]).standard_normal((2, *part.lr.shape[1:]), np.float32)
        for item in part.items
    ]
    noise = size * torch.from_numpy(np.stack(drawn, axis=1)).to(part.lr.device)
    return noise[0], noise[1]


def _with_old(state: RunState, engine: Engine, made: Sequence[_Made], settings: TrainSettings) -> _Made:
    """Exchange all processes' images with the pools, which are equal in each, and return this process's share."""
    rng = np.random.default_rng([settings.seed, state.step, POOL])
    phase, lr = (
        engine.own_images(state.pools[name].exchange(engine.all_images(torch.cat(images)), rng))
        for name, images in (("phase", [one.phase for one in made]), ("lr", [one.lr for one in made]))
    )
    return _Made(phase, lr)


def _judge(
    state: RunState, engine: Engine, batch: Sequence[_Unpaired], old: _Made, settings: TrainSettings
) -> dict[str, float]:
    """Compute the discriminators' losses on real and generated images; report them without the penalty."""
    weight = weights_of(settings).gradient_penalty
    state.optimisers[JUDGES].zero_grad(set_to_none=True)
    found = []
    for number in _each_part(state, engine):
        part = batch[number]
        rows = slice(number * len(part.items), (number + 1) * len(part.items))
        with engine.gathering(["judge_phase", "judge_lr"], number):
            losses, penalties = [], []
            for name, real, made in (("judge_phase", part.phase, old.phase), ("judge_lr", part.lr, old.lr)):
                shown = real.clone().requires_grad_() if weight else real
                with autocast(engine.device, settings.precision):
                    on_real, on_made = engine.wrapped[name](shown).float(), engine.wrapped[name](made[rows]).float()
                losses.append(lsgan_discriminator(on_real, on_made))
                penalties.append(gradient_penalty(on_real, shown) if weight else torch.zeros_like(losses[-1]))
            engine.fabric.backward((sum(losses) + weight / 2 * sum(penalties)) / len(batch))  # type: ignore[arg-type]
        found.append({"discriminators": (losses[0] + losses[1]).detach()})
    return _means(found, engine)


def _each_part(state: RunState, engine: Engine) -> Iterator[int]:
    """Yield the index of each part of the batch; each part has its own norms, whose mean is kept afterwards."""
    statistics = [value for value in _norm_statistics(state.networks) if value.is_floating_point()]
    if len(engine.parts) == 1:
        statistics = []
    before = [value.clone() for value in statistics]
    sums = [torch.zeros_like(value) for value in statistics]
    for number in range(len(engine.parts)):
        for value, old in zip(statistics, before, strict=True):
            value.copy_(old)
        yield number
        for value, total in zip(statistics, sums, strict=True):
            total.add_(value)
    for value, total in zip(statistics, sums, strict=True):
        value.copy_(total / len(engine.parts))


@contextmanager
def _held(*networks: nn.Module) -> Iterator[None]:
    """Keep networks unchanged within the context: gradients pass through but are not accumulated."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)


def _means(found: Sequence[dict[str, torch.Tensor]], engine: Engine) -> dict[str, float]:
    """Return the losses over all parts of the batch and all processes."""
    values = torch.stack([torch.stack(list(losses.values())) for losses in found]).mean(dim=0)
    return dict(zip(found[0], engine.mean(values).tolist(), strict=True))


def _is_sound(losses: dict[str, float], parameters: Iterable[nn.Parameter]) -> bool:
    """Return whether losses and gradient are finite; the gradient is clipped."""
    norm = nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
    return all(map(math.isfinite, losses.values())) and bool(torch.isfinite(norm))


def _to(batch: torch.Tensor, device: torch.device) -> torch.Tensor:
    return batch.to(device, memory_format=torch.channels_last)
