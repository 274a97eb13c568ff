"""Train networks side by side for a stated time, on fields that other processes simulate meanwhile.

python tools/train_by_time.py OUT [--plan tools/plans/gpu.yaml] [--workers 14] [--seconds 555]

The trainer of the package draws each batch by the seed alone, so that a run can be resumed bit for bit, and waits for
fields that are not made yet. A GPU that is there for minutes should not wait: here each batch is drawn from the fields
that are there, and the rate's schedule goes by the clock. Networks, loss, fields and the settings' meaning are the
package's own. One field in 40 is kept for validation. For each network the moving average of the weights is written as
OUT/NAME.safetensors, every minute and at the end.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import nn

import napari_contransgan
from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from napari_contransgan.models.compute import autocast
from napari_contransgan.models.registry import build_generator
from napari_contransgan.simulation.workers import begin_worker
from napari_contransgan.training.losses import supervised_loss
from napari_contransgan.training.on_the_fly import make_pair
from napari_contransgan.training.recipe import WARM_START_RATE
from napari_contransgan.training.steps import FREEZE_NORM_AT, MAX_GRADIENT_NORM, freeze_norms, move_average

NETWORKS, PLANS = (Path(__file__).parent / name for name in ("networks", "plans"))
VALIDATION_EVERY = 40
LOOK_EVERY = 20
"""Steps between looks at new fields and at the loss."""
SAVE_EVERY_S = 60.0
RAMP = 0.03
LEAST_FIELDS = 200


@dataclass(frozen=True)
class Task:
    """One network of the plan.

    Parameters
    ----------
    name : str
        Of the file that is written.
    settings : TrainSettings
        What it is trained by.
    share : float
        Of the trainer's time.
    like : str
        Name of an earlier network of this trainer: as many steps are done as for that one, however long they take.
    freeze_norms_at : float
        Share of its time after which batch norms keep their statistics.
    """

    name: str
    settings: TrainSettings
    share: float
    like: str = ""
    freeze_norms_at: float = FREEZE_NORM_AT


@dataclass(frozen=True)
class Slot:
    """Place of a field in the pool: which settings make it, and its number."""

    settings: int
    index: int


@dataclass(frozen=True)
class Plan:
    """What is trained by whom, and which fields are made in which order."""

    trainers: Sequence[Sequence[Task]]
    simulated: Sequence[SimulationSettings]
    slots: Sequence[Slot]


def read_plan(path: Path) -> Plan:
    """Read the plan; fields of the same settings are made once for all networks, and made before they are due."""
    trainers: list[list[Task]] = []
    due: dict[str, tuple[SimulationSettings, float]] = {}
    for listed in yaml.safe_load(path.read_text()):
        tasks = []
        for entry in listed:
            settings = TrainSettings.from_yaml(NETWORKS / entry["settings"])
            settings = settings.model_copy(update={"generator": entry.get("generator", settings.generator)})
            frozen_at = entry.get("freeze_norms_at", FREEZE_NORM_AT)
            tasks.append(Task(entry["name"], settings, entry["share"], entry.get("like", ""), frozen_at))
            for one in settings.simulate:
                key = without_count(one).to_yaml()
                more = due.get(key, (one, math.inf))
                count = max(one.count, more[0].count)
                due[key] = (one.model_copy(update={"count": count}), min(entry["made_by"], more[1]))
        trainers.append(tasks)
    simulated = [settings for settings, _ in due.values()]
    order = sorted(
        (made_by * (index + 0.5) / settings.count, number, index)
        for number, (settings, made_by) in enumerate(due.values())
        for index in range(settings.count)
    )
    return Plan(trainers, simulated, [Slot(number, index) for _, number, index in order])


def without_count(settings: SimulationSettings) -> SimulationSettings:
    """What makes a field, whichever of how many it is."""
    return settings.model_copy(update={"count": 1})


class Pool:
    """Fields in files that all processes share: contrast and phase on the model's grid, and which are done."""

    def __init__(self, folder: Path, plan: Plan, mode: str = "r+") -> None:
        side = plan.simulated[0].field_px
        shape = (len(plan.slots), side, side)
        folder.mkdir(parents=True, exist_ok=True)
        # In the other modes the files themselves say type and shape.
        self.contrast = open_memmap(folder / "contrast.npy", mode, np.float16, shape)
        self.phase_rad = open_memmap(folder / "phase.npy", mode, np.float16, shape)
        self.done = open_memmap(folder / "done.npy", mode, np.uint8, shape[:1])


