"""Processes of one thread each that do one task after the other."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess, parent_process
from typing import Any, Generic, TypeVar

import torch
from threadpoolctl import threadpool_limits

from napari_contransgan.errors import InputError

Task = TypeVar("Task")
Result = TypeVar("Result")


def begin_worker() -> None:
    """Set a process up to work for the one that started it: on one thread, deaf to Ctrl-C, and never outliving it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the whole group; the first process ends the others
    stay_on_one_thread()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def stay_on_one_thread() -> None:
    """Compute on one thread from now on: for a process, or a thread, that does nothing else."""
    torch.set_num_threads(1)
    threadpool_limits(1)


@dataclass
class _Worker(Generic[Task]):
    process: BaseProcess
    pipe: "Connection[Any, Any]"
    task: Task
    tasks_done: int = 0


def in_processes(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Generator[tuple[Task, Result], None, None]:
    """Do tasks in several processes; close the generator to end them at once.

    Parameters
    ----------
    work : callable
        A function of a module, called in the processes.
    tasks : iterable
        What to call it with; a task is taken when a process is free.
    workers : int
        Number of processes.

    Yields
    ------
    task, result : tuple
        As they are done, in no particular order.

    Raises
    ------
    InputError
        If a process dies, naming its task.
    Exception
        Whatever `work` raises.
    """
    waiting = iter(tasks)
    crew: list[_Worker[Task]] = []
    try:
        crew.extend(_started(work, task) for task in islice(waiting, workers))
        while crew:
            for pipe in wait([worker.pipe for worker in crew]):
                worker = next(worker for worker in crew if worker.pipe is pipe)
                try:
                    succeeded, result = worker.pipe.recv()
                except (EOFError, OSError):
                    raise _died(worker) from None
                if not succeeded:
                    raise result
                done = worker.task
                worker.tasks_done += 1
                following = next(waiting, None)
                if following is None:
                    crew.remove(worker)
                    _end(worker)
                else:
                    worker.task = following
                    _give(worker)
                yield done, result
    finally:
        for worker in crew:
            _end(worker)


def _started(work: Callable[[Task], Result], task: Task) -> _Worker[Task]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(work, there), daemon=True)
    with interrupts_ignored():
        process.start()
    there.close()  # so that the pipe breaks when the process dies
    worker = _Worker(process, here, task)
    _give(worker)
    return worker


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Let a process that is started within ignore Ctrl-C from its first moment; only the main thread may do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _give(worker: _Worker[Task]) -> None:
    try:
        worker.pipe.send(worker.task)
    except OSError:
        raise _died(worker) from None


def _died(worker: _Worker[Task]) -> InputError:
    worker.process.join()
    code = worker.process.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    hint = "if memory is short, take fewer workers"
    if not worker.tasks_done and code > 0:
        hint = "a script that starts workers must do so below 'if __name__ == \"__main__\":'"
    return InputError(
        f"the worker process {how}; what was done before is kept: run it again to go on ({hint})", source=worker.task
    )


def _end(worker: _Worker[Task]) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _serve(work: Callable[[Task], Result], pipe: "Connection[Any, Any]") -> None:
    """Body of a process: ends when the one that started it is gone."""
    begin_worker()
    try:
        while True:
            task = pipe.recv()
            try:
                outcome: tuple[bool, Any] = (True, work(task))
            except Exception as error:
                outcome = (False, error)
            pipe.send(outcome)
    except (EOFError, OSError):
        return
