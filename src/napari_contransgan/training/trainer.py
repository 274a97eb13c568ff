"""A training run as an iterator of events, with everything it leaves behind in one folder.

``config.yaml`` (settings), ``metrics.jsonl`` (losses and scores), ``last.safetensors`` (to go on from),
``best.safetensors`` with ``best.card.yaml`` (to predict with).
"""

import json
import math
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.files import write_atomically
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import all_finite, load_checkpoint, save_checkpoint
from napari_contransgan.models.compute import choose_device, describe_device
from napari_contransgan.training.card import figures_of, make_card
from napari_contransgan.training.data import TrainingData, gather
from napari_contransgan.training.events import (
    CheckpointSaved,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
)
from napari_contransgan.training.resuming import changed_folders, settings_before, with_warm_start_resolved
from napari_contransgan.training.run_folder import BEST, CONFIG, LAST, METRICS
from napari_contransgan.training.state import load_state, save_state
from napari_contransgan.training.steps import RunState, learning_rate, new_state, train_step
from napari_contransgan.training.validation import validate

MAX_BAD_STEPS = 20


class DivergedError(InputError):
    """Training came to numbers that are not finite, and the saves on disk are left as they are."""


def train(settings: TrainSettings, run_dir: Path, resume: bool = False) -> Generator[TrainingEvent, None, Path]:
    """Train, yielding an event for all that happens; close the generator to stop, and the run is saved.

    Parameters
    ----------
    settings : TrainSettings
        The run.
    run_dir : Path
        Folder of the run; new, unless `resume`.
    resume : bool
        Go on from the folder's last save, or begin where there is none.

    Returns
    -------
    Path
        The checkpoint to predict with.

    Raises
    ------
    InputError
        If the data or the folder cannot serve, or the losses stay not finite.
    """
    device = choose_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    before = settings_before(run_dir / CONFIG, settings, resume)
    settings = with_warm_start_resolved(settings, before)
    data = gather(settings)
    state = new_state(settings, device)
    if resume and (run_dir / LAST).is_file():
        load_state(run_dir / LAST, state, device)
    elif settings.start_from:
        _begin_with(settings.start_from, state, settings)
    # Only now, when nothing in the settings, the data or the save can be wrong any more.
    run_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(run_dir / CONFIG, settings.to_yaml().encode())
    yield TrainingStarted(
        message=_start_message(settings, before, data),
        first_step=state.step,
        total_steps=settings.steps,
        device=describe_device(device, settings.precision),
        parameters=sum(parameter.numel() for parameter in state.networks["ema"].parameters()),
    )
    saved_step = -1
    diverged = False
    try:
        for event in _steps(state, data, settings, device, run_dir):
            if isinstance(event, CheckpointSaved):
                saved_step = event.step
            yield event
    except DivergedError:
        diverged = True
        raise
    finally:
        # Reached on success, on an error and when the consumer closes the generator.
        data.close()
        if not diverged and _is_finite(state):
            if saved_step != state.step:
                save_state(run_dir / LAST, state)
            if not (run_dir / BEST).is_file():
                save_checkpoint(
                    run_dir / BEST, state.networks["ema"], make_card(settings, state.step, data.found, None)
                )
    yield TrainingFinished(state.step, run_dir / BEST)
    return run_dir / BEST


def _begin_with(name: str, state: RunState, settings: TrainSettings) -> None:
    """Fill the generator, and its average, with the weights of a trained network of the same kind."""
    loaded = load_checkpoint(find_model(name))
    own = {"generator": settings.generator, "preset": settings.preset, "phase_ref_rad": settings.phase_ref_rad}
    for what, value in own.items():
        if getattr(loaded.card, what) != value:
            raise InputError(
                f"{name}: has the {what} {getattr(loaded.card, what)}, the run {value}; a run can only start from a "
                f"network of its own kind"
            )
    for part in ("to_phase", "ema"):
        state.networks[part].load_state_dict(loaded.model.state_dict())


def _start_message(settings: TrainSettings, before: TrainSettings | None, data: TrainingData) -> str:
    parts = [data.describe()]
    if settings.start_from and before is None:
        parts.append(f"begins with the weights of {settings.start_from}")
    if settings.recipe == "semi-supervised" and not settings.has_pairs:
        parts.append("without pairs, semi-supervised is a pure CycleGAN: no step is supervised")
    changed = changed_folders(settings, before)
    if changed:
        parts.append(f"the data are not those that the run was begun with: {changed}")
    return "; ".join(parts)


def _steps(
    state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device, run_dir: Path
) -> Generator[TrainingEvent, None, None]:
    bad_steps = 0
    while state.step < settings.steps:
        began = time.perf_counter()
        losses = train_step(state, data, settings, device)
        bad_steps = bad_steps + 1 if not all(map(math.isfinite, losses.values())) else 0
        if bad_steps > MAX_BAD_STEPS:
            raise _diverged(f"the loss was not finite in {bad_steps} steps in a row", state, settings, run_dir)
        speed = settings.batch_size / (time.perf_counter() - began)
        _log(run_dir, {"step": state.step, **losses, "images_per_s": round(speed, 2)})
        yield StepFinished(state.step, settings.steps, losses, speed)
        last = state.step == settings.steps
        validates = last or state.step % settings.validate_every == 0
        saves = last or state.step % settings.save_every == 0
        if (validates or saves) and not _is_finite(state):
            raise _diverged("the weights are not finite", state, settings, run_dir)
        if validates:
            yield from _validate_and_keep_best(state, data, settings, device, run_dir)
        if saves:
            save_state(run_dir / LAST, state)
            yield CheckpointSaved(state.step, run_dir / LAST)


def _diverged(what: str, state: RunState, settings: TrainSettings, run_dir: Path) -> DivergedError:
    rate = learning_rate(settings, state.step - 1)
    return DivergedError(
        f"{run_dir}: training diverged: {what}, up to step {state.step}; start again in another folder with a lower "
        f"learning_rate (it was {rate:.2g} at the end), and see whether an image is broken; the saves are kept"
    )


def _is_finite(state: RunState) -> bool:
    """Whether weights, statistics and image pools are finite, also in the half precision of a checkpoint."""
    half = (value.half() for value in state.networks["ema"].state_dict().values() if value.is_floating_point())
    pools = (pool.images for pool in state.pools.values() if pool.images is not None)
    return all_finite(state.networks.state_dict().values()) and all_finite(half) and all_finite(pools)


def _validate_and_keep_best(
    state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device, run_dir: Path
) -> Generator[TrainingEvent, None, None]:
    scores = validate(state.networks, data, settings, device, state.step)
    _log(run_dir, {"step": scores.step, "validation": figures_of(scores)})
    yield scores
    # Without labels nothing tells which is better: the latest one counts. A score that is no number is no better.
    if not scores.has_scores or scores.psnr_db > state.best_psnr_db:
        if scores.has_scores:
            state.best_psnr_db = scores.psnr_db
        card = make_card(settings, state.step, data.found, scores)
        save_checkpoint(run_dir / BEST, state.networks["ema"], card)
        yield CheckpointSaved(state.step, run_dir / BEST)


def _log(run_dir: Path, record: dict[str, Any]) -> None:
    record = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
    with (run_dir / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
