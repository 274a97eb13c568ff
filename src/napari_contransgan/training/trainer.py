"""A training run as an iterator of events; all of its files are in one folder, see `run_folder`."""

import math
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import remove_leftovers, write_atomically
from napari_contransgan.io.locking import folder_locked
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.models.compute import describe_device, precision_to_train
from napari_contransgan.models.folding import folded_weights
from napari_contransgan.models.optics_aware import OpticsAware
from napari_contransgan.models.registry import PRESETS
from napari_contransgan.optics import KnownOptics
from napari_contransgan.threads import each_on_threads, threads_to_train
from napari_contransgan.training.card import figures_of
from napari_contransgan.training.data import TrainingData, gather
from napari_contransgan.training.engine import make_engine, start_fabric
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
)
from napari_contransgan.training.physics import ForwardModel, forward_model
from napari_contransgan.training.ready_fields import drawn_from_ready
from napari_contransgan.training.recipe import learning_rate, weights_of
from napari_contransgan.training.resuming import changed_folders, settings_before, with_choices_resolved
from napari_contransgan.training.run import Run, note, reason_of, save, save_at_the_end, save_best
from napari_contransgan.training.run_folder import (
    BEST,
    CONFIG,
    LAST,
    PREVIEWS,
    trim_metrics,
    was_validated,
    write_previews,
)
from napari_contransgan.training.state import RunState, load_state, new_state
from napari_contransgan.training.steps import train_step
from napari_contransgan.training.tensorboard import open_writer, write_event
from napari_contransgan.training.timed import Clock, clocked, length_of, total_steps
from napari_contransgan.training.validation import validate

MAX_BAD_STEPS = 20
MAX_ROLLBACKS = 5
ROLLBACK_FACTOR = 0.5

Events = Generator[TrainingEvent, TrainingRequest | None, None]


class DivergedError(InputError):
    """Training diverged to values that are not finite; the saves on disk are left unchanged."""


def train(
    settings: TrainSettings, run_dir: Path, resume: bool = False
) -> Generator[TrainingEvent, TrainingRequest | None, Path]:
    """Train, yielding events; to stop, close the generator, and the run is saved.

    Parameters
    ----------
    settings : TrainSettings
        The run.
    run_dir : Path
        Folder of the run; new, unless `resume`.
    resume : bool
        Continue from the folder's last save, or start if there is none.

    Yields
    ------
    TrainingEvent
        After a `StepFinished`, send ``SAVE`` to save at once, or ``STOP`` to save and end. With several processes, use
        ``STOP``, since all must end at the same step.

    Returns
    -------
    Path
        The checkpoint to predict with.

    Raises
    ------
    InputError
        If the data or the folder are unusable, or the losses remain infinite or NaN.
    """
    fabric = start_fabric(settings)
    clock = Clock(None if settings.minutes is None else 60 * settings.minutes)
    with folder_locked(run_dir, "training") if fabric.is_global_zero else nullcontext():
        before = settings_before(run_dir / CONFIG, settings, resume)
        settings = with_choices_resolved(settings, before)
        threads = threads_to_train(settings.threads)
        working = clocked(_train(settings, before, run_dir, resume, fabric, clock), clock)
        step, is_over = yield from each_on_threads(threads, working)
    if is_over:
        yield TrainingFinished(step, run_dir / BEST)
    return run_dir / BEST