def simulate(plan_file: Path, folder: Path, following: "Synchronized[int]") -> None:
    """Body of a process: make the next field of the plan until all are made."""
    begin_worker()
    os.nice(5)
    plan = read_plan(plan_file)
    pool = Pool(folder, plan)
    while True:
        with following.get_lock():
            number = following.value
            following.value += 1
        if number >= len(plan.slots):
            return
        slot = plan.slots[number]
        contrast, phase_rad = make_pair(plan.simulated[slot.settings], slot.index)
        pool.contrast[number], pool.phase_rad[number] = contrast, phase_rad
        pool.done[number] = 1


class Fields:
    """A trainer's copy of the pool on its device, which follows the pool as it fills."""

    def __init__(self, plan: Plan, pool: Pool, device: torch.device) -> None:
        self.pool, self.device = pool, device
        self.simulated = [without_count(one) for one in plan.simulated]
        self.contrast = torch.empty(pool.contrast.shape, dtype=torch.float16, device=device)
        self.phase_rad = torch.empty_like(self.contrast)
        self.known = np.zeros(len(plan.slots), bool)
        self.made_by = np.array([slot.settings for slot in plan.slots])
        self.kept = np.array([slot.index % VALIDATION_EVERY == VALIDATION_EVERY - 1 for slot in plan.slots])

    def follow(self) -> int:
        """Copy what is new; give the number of fields."""
        for number in np.flatnonzero((self.pool.done == 1) & ~self.known):
            self.contrast[number] = torch.from_numpy(np.array(self.pool.contrast[number])).to(self.device)
            self.phase_rad[number] = torch.from_numpy(np.array(self.pool.phase_rad[number])).to(self.device)
            self.known[number] = True
        return int(self.known.sum())

    def lists(
        self, settings: TrainSettings, *, validation: bool
    ) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
        """Numbers of the fields that are there for each of a network's simulations, and the chances of those."""
        found, weights = [], []
        for wanted in settings.simulate:
            own = self.simulated.index(without_count(wanted))
            numbers = np.flatnonzero(self.known & (self.made_by == own) & (self.kept == validation))
            found.append(numbers)
            weights.append(wanted.count if len(numbers) else 0)
        return found, np.array(weights) / max(sum(weights), 1)

    def cut(
        self, numbers: NDArray[np.int64], side_px: int, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Random squares of fields; as many of each of the eight orientations as divide the batch."""
        rows, columns = rng.integers(0, self.contrast.shape[-1] - side_px + 1, (2, len(numbers), 1))
        along = np.arange(side_px)
        where = [torch.from_numpy(part).to(self.device) for part in (numbers, rows + along, columns + along)]
        index = (where[0][:, None, None], where[1][:, :, None], where[2][:, None, :])
        return _turned(self.contrast[index].float()), _turned(self.phase_rad[index].float())


def _turned(batch: torch.Tensor) -> torch.Tensor:
    parts = [torch.rot90(part, k % 4, (1, 2)) for k, part in enumerate(batch.tensor_split(8))]
    parts = [part.flip(1) if k >= 4 else part for k, part in enumerate(parts)]
    return torch.cat(parts)[:, None].contiguous(memory_format=torch.channels_last)


def rate_at(done: float, peak: float) -> float:
    """A ramp and a cosine, as the package's warm start has them; `done` is the share of the time."""
    return peak * min(1.0, done / RAMP) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass
class Learner:
    """A network in training, the moving average of its weights, which is what is kept, and the optimiser."""

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    steps: int = 0


def begin(settings: TrainSettings, device: torch.device) -> Learner:
    """Build a network, with the weights that its settings name or new ones."""
    torch.manual_seed(settings.seed)
    network = build_generator(settings.generator, settings.preset)
    if settings.start_from:
        network.load_state_dict(load_checkpoint(find_model(settings.start_from)).model.state_dict())
    network = network.to(device, memory_format=torch.channels_last).train()
    average = deepcopy(network).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-4, fused=device.type == "cuda")
    return Learner(network, average, optimiser)


