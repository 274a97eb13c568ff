"""Long tasks as generators of events."""

from collections.abc import Generator

from napari_contransgan.progress import Progress, as_part, mapped, result_of


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


def test_the_steps_of_a_part_are_counted_among_those_of_all() -> None:
    def part() -> Generator[Progress, None, None]:
        yield Progress(1, 2, "first")
        yield Progress(2, 2, "second")

    seen: list[Progress] = []
    result_of(as_part(part(), 1, 3), seen.append)
    assert seen == [Progress(3, 6, "first"), Progress(4, 6, "second")]
