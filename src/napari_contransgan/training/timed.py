"""The clock of runs whose length is given in minutes.

Such a run is a run of `napari_contransgan.training.trainer` with one difference: its position on the schedule of
learning rates, supervised steps and norms depends on the elapsed share of its minutes, if that is larger than the share
of its steps. Simulated pairs are drawn as `napari_contransgan.training.ready_fields` describes.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from napari_contransgan.config import TrainSettings
from napari_contransgan.config.training import MOST_STEPS
from napari_contransgan.progress import each_within
from napari_contransgan.training.recipe import warm_start_steps
from napari_contransgan.training.state import RunState

Event = TypeVar("Event")
Request = TypeVar("Request")
Result = TypeVar("Result")


@dataclass
class Clock:
    """Time that a run has taken, over all its sessions.

    Parameters
    ----------
    limit_s : float or None
        Length of the run; None if it is not given in minutes.
    before_s : float
        Time that earlier sessions took.
    """

    limit_s: float | None = None
    before_s: float = 0.0
    _here_s: float = 0.0
    _since_s: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the clock run within the block."""
        self._since_s = time.monotonic()
        try:
            yield
        finally:
            self._here_s, self._since_s = self._session_s(), None

    @property
    def taken_s(self) -> float:
        """Return the time that the run has taken."""
        return self.before_s + self._session_s()

    @property
    def share(self) -> float:
        """Return the elapsed share of the run's time; 0 without a limit."""
        return 0.0 if self.limit_s is None else min(1.0, self.taken_s / self.limit_s)

    def _session_s(self) -> float:
        return self._here_s + (0.0 if self._since_s is None else time.monotonic() - self._since_s)


def clocked(events: Generator[Event, Request, Result], clock: Clock) -> Generator[Event, Request, Result]:
    """Run a generator with the clock, which stops while the caller handles an event, for example during a pause."""
    return each_within(clock.running, events)


def total_steps(settings: TrainSettings, state: RunState) -> int:
    """Return the number of steps of the run; with a time limit, estimate it from the speed so far."""
    if not state.clock_share:
        return settings.steps
    return min(settings.steps, max(state.step, round(state.step / state.clock_share)))


def length_of(settings: TrainSettings, taken_s: float) -> str:
    """Describe in one line when a run given in minutes ends; empty for other runs."""
    if settings.minutes is None:
        return ""
    left = max(0.0, settings.minutes - taken_s / 60)
    text = f"ends after {settings.minutes:g} minutes" + (f", {left:.2g} of them are left" if taken_s else "")
    return text if settings.steps == MOST_STEPS else f"{text}, or at step {settings.steps} if that is sooner"


def as_done(settings: TrainSettings, state: RunState) -> TrainSettings:
    """Return the settings of the run in steps that equals a run in minutes, for its card."""
    if settings.minutes is None:
        return settings
    warm = min(state.warm_steps, warm_start_steps(settings))
    return settings.model_copy(update={"steps": max(1, state.step), "warm_start_steps": warm})
