"""The number of threads, and waiting without spinning."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import pytest
import torch

from napari_contransgan import threads
from napari_contransgan.errors import InputError
from napari_contransgan.threads import (
    each_ahead,
    each_on_threads,
    on_threads,
    threads_to_predict,
    threads_to_train,
    usable_cores,
)


@pytest.fixture(autouse=True)
def _nothing_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NAPARI_CONTRANSGAN_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    """Let the caller have a number that no test asks for."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


CHOICES = pytest.mark.parametrize("choose", [threads_to_predict, threads_to_train])
Choose = Callable[..., int]


@CHOICES
def test_settings_come_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch, choose: Choose
) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: 20)
    assert choose() >= 19
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert choose() == 5
    monkeypatch.setenv("NAPARI_CONTRANSGAN_THREADS", "6")
    assert choose() == 6
    assert choose(7) == 7


@CHOICES
@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_variable_that_is_no_number_of_threads_is_named(
    monkeypatch: pytest.MonkeyPatch, choose: Choose, text: str
) -> None:
    monkeypatch.setenv("NAPARI_CONTRANSGAN_THREADS", text)
    with pytest.raises(InputError, match=f"NAPARI_CONTRANSGAN_THREADS: '{re.escape(text)}' is not a valid number"):
        choose()


@CHOICES
def test_an_empty_variable_or_one_that_openmp_ignores_leaves_the_default(
    monkeypatch: pytest.MonkeyPatch, choose: Choose
) -> None:
    default = choose()
    monkeypatch.setenv("NAPARI_CONTRANSGAN_THREADS", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert choose() == default


@pytest.mark.parametrize(("cores", "to_train"), [(1, 1), (2, 1), (4, 3), (16, 15)])
def test_a_prediction_takes_all_cores_and_a_training_leaves_one(
    monkeypatch: pytest.MonkeyPatch, cores: int, to_train: int
) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    assert threads_to_predict() == cores
    assert threads_to_train() == to_train


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to cores")
def test_only_cores_that_the_process_may_use_count() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("number", [1, 2])
def test_a_number_of_threads_ends_with_its_context(number: int) -> None:
    with on_threads(number):
        assert torch.get_num_threads() == number
    assert torch.get_num_threads() == 3


class TestGeneratorOnThreads:
    """`each_on_threads`."""

    def test_has_its_own_number_and_leaves_the_callers_alone_between_events(self) -> None:
        seen = []
        for number in each_on_threads(2, numbers_seen(3)):
            seen.append(number)
            assert torch.get_num_threads() == 3
        assert seen == [2, 2, 2]
        assert torch.get_num_threads() == 3

    def test_passes_requests_and_the_result_on(self) -> None:
        def asked() -> Generator[int, str, str]:
            return (yield 1) + (yield 2)

        events = each_on_threads(2, asked())
        assert next(events) == 1
        assert events.send("a") == 2
        with pytest.raises(StopIteration) as end:
            events.send("b")
        assert end.value.value == "ab"

    def test_is_closed_with_it(self) -> None:
        closed = []

        def events() -> Generator[int, None, None]:
            try:
                yield 1
            finally:
                closed.append(True)

        outer = each_on_threads(2, events())
        next(outer)
        outer.close()
        assert closed == [True]

    def test_gives_the_callers_number_back_after_an_error(self) -> None:
        def fails() -> Generator[int, None, None]:
            yield 1
            raise ValueError("no")

        events = each_on_threads(2, fails())
        next(events)
        with pytest.raises(ValueError, match="no"):
            next(events)
        assert torch.get_num_threads() == 3


def numbers_seen(count: int) -> Generator[int, None, None]:
    for _ in range(count):
        yield torch.get_num_threads()


@pytest.mark.parametrize(
    "program",
    [["-c", "import napari_contransgan.inference"], ["-m", "napari_contransgan.cli", "models", "list"]],
    ids=["import", "command line"],
)
@pytest.mark.parametrize(("own", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_openmp_waits_without_spinning_unless_the_user_wants_otherwise(
    program: list[str], own: str | None, expected: str
) -> None:
    assert wait_policy(program, own) == expected


def wait_policy(program: list[str], own: str | None) -> str:
    """Return OpenMP's own report on how its threads wait, written when PyTorch loads it."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_DISPLAY_ENV": "TRUE"} | ({} if own is None else {"OMP_WAIT_POLICY": own})
    done = subprocess.run([sys.executable, *program], env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    found = re.findall(r"OMP_WAIT_POLICY\s*=\s*'(\w+)'", done.stdout + done.stderr)
    if not found:
        pytest.skip("this OpenMP does not display its settings")
    assert len(set(found)) == 1
    return str(found[0])


def test_items_are_computed_at_once_and_their_results_come_in_order() -> None:
    meet = threading.Barrier(2, timeout=20)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(6):
            assert threading.current_thread() is threading.main_thread()
            taken.append(number)
            yield number

    def work(number: int) -> tuple[int, int]:
        meet.wait()  # passes only with two at once
        time.sleep(0.05 * (number % 2 == 0))
        return number, torch.get_num_threads()

    with closing(each_ahead(work, items(), 2)) as results:
        assert next(results) == (0, 3)
        assert len(taken) <= 3
        assert list(results) == [(number, 3) for number in range(1, 6)]
    assert torch.get_num_threads() == 3


def test_what_has_not_begun_is_dropped_and_errors_reach_the_caller() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        if number == 3:
            raise ValueError(number)
        return number

    with closing(each_ahead(work, range(100), 2)) as results:
        next(results)
    assert len(begun) <= 4
    with pytest.raises(ValueError, match="3"):
        list(each_ahead(work, range(100), 2))
    assert list(each_ahead(work, range(3), 1)) == [0, 1, 2]
