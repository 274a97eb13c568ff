"""A run in progress, and the files in its folder: saves, the best network, the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import save_checkpoint
from napari_contransgan.training.card import make_card
from napari_contransgan.training.data import TrainingData
from napari_contransgan.training.engine import Engine
from napari_contransgan.training.events import CheckpointSaved, SaveFailed, Validated
from napari_contransgan.training.physics import ForwardModel
from napari_contransgan.training.run_folder import BEST, LAST, append_record
from napari_contransgan.training.state import RunState, save_state
from napari_contransgan.training.timed import Clock, as_done


@dataclass
class Run:
    """State of a run in progress; only the first of several processes writes.

    Parameters
    ----------
    settings, folder, engine, data, state, physics, clock
        Its inputs, and the parts that change during the run.
    saved_step : int
        Step of the last save; -1 before there is one.
    bad_steps : int
        Number of steps in a row that were undone because values were not finite.
    unwritten : list
        Lines of the metrics that could not be written yet.
    process : Process
        This program, to read its memory use.
    """

    settings: TrainSettings
    folder: Path
    engine: Engine
    data: TrainingData
    state: RunState
    physics: ForwardModel | None
    clock: Clock
    saved_step: int = -1
    bad_steps: int = 0
    unwritten: list[Mapping[str, Any]] = field(default_factory=list)
    process: psutil.Process = field(default_factory=psutil.Process)

    @property
    def is_over(self) -> bool:
        """Return whether all steps are done, or the time is over after at least one step."""
        return self.state.step >= self.settings.steps or (self.state.step > 0 and self.state.clock_share >= 1)

    def look_at_clock(self) -> None:
        """Update the elapsed share of the run's time, equal in all processes until the next call."""
        if self.clock.limit_s is not None:
            self.state.clock_share = self.engine.greatest(round(self.clock.share * 1e6)) / 1e6


def save_best(run: Run, scores: Validated | None) -> None:
    """Write the averaged network for prediction, and remember its score.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    card = make_card(as_done(run.settings, run.state), run.state.step, run.data.found, scores)
    save_checkpoint(run.folder / BEST, run.state.networks["ema"], card)
    if scores is not None and scores.has_scores:
        run.state.best_psnr_db = scores.psnr_db


def save(run: Run) -> CheckpointSaved | SaveFailed:
    """Write everything needed to resume, and return the event that reports it.

    Nothing is written after a step that was undone, since its cause may already be in the weights.
    """
    if run.bad_steps:
        return SaveFailed(run.state.step, "the last step was not finite, so the save before it is kept until one is")
    try:
        _save_state(run)
    except OSError as error:
        return SaveFailed(run.state.step, reason_of(run, error))
    run.saved_step = run.state.step
    return CheckpointSaved(run.state.step, run.folder / LAST)


def save_at_the_end(run: Run) -> None:
    """Save the run if it is not saved yet.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        if run.saved_step != run.state.step and not run.bad_steps:
            _save_state(run)
        if not (run.folder / BEST).is_file():
            save_best(run, None)
    except OSError as error:
        kept = f"what was saved at step {run.saved_step} is kept" if run.saved_step >= 0 else "nothing was saved yet"
        raise InputError(f"{reason_of(run, error)}; {kept}") from error


def _save_state(run: Run) -> None:
    if run.clock.limit_s is not None:
        run.state.taken_s = run.clock.taken_s
    save_state(run.folder / LAST, run.state)


def reason_of(run: Run, error: OSError) -> str:
    """Return why nothing could be written, and what to do."""
    return f"{run.folder}: cannot be written ({error.strerror or error}); free some space, or check the folder"


def note(run: Run, record: Mapping[str, Any]) -> None:
    """Append to the metrics; keep lines that cannot be written until they can."""
    if not run.engine.is_first:
        return
    run.unwritten.append(record)
    try:
        while run.unwritten:
            append_record(run.folder, run.unwritten[0])
            run.unwritten.pop(0)
    except OSError:
        return
