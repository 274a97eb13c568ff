"""A training run as an iterator of events, with everything it leaves behind in one folder; see `run_folder`."""

import math
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from lightning_fabric import Fabric

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.files import remove_leftovers, write_atomically
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint, save_checkpoint
from napari_contransgan.models.compute import describe_device
from napari_contransgan.training.card import figures_of, make_card
from napari_contransgan.training.data import TrainingData, gather
from napari_contransgan.training.engine import Engine, make_engine, start_fabric
from napari_contransgan.training.events import (
    SAVE,
    STOP,
    CheckpointSaved,
    RolledBack,
    SaveFailed,
    StepFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingRequest,
    TrainingStarted,
    Validated,
)
from napari_contransgan.training.physics import ForwardModel, forward_model
from napari_contransgan.training.recipe import learning_rate, weights_of
from napari_contransgan.training.resuming import changed_folders, settings_before, with_warm_start_resolved
from napari_contransgan.training.run_folder import (
    BEST,
    CONFIG,
    LAST,
    append_record,
    trim_metrics,
    was_validated,
    write_previews,
)
from napari_contransgan.training.run_lock import run_locked
from napari_contransgan.training.state import RunState, load_state, new_state, save_state
from napari_contransgan.training.steps import train_step
from napari_contransgan.training.tensorboard import open_writer, write_event
from napari_contransgan.training.validation import validate

MAX_BAD_STEPS = 20
MAX_ROLLBACKS = 5
ROLLBACK_FACTOR = 0.5

Events = Generator[TrainingEvent, TrainingRequest | None, None]


class DivergedError(InputError):
    """Training came to numbers that are not finite, and the saves on disk are left as they are."""


@dataclass
class _Run:
    """What belongs to a run in progress; only the first of several processes writes."""

    settings: TrainSettings
    folder: Path
    engine: Engine
    data: TrainingData
    state: RunState
    physics: ForwardModel | None
    saved_step: int = -1
    bad_steps: int = 0
    rollbacks: int = 0
    unwritten: list[Mapping[str, Any]] = field(default_factory=list)
    process: psutil.Process = field(default_factory=psutil.Process)