def step_on(
    learner: Learner, batch: tuple[torch.Tensor, torch.Tensor], settings: TrainSettings, rate: float
) -> torch.Tensor:
    """One step of the package's supervised loss, left out where it is not finite; give the loss."""
    contrast, phase_rad = batch
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    learner.optimiser.zero_grad(set_to_none=True)
    with autocast(contrast.device, settings.precision):
        output = learner.network(contrast)
    loss = supervised_loss(output.float(), phase_rad / settings.phase_ref_rad, settings.phase_ref_rad)
    loss.backward()
    if nn.utils.clip_grad_norm_(learner.network.parameters(), MAX_GRADIENT_NORM).isfinite():
        learner.optimiser.step()
        move_average(learner.average, learner.network, settings.ema_decay, learner.steps)
        learner.steps += 1
    return loss.detach()


def train(task: Task, fields: Fields, out: Path, clock: "Clock", steps: int | None) -> int:
    """Train one network until its time is over, or for so many steps; give the steps done."""
    settings = task.settings
    rng = np.random.default_rng(settings.seed)
    learner = begin(settings, fields.device)
    tries, begun_s = 0, time.monotonic()
    saved_s = begun_s
    lists, chances = fields.lists(settings, validation=False)
    while (done := learner.steps / steps if steps else clock.share_done(task.name)) < 1:
        if done >= task.freeze_norms_at:
            freeze_norms(learner.network)
        chosen = rng.choice(len(lists), settings.batch_size, p=chances)
        numbers = np.array([rng.choice(lists[k]) for k in chosen])
        batch = fields.cut(numbers, settings.crop_px, rng)
        loss = step_on(learner, batch, settings, rate_at(done, settings.learning_rate or WARM_START_RATE))
        tries += 1
        if tries > 2 * learner.steps + LOOK_EVERY:
            raise ArithmeticError(f"{task.name}: {tries - learner.steps} of {tries} steps were not finite")
        if tries % LOOK_EVERY:
            continue
        count = fields.follow()
        lists, chances = fields.lists(settings, validation=False)
        if time.monotonic() - saved_s > SAVE_EVERY_S:
            speed = tries / (time.monotonic() - begun_s)
            print(
                f"{task.name}: step {learner.steps}, loss {loss:.4f}, {count} fields, {speed:.1f} steps/s", flush=True
            )
            save(task, learner.average, out, learner.steps)
            saved_s = time.monotonic()
    save(task, learner.average, out, learner.steps)
    for line in validate(task, learner.average, fields):
        print(f"{task.name}: {line}", flush=True)
    return learner.steps


def save(task: Task, average: nn.Module, out: Path, step: int) -> None:
    """Write the averaged weights as a checkpoint, with what the settings say."""
    settings = task.settings
    card = ModelCard(
        name=task.name,
        generator=settings.generator,
        preset=settings.preset,
        phase_ref_rad=settings.phase_ref_rad,
        recipe=f"target the true phase; {step} supervised steps of {settings.batch_size} simulated fields",
        steps=step,
        program_version=napari_contransgan.__version__,
        settings=settings.model_copy(update={"steps": step}).model_dump(mode="json"),
    )
    save_checkpoint(out / f"{task.name}.safetensors", average, card)


