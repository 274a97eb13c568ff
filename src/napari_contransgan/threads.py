"""Choose and set the number of threads."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import psutil
import torch
from threadpoolctl import threadpool_limits

from napari_contransgan.errors import InputError
from napari_contransgan.progress import each_within

THREADS = "NAPARI_CONTRANSGAN_THREADS"
"""Environment variable for the number of threads, used where no setting states one."""

Event = TypeVar("Event")
Request = TypeVar("Request")
Result = TypeVar("Result")
Item = TypeVar("Item")


def threads_to_train(wanted: int | None = None) -> int:
    """Choose the number of threads for training: by default all physical cores but one, and at least one.

    Training runs for a long time, next to other programs. If one of its threads shares a core, all of them slow down:
    they wait for each other many times per step, and in bfloat16 oneDNN lets waiting threads spin.

    Parameters
    ----------
    wanted : int, optional
        Number in the settings. Without it, the environment variable ``NAPARI_CONTRANSGAN_THREADS`` is used, then
        ``OMP_NUM_THREADS``, and then the default.

    Raises
    ------
    InputError
        If ``NAPARI_CONTRANSGAN_THREADS`` is not a whole number of 1 or more.
    """
    return wanted or _stated() or max(1, usable_cores() - 1)


def threads_to_predict(wanted: int | None = None) -> int:
    """Choose the number of threads for prediction: by default all physical cores.

    A user is waiting for it. On two cores, two threads take two thirds of the time of one, and the same time as one
    while another program keeps a core busy.

    Parameters
    ----------
    wanted : int, optional
        As for `threads_to_train`.

    Raises
    ------
    InputError
        If ``NAPARI_CONTRANSGAN_THREADS`` is not a whole number of 1 or more.
    """
    return wanted or _stated() or usable_cores()


def _stated() -> int:
    """Return the number that the environment states; 0 if it states none."""
    text = os.environ.get(THREADS, "").strip()
    if text and not _number(text):
        raise InputError(f"the environment variable {THREADS}: {text!r} is not a valid number: use 1 or more")
    for_openmp = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # one for each nesting level
    return _number(text) or _number(for_openmp.strip())


def _number(text: str) -> int:
    """Return a text as a number of threads; 0 if it is not one."""
    return int(text) if text.isdecimal() else 0


def usable_cores() -> int:
    """Count the physical cores that this process may use."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(cores, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else cores


@contextmanager
def on_threads(number: int) -> Iterator[None]:
    """Set the number of threads within the block; speed depends on it, and so do the last bits of sums."""
    with _torch_on_threads(number), threadpool_limits(number):
        yield


def stay_on_one_thread() -> None:
    """Compute on one thread from now on, in a process or thread that does nothing else."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def each_on_threads(number: int, events: Generator[Event, Request, Result]) -> Generator[Event, Request, Result]:
    """Run a generator with this many threads for PyTorch; between its events the caller's own number is restored."""
    return each_within(lambda: _torch_on_threads(number), events)


def each_ahead(work: Callable[[Item], Result], items: Iterable[Item], at_once: int) -> Generator[Result, None, None]:
    """Compute several items at the same time, and yield their results in order.

    Items are taken, and results handed out, in the caller's thread. Close the generator to drop what has not begun.

    Parameters
    ----------
    work : callable
        Computes an item; it runs with as many threads for PyTorch as the caller has.
    items : iterable
        Taken as they are needed, one more than are computed.
    at_once : int
        Number of items that are computed at the same time.
    """
    if at_once == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(at_once, "tile", torch.set_num_threads, (torch.get_num_threads(),)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def _torch_on_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
