"""Saving and restoring a run: tensors as safetensors, the rest as JSON in its header. No pickle."""

import errno
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from napari_contransgan.config import TrainSettings
from napari_contransgan.config.training import MOST_STEPS
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import replaced_atomically
from napari_contransgan.models.checkpoint import WeightsDoNotFitError, all_finite, check_fit
from napari_contransgan.models.patchgan import PatchGAN
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.tensor_file import Header, TensorFileError, read_tensors
from napari_contransgan.plain_files import plain_json
from napari_contransgan.training.image_pool import ImagePool
from napari_contransgan.training.recipe import warm_start_steps

STATE_KEY = "napari-contransgan-run"
WARM, GENERATORS, JUDGES = "warm", "generators", "judges"
NETWORKS, OPTIMISERS, POOLS = "networks/", "optimisers/", "pools/"


@dataclass
class RunState:
    """Everything that changes during a run, and so everything that a save contains.

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
    rate_factor : float
        Factor on the learning rate, which each rollback halves.
    rollbacks : int
        Number of times the run returned to a save.
    is_whole : bool
        Whether no step is half done, so that a save would be valid.
    clock_share : float
        Elapsed share of the run's minutes; 0 in a run whose length is not given in minutes.
    warm_steps : int
        Number of warm-start steps done.
    taken_s : float
        Time that the run had taken at its last save, if its length is given in minutes; else 0.
    """

    step: int
    networks: nn.ModuleDict
    optimisers: dict[str, torch.optim.Optimizer]
    pools: dict[str, ImagePool]
    best_psnr_db: float = -math.inf
    rate_factor: float = 1.0
    rollbacks: int = 0
    is_whole: bool = True
    clock_share: float = 0.0
    warm_steps: int = 0
    taken_s: float = 0.0

    def place(self, settings: TrainSettings) -> float:
        """Return the position on the schedule of ``settings.steps`` steps: by steps, or by the clock if that is ahead.

        A resumed run with more minutes never returns to the warm start.
        """
        if settings.minutes is None:
            return self.step
        place = max(self.step, min(self.clock_share * settings.steps, settings.steps - 1))
        return place if self.warm_steps == self.step else max(place, warm_start_steps(settings))

    def is_finite(self) -> bool:
        """Return whether weights, statistics and image pools are finite."""
        pools = (pool.images for pool in self.pools.values() if pool.images is not None)
        return all_finite(self.networks.state_dict().values()) and all_finite(pools)


def new_state(settings: TrainSettings, device: torch.device) -> RunState:
    """Return networks with seeded weights, and their optimisers, at step 0."""
    torch.manual_seed(settings.seed)
    generator = build_generator(settings.generator, settings.preset, takes_optics=settings.takes_optics)
    average = build_generator(settings.generator, settings.preset, takes_optics=settings.takes_optics)
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
        optimisers[WARM] = torch.optim.AdamW(networks["to_phase"].parameters(), weight_decay=1e-4)
    if warm < settings.steps:
        generators = [*networks["to_phase"].parameters(), *networks["to_lr"].parameters()]
        judges = [*networks["judge_phase"].parameters(), *networks["judge_lr"].parameters()]
        optimisers[GENERATORS] = torch.optim.Adam(generators, betas=(0.5, 0.999))
        optimisers[JUDGES] = torch.optim.Adam(judges, betas=(0.5, 0.999))
    pools = {"phase": ImagePool(settings.pool_size), "lr": ImagePool(settings.pool_size)}
    return RunState(0, networks, optimisers, pools)


def save_state(path: Path, state: RunState) -> None:
    """Write everything that a run needs to resume, atomically.

    The random state needs no saving: every draw depends on the seed and the step alone.

    Raises
    ------
    OSError
        If it cannot be written; an earlier save is kept.
    """
    tensors = {f"{NETWORKS}{name}": value for name, value in state.networks.state_dict().items()}
    for name, optimiser in state.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            for key, value in values.items():
                tensors[f"{OPTIMISERS}{name}/{index}/{key}"] = torch.as_tensor(value)
    for name, pool in state.pools.items():
        if pool.images is not None:
            tensors[f"{POOLS}{name}"] = pool.images
    names = ["step", "best_psnr_db", "rate_factor", "rollbacks", "warm_steps", *(["taken_s"] if state.taken_s else [])]
    header = json.dumps({name: getattr(state, name) for name in names})
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with replaced_atomically(path) as temporary:
        try:
            # Not through bytes in memory: making those would block Python, and with it the window, for a long time.
            save_file(plain, temporary, {STATE_KEY: header})
        except SafetensorError as error:
            full = "os error 28" in str(error)
            raise OSError(errno.ENOSPC if full else errno.EIO, str(error), str(path)) from error