@torch.no_grad()
def validate(task: Task, average: nn.Module, fields: Fields) -> Iterator[str]:
    """Score the averaged weights on the validation fields of each simulation: PSNR for a range of 4 rad, and slope."""
    lists, _ = fields.lists(task.settings, validation=True)
    rng = np.random.default_rng(0)
    for simulated, numbers in zip(task.settings.simulate, lists, strict=True):
        if not len(numbers):
            continue
        errors, slopes = [], []
        for part in np.array_split(numbers, math.ceil(len(numbers) / 16)):
            contrast, truth = fields.cut(part, task.settings.crop_px, rng)
            with autocast(fields.device, task.settings.precision):
                output = average(contrast).float() * task.settings.phase_ref_rad
            errors += (output - truth).square().mean(dim=(1, 2, 3)).tolist()
            slopes += ((output * truth).sum(dim=(1, 2, 3)) / truth.square().sum(dim=(1, 2, 3)).clamp(min=1e-6)).tolist()
        psnr_db = float(np.mean(10 * np.log10(16 / np.maximum(errors, 1e-8))))
        yield (
            f"{simulated.specimen} {simulated.scene} {simulated.objective} seed {simulated.seed}: {psnr_db:.1f} dB, "
            f"slope {np.median(slopes):.2f}, {len(numbers)} fields"
        )


class Clock:
    """Shares of a trainer's time; the whole stands in a file, so that it can be changed while training goes on."""

    def __init__(self, tasks: Sequence[Task], file: Path, begun_s: float) -> None:
        self.file, self.begun_s = file, begun_s
        timed = [task for task in tasks if not task.like]
        ends = np.cumsum([task.share for task in timed])
        self.spans: Mapping[str, tuple[float, float]] = {
            task.name: (float(end - task.share), float(end)) for task, end in zip(timed, ends, strict=True)
        }
        self.waited_s = 0.0
        self._looked_s, self._whole_s = -math.inf, float(file.read_text())

    def share_done(self, name: str) -> float:
        """How much of a network's time is over."""
        now_s = time.time()
        if now_s - self._looked_s > 2:
            with suppress(OSError, ValueError):  # someone may be writing it
                self._whole_s = float(self.file.read_text()) - self.waited_s
            self._looked_s = now_s
        begin, end = self.spans[name]
        return max(0.0, ((now_s - self.begun_s - self.waited_s) / self._whole_s - begin) / (end - begin))


def run_trainer(number: int, plan_file: Path, folder: Path, out: Path, begun_s: float) -> None:
    """Body of a process: train the networks of one trainer one after the other."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    torch.set_num_threads(1)
    plan = read_plan(plan_file)
    tasks = plan.trainers[number]
    clock = Clock(tasks, out / "seconds.txt", begun_s)
    fields = Fields(plan, Pool(folder, plan, "r"), device)
    while fields.follow() < min(LEAST_FIELDS, len(plan.slots)):
        time.sleep(0.5)
    clock.waited_s = time.time() - begun_s
    print(f"trainer {number}: begins after {clock.waited_s:.0f} s on {device}", flush=True)
    steps: dict[str, int] = {}
    for task in tasks:
        begun = time.monotonic()
        steps[task.name] = train(task, fields, out, clock, steps.get(task.like))
        print(f"{task.name}: {steps[task.name]} steps in {time.monotonic() - begun:.0f} s", flush=True)


def main() -> None:
    """Start the processes, and wait for the trainers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--plan", type=Path, default=PLANS / "gpu.yaml")
    parser.add_argument("--pool", type=Path, help="folder for the fields, some gigabytes; OUT/pool unless stated")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=555)
    options = parser.parse_args()
    begun_s = time.time()
    plan = read_plan(options.plan)
    folder = options.pool or options.out / "pool"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "seconds.txt").write_text(str(options.seconds))
    Pool(folder, plan, "w+")
    context = get_context("spawn")
    following = context.Value("i", 0)
    workers = [
        context.Process(target=simulate, args=(options.plan, folder, following), daemon=True)
        for _ in range(options.workers)
    ]
    trainers = [
        context.Process(target=run_trainer, args=(number, options.plan, folder, options.out, begun_s))
        for number in range(len(plan.trainers))
    ]
    for process in [*trainers, *workers]:
        process.start()
    for process in trainers:
        process.join()
    print(f"done after {time.time() - begun_s:.0f} s, {int(Pool(folder, plan, 'r').done.sum())} fields", flush=True)
    sys.exit(any(process.exitcode for process in trainers))


if __name__ == "__main__":
    main()