def train(
    settings: TrainSettings, run_dir: Path, resume: bool = False
) -> Generator[TrainingEvent, TrainingRequest | None, Path]:
    """Train, yielding an event for all that happens; close the generator to stop, and the run is saved.

    Parameters
    ----------
    settings : TrainSettings
        The run.
    run_dir : Path
        Folder of the run; new, unless `resume`.
    resume : bool
        Go on from the folder's last save, or begin where there is none.

    Yields
    ------
    TrainingEvent
        Upon a `StepFinished`, ``SAVE`` may be sent in to save at once, and ``STOP`` to save and end: so do several
        processes, which must all end at the same step.

    Returns
    -------
    Path
        The checkpoint to predict with.

    Raises
    ------
    InputError
        If the data or the folder cannot serve, or the losses stay not finite.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    fabric = start_fabric(settings)
    with ExitStack() as stack:
        if fabric.is_global_zero:
            stack.enter_context(run_locked(run_dir))
        before = settings_before(run_dir / CONFIG, settings, resume)
        settings = with_warm_start_resolved(settings, before)
        data = stack.enter_context(closing(gather(settings)))
        run = _prepare(settings, run_dir, resume, fabric, data)
        writer = open_writer(run_dir, run.state.step) if settings.tensorboard and run.engine.is_first else None
        if run.engine.is_first:
            remove_leftovers(run_dir)
            # Only now, when nothing in the settings, the data or the save can be wrong any more.
            write_atomically(run_dir / CONFIG, settings.to_yaml().encode())
            trim_metrics(run_dir, run.state.step)
        yield TrainingStarted(
            message=_start_message(run, before),
            first_step=run.state.step,
            total_steps=settings.steps,
            device=_describe_devices(run),
            parameters=sum(parameter.numel() for parameter in run.state.networks["ema"].parameters()),
        )
        diverged = False
        try:
            yield from _steps(run) if writer is None else _written_too(_steps(run), writer)
        except DivergedError:
            diverged = True
            raise
        finally:
            # Reached on success, on an error and when the consumer closes the generator.
            if run.engine.is_first and not diverged and run.state.is_whole and run.state.is_finite():
                _save_at_the_end(run)
    if run.state.step == settings.steps:
        yield TrainingFinished(run.state.step, run_dir / BEST)
    return run_dir / BEST


def _prepare(settings: TrainSettings, run_dir: Path, resume: bool, fabric: Fabric, data: TrainingData) -> _Run:
    state = new_state(settings, fabric.device)
    saved = resume and (run_dir / LAST).is_file()
    if saved:
        load_state(run_dir / LAST, state, fabric.device)
    elif settings.start_from:
        _begin_with(settings.start_from, state, settings)
    engine = make_engine(fabric, state.networks, settings)
    physics = forward_model(settings, data.found.simulated) if weights_of(settings).physics else None
    if physics is None and settings.lambda_physics:
        raise InputError(
            "training: the physics-consistency loss needs to know how the low-resolution images were taken: state "
            "'physics' (microscope, objective, focus_um), or set lambda_physics to 0"
        )
    return _Run(settings, run_dir, engine, data, state, physics, saved_step=state.step if saved else -1)


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


def _start_message(run: _Run, before: TrainSettings | None) -> str:
    settings = run.settings
    parts = [run.data.describe()]
    if settings.start_from and before is None:
        parts.append(f"begins with the weights of {settings.start_from}")
    if settings.recipe == "semi-supervised" and not settings.has_pairs:
        parts.append("without pairs, semi-supervised is a pure CycleGAN: no step is supervised")
    if run.physics is None and weights_of(settings).physics and settings.lr is not None:
        parts.append("no physics-consistency loss, since the optics of the images are not stated or differ")
    changed = changed_folders(settings, before)
    if changed:
        parts.append(f"the data are not those that the run was begun with: {changed}")
    return "; ".join(parts)


def _describe_devices(run: _Run) -> str:
    here = describe_device(run.engine.device, run.settings.precision)
    return here if run.engine.processes == 1 else f"{run.engine.processes} processes, each {here}"


def _written_too(events: Events, writer: Any) -> Events:
    """Pass events and requests on, and write the events for TensorBoard."""
    asked = None
    with closing(events), closing(writer):
        while True:
            try:
                event = events.send(asked)
            except StopIteration:
                return
            write_event(writer, event)
            asked = yield event


def _steps(run: _Run) -> Events:
    settings, state = run.settings, run.state
    if run.engine.is_first and _is_due(run) and not was_validated(run.folder, state.step):
        yield from _validate_and_keep_best(run)  # the run was stopped between the step and its validation
    while state.step < settings.steps:
        event = _step(run)
        asked = yield event
        yield from run.data.take_skipped()
        stops = run.engine.greatest(_REQUESTS.index(asked)) == _REQUESTS.index(STOP)
        last = stops or state.step == settings.steps
        validates = _is_due(run)
        saves = last or asked == SAVE or state.step % settings.save_every == 0
        if run.bad_steps > MAX_BAD_STEPS:
            yield _rolled_back(run, f"the loss was not finite in {run.bad_steps} steps in a row")
            continue
        if (validates or saves) and not state.is_finite():
            yield _rolled_back(run, "the weights were not finite")
            continue
        if validates and run.engine.is_first:
            yield from _validate_and_keep_best(run)
        if saves and run.engine.is_first:
            yield _save(run)
        if stops:
            return


def _is_due(run: _Run) -> bool:
    """Whether a validation belongs to this step."""
    step = run.state.step
    return step == run.settings.steps or (step > 0 and step % run.settings.validate_every == 0)


_REQUESTS: tuple[TrainingRequest | None, ...] = (None, SAVE, STOP)


def _step(run: _Run) -> StepFinished:
    settings, state = run.settings, run.state
    began = time.perf_counter()
    rate = state.rate_factor * learning_rate(settings, state.step)
    losses = train_step(state, run.data, settings, run.engine, run.physics)
    run.bad_steps = 0 if all(map(math.isfinite, losses.values())) else run.bad_steps + 1
    speed = settings.batch_size / (time.perf_counter() - began)
    _log(run, {"step": state.step, **losses, "images_per_s": round(speed, 2), "learning_rate": rate})
    return StepFinished(state.step, settings.steps, losses, speed, rate, _memory_bytes(run))


def _memory_bytes(run: _Run) -> int:
    if run.engine.device.type == "cuda":
        return int(torch.cuda.memory_reserved(run.engine.device))
    return int(run.process.memory_info().rss)


def _rolled_back(run: _Run, reason: str) -> RolledBack:
    """Go back to the last save with a lower rate, since the same steps would come to the same end.

    Raises
    ------
    DivergedError
        If that has been tried often enough.
    """
    settings, state, step = run.settings, run.state, run.state.step
    rate = state.rate_factor * learning_rate(settings, step - 1)
    if run.rollbacks == MAX_ROLLBACKS:
        raise DivergedError(
            f"{run.folder}: training diverged: {reason}, up to step {step}; going back to the last save with half the "
            f"rate did not help {MAX_ROLLBACKS} times; start again in another folder with a lower learning_rate (it "
            f"was {rate:.2g} at the end), and see whether an image is broken; the saves are kept"
        )
    factor = state.rate_factor * ROLLBACK_FACTOR
    run.engine.wait()  # the first process may be at the save that the others are to read
    fresh = new_state(settings, run.engine.device)
    state.networks.load_state_dict(fresh.networks.state_dict())
    for name, optimiser in state.optimisers.items():
        optimiser.load_state_dict(fresh.optimisers[name].state_dict())
    state.pools, state.step, state.best_psnr_db = fresh.pools, 0, fresh.best_psnr_db
    if (run.folder / LAST).is_file():
        load_state(run.folder / LAST, state, run.engine.device)
    elif settings.start_from:
        _begin_with(settings.start_from, state, settings)
    state.rate_factor = factor
    run.bad_steps, run.rollbacks = 0, run.rollbacks + 1
    if run.engine.is_first:
        trim_metrics(run.folder, state.step)
        _log(run, {"step": state.step, "rolled_back_from": step, "rate_factor": factor})
    return RolledBack(step, state.step, reason, factor)


def _validate_and_keep_best(run: _Run) -> Events:
    state, settings = run.state, run.settings
    scores = validate(state.networks, run.data, settings, run.engine.device, state.step)
    _log(run, {"step": scores.step, "validation": figures_of(scores)})
    yield scores
    yield from run.data.take_skipped()
    try:
        write_previews(run.folder, scores.step, scores.previews)
        # Without labels nothing tells which is better: the latest one counts. A score that is no number is no better.
        if not scores.has_scores or scores.psnr_db > state.best_psnr_db:
            _save_best(run, scores)
            yield CheckpointSaved(state.step, run.folder / BEST)
    except OSError as error:
        yield SaveFailed(state.step, _reason(run, error))


def _save_best(run: _Run, scores: Validated | None) -> None:
    card = make_card(run.settings, run.state.step, run.data.found, scores)
    save_checkpoint(run.folder / BEST, run.state.networks["ema"], card)
    if scores is not None and scores.has_scores:
        run.state.best_psnr_db = scores.psnr_db


def _save(run: _Run) -> CheckpointSaved | SaveFailed:
    try:
        save_state(run.folder / LAST, run.state)
    except OSError as error:
        return SaveFailed(run.state.step, _reason(run, error))
    run.saved_step = run.state.step
    return CheckpointSaved(run.state.step, run.folder / LAST)


def _save_at_the_end(run: _Run) -> None:
    """Save what is not saved yet.

    Raises
    ------
    InputError
        If that cannot be written.
    """
    try:
        if run.saved_step != run.state.step:
            save_state(run.folder / LAST, run.state)
        if not (run.folder / BEST).is_file():
            _save_best(run, None)
    except OSError as error:
        kept = f"what was saved at step {run.saved_step} is kept" if run.saved_step >= 0 else "nothing was saved yet"
        raise InputError(f"{_reason(run, error)}; {kept}") from error


def _reason(run: _Run, error: OSError) -> str:
    return f"{run.folder}: cannot be written ({error.strerror or error}); make room, or see whether the folder is there"


def _log(run: _Run, record: Mapping[str, Any]) -> None:
    """Append to the metrics; what cannot be written is kept until it can."""
    if not run.engine.is_first:
        return
    run.unwritten.append(record)
    try:
        while run.unwritten:
            append_record(run.folder, run.unwritten[0])
            run.unwritten.pop(0)
    except OSError:
        return
