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

import napari_contransgan
from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint, write_atomically
from napari_contransgan.models.compute import choose_device, describe_device
from napari_contransgan.training.data import TrainingData, gather
from napari_contransgan.training.events import (
    CheckpointSaved,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
    Validated,
)
from napari_contransgan.training.state import load_state, save_state
from napari_contransgan.training.steps import RunState, new_state, train_step, warm_start_steps
from napari_contransgan.training.validation import validate

CONFIG, METRICS, LAST, BEST = "config.yaml", "metrics.jsonl", "last.safetensors", "best.safetensors"
MAY_CHANGE_ON_RESUME = {
    "steps",
    "warm_start_steps",
    "lr",
    "phase",
    "pairs",
    "device",
    "threads",
    "validate_every",
    "save_every",
}
MAX_BAD_STEPS = 20


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
    data = gather(settings)
    _open_folder(settings, run_dir, resume)
    state = new_state(settings, device)
    if resume and (run_dir / LAST).is_file():
        load_state(run_dir / LAST, state, device)
    yield TrainingStarted(
        message=data.describe(),
        first_step=state.step,
        total_steps=settings.steps,
        device=describe_device(device, settings.precision),
        parameters=sum(parameter.numel() for parameter in state.networks["ema"].parameters()),
    )
    saved_step = -1
    try:
        for event in _steps(state, data, settings, device, run_dir):
            if isinstance(event, CheckpointSaved):
                saved_step = event.step
            yield event
    finally:
        # Reached on success, on an error and when the consumer closes the generator.
        if saved_step != state.step:
            save_state(run_dir / LAST, state)
        if not (run_dir / BEST).is_file():
            save_checkpoint(run_dir / BEST, state.networks["ema"], _card(settings, state, None))
    yield TrainingFinished(state.step, run_dir / BEST)
    return run_dir / BEST


def _steps(
    state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device, run_dir: Path
) -> Generator[TrainingEvent, None, None]:
    bad_steps = 0
    while state.step < settings.steps:
        began = time.perf_counter()
        losses = train_step(state, data, settings, device)
        bad_steps = bad_steps + 1 if not all(map(math.isfinite, losses.values())) else 0
        if bad_steps > MAX_BAD_STEPS:
            raise InputError(
                f"training diverged: the loss was not a number for {bad_steps} steps before step {state.step}; "
                "lower the learning rate and start again"
            )
        speed = settings.batch_size / (time.perf_counter() - began)
        _log(run_dir, {"step": state.step, **losses, "images_per_s": round(speed, 2)})
        yield StepFinished(state.step, settings.steps, losses, speed)
        last = state.step == settings.steps
        if last or state.step % settings.validate_every == 0:
            yield from _validate_and_keep_best(state, data, settings, device, run_dir)
        if last or state.step % settings.save_every == 0:
            save_state(run_dir / LAST, state)
            yield CheckpointSaved(state.step, run_dir / LAST)


def _validate_and_keep_best(
    state: RunState, data: TrainingData, settings: TrainSettings, device: torch.device, run_dir: Path
) -> Generator[TrainingEvent, None, None]:
    scores = validate(state.networks["ema"], data, settings, device, state.step)
    _log(run_dir, {"step": scores.step, "validation": _figures(scores)})
    yield scores
    # Without labels nothing tells which is better: the latest one counts.
    if math.isnan(scores.psnr_db) or scores.psnr_db > state.best_psnr_db:
        state.best_psnr_db = max(state.best_psnr_db, -math.inf if math.isnan(scores.psnr_db) else scores.psnr_db)
        save_checkpoint(run_dir / BEST, state.networks["ema"], _card(settings, state, scores))
        yield CheckpointSaved(state.step, run_dir / BEST)


def _open_folder(settings: TrainSettings, run_dir: Path, resume: bool) -> None:
    config = run_dir / CONFIG
    if config.is_file() and not resume:
        raise InputError(f"{run_dir}: holds a run already; resume it or choose another folder")
    if config.is_file():
        before = TrainSettings.from_yaml(config).model_dump(exclude=MAY_CHANGE_ON_RESUME)
        changed = [
            name for name, value in settings.model_dump(exclude=MAY_CHANGE_ON_RESUME).items() if before[name] != value
        ]
        if changed:
            raise InputError(f"{run_dir}: was begun with another {changed[0]}; resume it with its own settings")
    run_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(config, settings.to_yaml().encode())


def _card(settings: TrainSettings, state: RunState, scores: Validated | None) -> ModelCard:
    warm = min(warm_start_steps(settings), state.step)
    recipe = f"{warm} supervised steps on simulated pairs" if warm else ""
    if state.step > warm:
        recipe += (" + " if recipe else "") + f"{state.step - warm} unpaired steps (LSGAN, cycle)"
    # Folder names only: a card travels, a path of one machine does not.
    folders: dict[str, Any] = {
        "lr": settings.lr and settings.lr.name,
        "phase": settings.phase and settings.phase.name,
        "pairs": [folder.name for folder in settings.pairs],
    }
    return ModelCard(
        name=f"{settings.generator} {settings.preset}",
        description="Trained with napari-contransgan; judge it by the figures, and on images of your own.",
        generator=settings.generator,
        preset=settings.preset,
        phase_ref_rad=settings.phase_ref_rad,
        recipe=recipe,
        data=_describe_folders(folders),
        steps=state.step,
        figures={"held-out training pairs, range 4 rad": _figures(scores)}
        if scores and scores.yx_label_rad is not None
        else {},
        program_version=napari_contransgan.__version__,
        settings={**settings.model_dump(mode="json"), **folders},
    )


def _describe_folders(folders: dict[str, Any]) -> str:
    parts = [f"pairs in {name}" for name in folders["pairs"]]
    if folders["lr"]:
        parts.append(f"unpaired images in {folders['lr']} and {folders['phase']}")
    return ", ".join(parts)


def _figures(scores: Validated) -> dict[str, float]:
    names = ("ssim", "psnr_db", "slope", "ssim_zero", "psnr_zero_db")
    values = {name: float(getattr(scores, name)) for name in names}
    return {name: round(value, 4) for name, value in values.items() if math.isfinite(value)}


def _log(run_dir: Path, record: dict[str, Any]) -> None:
    record = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in record.items()
    }
    with (run_dir / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