def load_state(path: Path, state: RunState, device: torch.device) -> None:
    """Fill a fresh state from a save, in place.

    Raises
    ------
    InputError
        If the file is not a save of a run, or the run has other networks or diverged.
    """
    try:
        # On the CPU, where Adam's step counts must stay; tensors that belong on the device are copied there below.
        header, tensors = read_tensors(path, lambda header: _check_save(path, header, state))
    except TensorFileError as error:
        raise InputError(f"{path}: cannot be read as a saved run ({error}); start again without resuming") from error
    except WeightsDoNotFitError as error:
        raise InputError(
            f"{path}: was saved by a run with other networks ({error}); resume with its own settings"
        ) from error
    if not all_finite(tensors.values()):
        raise InputError(f"{path}: holds NaN or infinite weights, its training diverged; start again without resuming")
    known = _numbers_of(path, header)
    state.networks.load_state_dict(_below(NETWORKS, tensors))
    for name, optimiser in state.optimisers.items():
        per_parameter: dict[int, dict[str, Any]] = {}
        for key, value in _below(f"{OPTIMISERS}{name}/", tensors).items():
            index, _, field = key.partition("/")
            per_parameter.setdefault(int(index), {})[field] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": per_parameter})
    for name, pool in state.pools.items():
        images = tensors.get(f"{POOLS}{name}")
        state.pools[name] = ImagePool(pool.size, None if images is None else images.to(device))
    state.step = known.step
    state.best_psnr_db = known.best_psnr_db
    state.rate_factor = known.rate_factor
    state.rollbacks = known.rollbacks
    state.warm_steps = known.step if known.warm_steps is None else known.warm_steps
    state.taken_s = known.taken_s


class _Numbers(BaseModel):
    """The numbers in the header of a save."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    step: int = Field(ge=0, le=MOST_STEPS)
    best_psnr_db: float = Field(le=1e6)  # -inf before the first validation
    rate_factor: float = Field(1.0, gt=0, le=1)
    rollbacks: int = Field(0, ge=0, le=1000)
    warm_steps: int | None = Field(None, ge=0, le=MOST_STEPS)
    taken_s: float = Field(0.0, ge=0, allow_inf_nan=False)


def _numbers_of(path: Path, header: Header) -> _Numbers:
    text = header.texts.get(STATE_KEY)
    if text is None:
        raise InputError(f"{path}: is not a saved run; start again without resuming")
    try:
        return _Numbers.model_validate(plain_json(text))
    except (ValueError, RecursionError, OverflowError) as error:
        raise InputError(f"{path}: its saved state is damaged; start again without resuming") from error


def _check_save(path: Path, header: Header, state: RunState) -> None:
    """Raise an error for a save that does not fit the run, before its tensors are read.

    Raises
    ------
    InputError
        If it is not a save, or its numbers are damaged.
    WeightsDoNotFitError
        If a tensor is missing, left over or of another shape.
    """
    _numbers_of(path, header)
    expected = {f"{NETWORKS}{name}": value for name, value in state.networks.state_dict().items()}
    of_optimisers: dict[str, torch.Tensor] = {}
    for name, optimiser in state.optimisers.items():
        parameters = [value for group in optimiser.param_groups for value in group["params"]]
        for index, value in enumerate(parameters):
            prefix = f"{OPTIMISERS}{name}/{index}/"
            of_optimisers |= {f"{prefix}exp_avg": value, f"{prefix}exp_avg_sq": value, f"{prefix}step": torch.zeros(())}
    # An optimiser has no values for a parameter before its first step.
    expected |= {name: value for name, value in of_optimisers.items() if name in header.tensors}
    for name, pool in state.pools.items():
        images = header.tensors.get(f"{POOLS}{name}")
        if images is not None:
            if len(images.shape) != 4 or images.shape[0] > pool.size or images.shape[1] != 1:
                raise WeightsDoNotFitError(f"{POOLS}{name} is not a pool of {pool.size} images")
            expected[f"{POOLS}{name}"] = torch.empty(images.shape, device="meta")
    check_fit(header.tensors, expected)


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
