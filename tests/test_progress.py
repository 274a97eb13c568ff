"""Long tasks as generators of events."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from napari_contransgan.progress import Progress, as_part, each_within, mapped, result_of


def test_changed_events_end_with_the_result_and_close_the_task() -> None:
    ends: list[str] = []

    def task() -> Generator[int, None, str]:
        try:
            yield from range(4)
            return "result"
        finally:
            ends.append("closed")

    seen: list[int] = []
    assert result_of(mapped(task(), lambda number: 10 * number if number % 2 else None), seen.append) == "result"
    assert seen == [10, 30]
    stopped = mapped(task(), lambda number: number)
    assert next(stopped) == 0
    stopped.close()
    assert ends == ["closed", "closed"]


def test_a_task_is_closed_at_once_when_its_listener_raises() -> None:
    ends: list[str] = []

    def task() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            ends.append("closed")

    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as kept:  # a notebook keeps the error, and with it the task
        result_of(task(), cancel)
    assert ends == ["closed"]
    assert kept.value is not None


def test_the_steps_of_a_part_are_counted_among_those_of_all() -> None:
    def part() -> Generator[Progress, None, None]:
        yield Progress(1, 2, "first")
        yield Progress(2, 2, "second")

    seen: list[Progress] = []
    result_of(as_part(part(), 1, 3), seen.append)
    assert seen == [Progress(3, 6, "first"), Progress(4, 6, "second")]


def test_a_context_is_left_while_the_caller_handles_an_event() -> None:
    is_inside, states, answers = False, list[bool](), list[str]()

    @contextmanager
    def context() -> Iterator[None]:
        nonlocal is_inside
        is_inside = True
        try:
            yield
        finally:
            is_inside = False

    def task() -> Generator[int, str, str]:
        for number in range(2):
            states.append(is_inside)
            answers.append((yield number))
        return "result"

    events = each_within(context, task())
    assert next(events) == 0
    states.append(is_inside)
    assert events.send("go on") == 1
    with pytest.raises(StopIteration, match="result"):
        events.send("to the end")
    assert states == [True, False, True]
    assert answers == ["go on", "to the end"]
    assert not is_inside
