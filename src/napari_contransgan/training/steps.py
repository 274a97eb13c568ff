"""One optimiser step: supervised on pairs, or CycleGAN on unpaired images."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_contransgan.config import TrainSettings
from napari_contransgan.models.compute import autocast
from napari_contransgan.models.patchgan import PatchGAN
from napari_contransgan.models.registry import build_generator
from napari_contransgan.training.data import (
    POOL,
    UNPAIRED_LR,
    UNPAIRED_PHASE,
    TrainingData,
    draw_pairs,
    draw_single,
)
from napari_contransgan.training.image_pool import ImagePool
from napari_contransgan.training.losses import lsgan_discriminator, lsgan_generator, supervised_loss
from napari_contransgan.training.schedule import is_supervised, warm_start_steps

WARM_START_RATE, UNPAIRED_RATE = 5e-4, 1e-4
RAMP_STEPS = 200
FREEZE_NORM_AT = 0.6
"""Share of the warm start after which batch norms keep their statistics, so that the phase scale settles."""
MAX_GRADIENT_NORM = 1.0


@dataclass
class RunState:
    """All that changes while a run goes on, and so all that a save holds.

    Parameters
    ----------
    step : int
        Steps done.
    networks : ModuleDict
        ``to_phase`` and ``ema``; with unpaired steps also ``to_lr``, ``judge_phase`` and ``judge_lr``.
    optimisers : dict
        ``warm`` for the supervised steps; ``generators`` and ``judges`` for the unpaired ones.
    pools : dict
        Image histories, ``phase`` and ``lr``.
    best_psnr_db : float
        Best validation score so far.
    """

    step: int
    networks: nn.ModuleDict
    optimisers: dict[str, torch.optim.Optimizer]
    pools: dict[str, ImagePool]
    best_psnr_db: float = -math.inf


def new_state(settings: TrainSettings, device: torch.device) -> RunState:
    """Networks with seeded weights, and their optimisers, at step 0."""
    torch.manual_seed(settings.seed)
    generator = build_generator(settings.generator, settings.preset)
    average = build_generator(settings.generator, settings.preset)
    average.load_state_dict(generator.state_dict())
    networks = nn.ModuleDict({"to_phase": generator, "ema": average.requires_grad_(False)})
    warm = warm_start_steps(settings)
    if warm < settings.steps:
        networks["to_lr"] = build_generator(settings.generator, settings.preset)
        networks["judge_phase"] = PatchGAN()
        networks["judge_lr"] = PatchGAN()
    networks.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimisers: dict[str, torch.optim.Optimizer] = {}
    if warm:
        optimisers["warm"] = torch.optim.AdamW(networks["to_phase"].parameters(), weight_decay=1e-4)
    if warm < settings.steps:
        generators = [*networks["to_phase"].parameters(), *networks["to_lr"].parameters()]
        judges = [*networks["judge_phase"].parameters(), *networks["judge_lr"].parameters()]
        optimisers["generators"] = torch.optim.Adam(generators, betas=(0.5, 0.999))
        optimisers["judges"] = torch.optim.Adam(judges, betas=(0.5, 0.999))
    pools = {"phase": ImagePool(settings.pool_size), "lr": ImagePool(settings.pool_size)}
    return RunState(0, networks, optimisers, pools)


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Rate at a step: a ramp and a cosine for the warm start; constant, then falling to 0, for the unpaired steps."""
    warm = warm_start_steps(settings)
    if step < warm:
        top = settings.learning_rate or WARM_START_RATE
        ramp = min(1.0, (step + 1) / min(RAMP_STEPS, max(1, warm // 5)))
        return top * ramp * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / warm)))
    done = (step - warm) / max(1, settings.steps - warm)
    return (settings.learning_rate or UNPAIRED_RATE) * min(1.0, 2 * (1 - done))


def train_step(state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device) -> dict[str, float]:
    """Do one step in place and give its losses by name.

    A step that is not finite is undone but for the count: weights, norm statistics, average and pools stay as they
    were, and one of its losses at least is not finite.
    """
    warm = warm_start_steps(settings)
    rate = learning_rate(settings, state.step)
    for optimiser in state.optimisers.values():
        for group in optimiser.param_groups:
            group["lr"] = rate
    state.networks.train()
    # Without a warm start the norms freeze at the same share of the whole run, for the same reason.
    if state.step >= FREEZE_NORM_AT * (warm or settings.steps):
        freeze_norms(state.networks["to_phase"])
    data.prepare(settings, state.step)
    statistics = _norm_statistics(state.networks)
    before = [value.clone() for value in statistics]
    if is_supervised(settings, state.step):
        losses = _supervised_step(state, data, settings, device, "warm" if state.step < warm else "generators")
    else:
        losses = _unpaired_step(state, data, settings, device)
    if all(map(math.isfinite, losses.values())):
        update_average(state, settings.ema_decay)
    else:
        # The forward pass has already moved the statistics.
        for value, old in zip(statistics, before, strict=True):
            value.copy_(old)
    state.step += 1
    return losses