def _train(
    settings: TrainSettings,
    before: TrainSettings | None,
    run_dir: Path,
    resume: bool,
    fabric: Fabric,
    clock: Clock,
) -> Generator[TrainingEvent, TrainingRequest | None, tuple[int, bool]]:
    """Train within the lock and on the threads of `train`; return the steps done, and whether the run is over."""
    with ExitStack() as stack:
        data = stack.enter_context(closing(gather(settings)))
        run = _prepare(settings, run_dir, resume, fabric, data, clock)
        message = _start_message(run, before)
        if settings.minutes is not None:
            run.data = drawn_from_ready(data, settings, run.state.step, run.engine.items)
        writer = None
        if settings.tensorboard and run.engine.is_first:
            writer = open_writer(run_dir, run.state.step)
            stack.callback(_close_quietly, writer)
        if run.engine.is_first:
            for folder in (run_dir, run_dir / PREVIEWS):
                remove_leftovers(folder)
            # Only now, after the settings, the data and the save have been checked.
            write_atomically(run_dir / CONFIG, settings.to_yaml().encode())
            trim_metrics(run_dir, run.state.step)
        yield TrainingStarted(
            message=message,
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
            # Reached on success, on errors, and when the consumer closes the generator.
            if run.engine.is_first and not diverged and run.state.is_whole and run.state.is_finite():
                save_at_the_end(run)
    return run.state.step, run.is_over


def _prepare(
    settings: TrainSettings, run_dir: Path, resume: bool, fabric: Fabric, data: TrainingData, clock: Clock
) -> Run:
    state = new_state(settings, fabric.device)
    saved = resume and (run_dir / LAST).is_file()
    if saved:
        load_state(run_dir / LAST, state, fabric.device)
    elif settings.start_from:
        _begin_with(settings.start_from, state, settings)
    engine = make_engine(fabric, state.networks, settings)
    if state.step > settings.steps:
        raise InputError(f"{run_dir}: has done {state.step} steps already; give that many or more")
    clock.before_s = state.taken_s
    physics = forward_model(settings, data.found.simulated) if weights_of(settings).physics else None
    _check_physics(settings, physics)
    run = Run(settings, run_dir, engine, data, state, physics, clock, saved_step=state.step if saved else -1)
    run.look_at_clock()
    return run


def _check_physics(settings: TrainSettings, physics: ForwardModel | None) -> None:
    if physics is None and settings.lambda_physics:
        raise InputError(
            "training: the physics-consistency loss needs to know how the low-resolution images were taken, and images "
            "that are not magnified: state 'physics' (microscope, objective, focus_um) and leave scale_range out, or "
            "set lambda_physics to 0"
        )
    if physics is not None and 3 * physics.border_px > settings.crop_px:
        raise InputError(
            f"training: out of focus by {physics.focus_um:g} um, light comes from {physics.border_px} px around a crop "
            f"of {settings.crop_px} px, too much for the physics-consistency loss: make crop_px at least "
            f"{-(-3 * physics.border_px // 32) * 32}, or set lambda_physics to 0"
        )


def _begin_with(name: str, state: RunState, settings: TrainSettings) -> None:
    """Fill the generator, and its average, with the weights of a trained network of the same kind.

    A folded network can start from one that is not folded. Of networks that take optics and others, each can start from
    the other kind.
    """
    loaded = load_checkpoint(find_model(name))
    sizes = PRESETS[loaded.card.preset], PRESETS[settings.preset]
    must_fold = sizes[0] != sizes[1] and replace(sizes[0], is_folded=True) == sizes[1]
    own = {"generator": settings.generator, "preset": settings.preset, "phase_ref_rad": settings.phase_ref_rad}
    for what, value in own.items():
        if getattr(loaded.card, what) != value and not (must_fold and what == "preset"):
            raise InputError(
                f"{name}: has the {what} {getattr(loaded.card, what)}, the run {value}; a run can only start from a "
                f"network of the same kind"
            )
    if loaded.card.takes_optics and (must_fold or not settings.takes_optics):
        loaded = loaded.told(KnownOptics())
    weights = folded_weights(loaded.weights) if must_fold else loaded.weights
    for part in ("to_phase", "ema"):
        network = state.networks[part]
        if isinstance(network, OpticsAware) and not loaded.card.takes_optics:
            network = network.network
        network.load_state_dict(weights)


def _start_message(run: Run, before: TrainSettings | None) -> str:
    settings = run.settings
    parts = [run.data.describe(), *filter(None, [length_of(settings, run.clock.before_s)])]
    if settings.start_from and before is None:
        parts.append(f"begins with the weights of {settings.start_from}")
    if settings.recipe == "semi-supervised" and not settings.has_pairs:
        parts.append("without pairs, semi-supervised training is a pure CycleGAN: no step is supervised")
    if run.physics is None and weights_of(settings).physics and settings.lr is not None:
        parts.append(
            "no physics-consistency loss, since the optics of the images are not stated, differ, or do not fit "
            "magnified images"
        )
    changed = changed_folders(settings, before)
    if changed:
        parts.append(f"the data differ from those that the run was started with: {changed}")
    return "; ".join(parts)


def _describe_devices(run: Run) -> str:
    device = run.engine.device
    here = describe_device(device, precision_to_train(device, run.settings.precision))
    return here if run.engine.processes == 1 else f"{run.engine.processes} processes, each {here}"


def _written_too(events: Events, writer: Any) -> Events:
    """Pass events and requests on, and write the events for TensorBoard as long as there is room."""
    asked = None
    with closing(events):
        while True:
            try:
                event = events.send(asked)
            except StopIteration:
                return
            with suppress(OSError):
                write_event(writer, event)
            asked = yield event


def _close_quietly(writer: Any) -> None:
    with suppress(OSError):
        writer.close()


def _steps(run: Run) -> Events:
    settings, state = run.settings, run.state
    if run.engine.is_first and _is_due(run) and not was_validated(run.folder, state.step):
        yield from _validate_and_keep_best(run)  # the run was stopped between the step and its validation
    while not run.is_over:
        event = _step(run)
        asked = yield event
        for skipped in run.data.take_skipped():  # noqa: UP028 - a list cannot be sent requests
            yield skipped
        # A request to one process applies to all.
        request = _REQUESTS[run.engine.greatest(_REQUESTS.index(asked))]
        run.look_at_clock()
        validates = _is_due(run)
        saves = request is not None or run.is_over or state.step % settings.save_every == 0
        trouble = _trouble(run, looks_at_weights=validates or saves)
        if trouble and request != STOP:
            yield _rolled_back(run, trouble)
        elif not trouble and run.engine.is_first:
            if validates:
                yield from _validate_and_keep_best(run)
            if saves:
                yield save(run)
        if request == STOP:
            return


def _trouble(run: Run, *, looks_at_weights: bool) -> str:
    """Return which values are not finite; empty if the run can continue."""
    if run.bad_steps > MAX_BAD_STEPS:
        return f"the loss was not finite in {run.bad_steps} steps in a row"
    return "the weights were not finite" if looks_at_weights and not run.state.is_finite() else ""


def _is_due(run: Run) -> bool:
    """Return whether this step ends with a validation."""
    return run.is_over or (run.state.step > 0 and run.state.step % run.settings.validate_every == 0)


_REQUESTS: tuple[TrainingRequest | None, ...] = (None, SAVE, STOP)


def _step(run: Run) -> StepFinished:
    settings, state = run.settings, run.state
    began = time.perf_counter()
    rate = state.rate_factor * learning_rate(settings, state.step, state.place(settings))
    losses = train_step(state, run.data, settings, run.engine, run.physics)
    run.bad_steps = 0 if all(map(math.isfinite, losses.values())) else run.bad_steps + 1
    speed = settings.batch_size / (time.perf_counter() - began)
    note(run, {"step": state.step, **losses, "images_per_s": round(speed, 2), "learning_rate": rate})
    return StepFinished(state.step, total_steps(settings, state), losses, speed, rate, _memory_bytes(run))


def _memory_bytes(run: Run) -> int:
    if run.engine.device.type == "cuda":
        return int(torch.cuda.memory_reserved(run.engine.device))
    return int(run.process.memory_info().rss)


def _rolled_back(run: Run, reason: str) -> RolledBack:
    """Return to the last save with a lower rate, since repeating the same steps would give the same result.

    Raises
    ------
    DivergedError
        If this was tried too often.
    """
    settings, state, step = run.settings, run.state, run.state.step
    rate = state.rate_factor * learning_rate(settings, step - 1, max(0.0, state.place(settings) - 1))
    if state.rollbacks >= MAX_ROLLBACKS:
        raise DivergedError(
            f"{run.folder}: training diverged: {reason}, up to step {step}; going back to the last save with half the "
            f"rate did not help {MAX_ROLLBACKS} times; start again in another folder with a lower learning_rate (it "
            f"was {rate:.2g} at the end), and look for a damaged image; the saves are kept"
        )
    factor, rollbacks = state.rate_factor * ROLLBACK_FACTOR, state.rollbacks + 1
    run.engine.wait()  # the first process may be writing the save that the others will read
    state.is_whole = False
    _restore(run)
    state.rate_factor, state.rollbacks = factor, rollbacks
    state.is_whole, run.bad_steps = True, 0
    run.engine.wait()  # now that all have read it, it may be overwritten
    if run.engine.is_first:
        run.unwritten = [record for record in run.unwritten if record["step"] <= state.step]
        with suppress(OSError):
            trim_metrics(run.folder, state.step)
        note(run, {"step": state.step, "rolled_back_from": step, "rate_factor": factor})
        save(run)  # else a kill would bring the old rate back; what cannot be written now is tried at the next save
    return RolledBack(step, state.step, reason, factor)


def _restore(run: Run) -> None:
    """Fill the state from the last save, or from the beginning where there is none."""
    settings, state = run.settings, run.state
    if (run.folder / LAST).is_file():
        load_state(run.folder / LAST, state, run.engine.device)
        return
    fresh = new_state(settings, run.engine.device)
    state.networks.load_state_dict(fresh.networks.state_dict())
    for name, optimiser in state.optimisers.items():
        optimiser.load_state_dict(fresh.optimisers[name].state_dict())
    state.pools, state.step, state.best_psnr_db, state.warm_steps = fresh.pools, 0, fresh.best_psnr_db, 0
    if settings.start_from:
        _begin_with(settings.start_from, state, settings)


def _validate_and_keep_best(run: Run) -> Events:
    """Score, and save the best network before reporting the scores, so that stopping then keeps all or nothing."""
    state = run.state
    scores = validate(state.networks, run.data, run.settings, run.engine.device, state.step)
    after: list[TrainingEvent] = list(run.data.take_skipped())
    try:
        write_previews(run.folder, scores.step, scores.previews)
        # Without labels the latest network counts as the best. A score of nan is never better.
        if not scores.has_scores or scores.psnr_db > state.best_psnr_db:
            save_best(run, scores)
            after.append(CheckpointSaved(state.step, run.folder / BEST))
    except OSError as error:
        after.append(SaveFailed(state.step, reason_of(run, error)))
    note(run, {"step": scores.step, "validation": figures_of(scores)})
    yield scores
    for event in after:  # noqa: UP028 - as above
        yield event
