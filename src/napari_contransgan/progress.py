"""Progress events of long tasks; the plugin, the command line and the tests use the same ones."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

E = TypeVar("E")
F = TypeVar("F")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """One finished step of a longer task.

    Parameters
    ----------
    step, total : int
        Steps done so far, and steps in all.
    message : str
        Current activity, in words that a user understands.
    """

    step: int
    total: int
    message: str


def result_of(events: Generator[E, Any, T], on_event: Callable[[E], object] = lambda _: None) -> T:
    """Run a task to its end, pass on each of its events, and return its result.

    If `on_event` raises an error, the task is closed at once, even if the error and with it the task is kept somewhere.
    """
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                value: T = stop.value
                return value
            on_event(event)


def as_part(events: Generator[Progress, None, T], number: int, count: int) -> Generator[Progress, None, T]:
    """Yield the progress of one of `count` equal tasks as progress of all of them, and return its result."""

    def of_all(step: Progress) -> Progress:
        return replace(step, step=number * step.total + step.step, total=count * step.total)

    return mapped(events, of_all)


def mapped(events: Generator[E, Any, T], change: Callable[[E], F | None]) -> Generator[F, None, T]:
    """Yield what `change` makes of each event, unless that is None, and return the result of the events."""
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                value: T = stop.value
                return value
            changed = change(event)
            if changed is not None:
                yield changed


def each_within(
    context: Callable[[], AbstractContextManager[object]], events: Generator[E, R, T]
) -> Generator[E, R, T]:
    """Run a generator in a context, which is left while the caller handles an event and entered again for the next."""
    with closing(events):
        go_on = partial(next, events)
        while True:
            with context():
                try:
                    event = go_on()
                except StopIteration as stop:
                    value: T = stop.value
                    return value
            go_on = partial(events.send, (yield event))