def _norm_statistics(networks: nn.ModuleDict) -> list[torch.Tensor]:
    return [value for name, value in networks.named_buffers() if not name.startswith("ema.")]


def freeze_norms(network: nn.Module) -> None:
    """Let batch norms use, and keep, the statistics gathered so far."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@torch.no_grad()
def update_average(state: RunState, decay: float) -> None:
    """Move the averaged weights towards the current ones; the decay warms up, so that the average is never stale."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    average, current = state.networks["ema"].state_dict(), state.networks["to_phase"].state_dict()
    for name, value in average.items():
        if value.is_floating_point():
            value.lerp_(current[name], 1 - decay)
        else:
            value.copy_(current[name])


def _supervised_step(
    state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device, optimiser: str
) -> dict[str, float]:
    contrast, phase_rad = draw_pairs(data.paired_lr, data.paired_phase, settings, state.step)
    label = phase_rad.to(device) / settings.phase_ref_rad
    with autocast(device, settings.precision):
        output = state.networks["to_phase"](_to(contrast, device))
    loss = supervised_loss(output.float(), label, settings.phase_ref_rad)
    done = _descend(loss, state.optimisers[optimiser], state.networks["to_phase"].parameters())
    return {"supervised": loss.item() if done else math.nan}


def _unpaired_step(
    state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device
) -> dict[str, float]:
    nets = state.networks
    lr = _to(draw_single(data.unpaired_lr, settings, state.step, UNPAIRED_LR), device)
    phase = _to(draw_single(data.unpaired_phase, settings, state.step, UNPAIRED_PHASE), device) / settings.phase_ref_rad
    judges = [*nets["judge_phase"].parameters(), *nets["judge_lr"].parameters()]
    for parameter in judges:
        parameter.requires_grad_(False)
    with autocast(device, settings.precision):
        made_phase, made_lr = nets["to_phase"](lr), nets["to_lr"](phase)
        cycled_lr, cycled_phase = nets["to_lr"](made_phase), nets["to_phase"](made_lr)
        fools = lsgan_generator(nets["judge_phase"](made_phase).float()) + lsgan_generator(
            nets["judge_lr"](made_lr).float()
        )
    cycle = functional.l1_loss(cycled_lr, lr) + functional.l1_loss(cycled_phase, phase)
    loss = (1.0 if settings.lambda_gan is None else settings.lambda_gan) * fools + settings.lambda_cycle * cycle
    generators = [*nets["to_phase"].parameters(), *nets["to_lr"].parameters()]
    done = _descend(loss, state.optimisers["generators"], generators)
    for parameter in judges:
        parameter.requires_grad_(True)
    if not done:
        return {"generators": math.nan, "cycle": math.nan, "discriminators": math.nan}

    rng = np.random.default_rng([settings.seed, state.step, POOL])
    old_phase = state.pools["phase"].exchange(made_phase, rng)
    old_lr = state.pools["lr"].exchange(made_lr, rng)
    with autocast(device, settings.precision):
        verdicts = [nets["judge_phase"](phase), nets["judge_phase"](old_phase)]
        verdicts += [nets["judge_lr"](lr), nets["judge_lr"](old_lr)]
    judged = lsgan_discriminator(verdicts[0].float(), verdicts[1].float()) + lsgan_discriminator(
        verdicts[2].float(), verdicts[3].float()
    )
    done = _descend(judged, state.optimisers["judges"], judges)
    verdict = judged.item() if done else math.nan
    return {"generators": fools.item(), "cycle": cycle.item(), "discriminators": verdict}


def _descend(loss: torch.Tensor, optimiser: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]) -> bool:
    """Take one step down and say whether it was taken: only if loss and gradient are finite."""
    optimiser.zero_grad(set_to_none=True)
    if not torch.isfinite(loss):
        return False
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
    if not torch.isfinite(norm):
        return False
    optimiser.step()
    return True


def _to(batch: torch.Tensor, device: torch.device) -> torch.Tensor:
    return batch.to(device, memory_format=torch.channels_last)
