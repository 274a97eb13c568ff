"""Worker processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.processes import WorkerDiedError, Workers, in_processes

PATIENCE_S = 60.0


def times_ten(number: int) -> int:
    return 10 * number


def who_and_threads(_: int) -> tuple[int, int]:
    return os.getpid(), torch.get_num_threads()


def as_much_as(count: int) -> NDArray[np.int64]:
    return np.arange(count)


def sleep_s(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def kill_self_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    raise InputError(f"{number} is refused")


def is_there(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_gone(pids: list[int]) -> None:
    end = time.monotonic() + PATIENCE_S
    while any(map(is_there, pids)):
        assert time.monotonic() < end, "a process outlived its parent"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    with closing(Workers(2)) as workers:
        yield workers


def test_each_task_is_done_once_whatever_the_number_of_processes() -> None:
    for workers in (1, 2):
        done = dict(in_processes(times_ten, range(5), workers))
        assert done == {number: 10 * number for number in range(5)}
    assert list(in_processes(times_ten, [], 2)) == []


def test_work_is_done_elsewhere_on_one_thread(two: Workers) -> None:
    found = [future.result(PATIENCE_S) for future in [two.submit(who_and_threads, 0) for _ in range(8)]]
    assert {pid for pid, _ in found} <= set(two.pids)
    assert {threads for _, threads in found} == {1}


def test_large_results_come_without_anyone_asking_for_them(two: Workers) -> None:
    """A pipe holds little: a process would wait to be heard before it could go on."""
    futures = [two.submit(as_much_as, 1_000_000) for _ in range(6)]
    end = time.monotonic() + PATIENCE_S
    while not all(future.done() for future in futures):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert [future.result()[-1] for future in futures] == [999_999] * 6


def test_no_task_is_taken_before_a_process_is_free() -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    with closing(in_processes(times_ten, tasks(), 2)) as done:
        for count, _ in enumerate(done, 1):
            assert len(taken) <= count + 2


def test_what_the_work_raises_comes_here_and_the_process_goes_on(two: Workers) -> None:
    with pytest.raises(InputError, match="7 is refused"):
        two.submit(refuse, 7).result(PATIENCE_S)
    assert two.submit(times_ten, 1).result(PATIENCE_S) == 10


def test_a_process_that_dies_is_named_with_its_task() -> None:
    with pytest.raises(WorkerDiedError, match=r"^3: the worker process was killed by signal 9") as caught:
        list(in_processes(kill_self_at_three, range(6), 1))
    assert "use fewer workers" in str(caught.value)


def test_who_comes_after_a_death_is_told_too() -> None:
    with closing(Workers(1)) as workers:
        for _ in range(2):
            with pytest.raises(WorkerDiedError):
                workers.submit(kill_self_at_three, 3).result(PATIENCE_S)


def test_closing_ends_what_is_under_way_and_withdraws_what_waits() -> None:
    workers = Workers(1)
    assert workers.submit(times_ten, 1).result(PATIENCE_S) == 10
    under_way, waiting = workers.submit(sleep_s, 600.0), workers.submit(sleep_s, 600.0)
    while not under_way.running():
        time.sleep(0.01)
    began = time.monotonic()
    workers.close()
    assert time.monotonic() - began < PATIENCE_S
    assert waiting.cancelled()
    with pytest.raises(WorkerDiedError):
        under_way.result(PATIENCE_S)
    wait_until_gone(workers.pids)


PARENT = """
import sys, time
from napari_contransgan.processes import Workers
if __name__ == "__main__":
    import math
    workers = Workers(2)
    workers.submit(math.sqrt, 4.0).result()
    busy = [workers.submit(time.sleep, 600.0) for _ in range(4)]
    print(*workers.pids, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:  # noqa: S603
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_there, pids))
        parent.send_signal(number)
        try:
            parent.wait(PATIENCE_S)
        finally:
            parent.kill()
    wait_until_gone(pids)


def test_a_script_without_a_guard_is_told_about_it(tmp_path: Path) -> None:
    script = tmp_path / "no_guard.py"
    script.write_text(
        "import math\nfrom napari_contransgan.processes import in_processes\n"
        "print(list(in_processes(math.sqrt, [4.0], 1)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=PATIENCE_S)  # noqa: S603
    assert "must do so below 'if __name__ == \"__main__\":'" in done.stderr
