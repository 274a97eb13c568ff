"""Processes of one thread each that work for this one: the one way in which this package runs several.

Python's own `ProcessPoolExecutor` was not enough: closing it lets every task under way run to its end, a process that
dies is not named with its task, and its processes outlive a parent that is killed. Here

- processes are spawned, never forked: PyTorch, OpenMP and Qt do not survive a fork of a program with threads;
- each has a pipe of its own, read by a thread of this process, so that it goes on while this process computes, and so
  that its death is noticed at once and with the task that it had;
- each watches this process and ends with it, also when it is killed, and ignores Ctrl-C, which this process receives;
- closing kills them at once, in the middle of a task: none of them writes a file;
- tasks wait for as long as they are not cancelled, so whoever submits them bounds their number: `in_processes` has one
  task for each process under way, and takes the next one only then.
"""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess, parent_process
from queue import SimpleQueue
from typing import Any, TypeVar

from napari_contransgan.errors import InputError
from napari_contransgan.threads import stay_on_one_thread

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerDiedError(InputError):
    """A process ended in the middle of a task, for example killed for want of memory."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: "Connection[Any, Any]"
    tasks_done: int = 0

    def do(self, work: Callable[[Task], Result], task: Task) -> Result:
        """Let the process do a task, and wait for it."""
        try:
            self.pipe.send((work, task))
            succeeded, result = self.pipe.recv()
        except (EOFError, OSError):
            raise self._died(task) from None
        self.tasks_done += 1
        if not succeeded:
            raise result
        return result  # type: ignore[no-any-return]

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.join()

    def _died(self, task: object) -> WorkerDiedError:
        self.process.join()
        code = self.process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        hint = "if memory is short, take fewer workers"
        if not self.tasks_done and code > 0:
            hint = "a script that starts workers must do so below 'if __name__ == \"__main__\":'"
        return WorkerDiedError(
            f"{task}: the worker process {how}; what was done before is kept: run it again to go on ({hint})"
        )


class Workers:
    """A number of processes, which start at once; close them in the end.

    Parameters
    ----------
    count : int
        Number of processes.
    """

    def __init__(self, count: int) -> None:
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        # A thread for each process, so that a thread that has a task always finds an idle process.
        self._threads = ThreadPoolExecutor(count, "worker")
        self._all: list[_Worker] = []
        with ExitStack() as stack, _interrupts_ignored():
            stack.callback(self.close)
            for _ in range(count):
                self._all.append(_started())
                self._idle.put(self._all[-1])
            stack.pop_all()  # all of them could be started

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes."""
        return [worker.process.pid or 0 for worker in self._all]

    def submit(self, work: Callable[[Task], Result], task: Task) -> "Future[Result]":
        """Let the next idle process do a task.

        Parameters
        ----------
        work : callable
            A function of a module.
        task
            What to call it with; like the result, it travels through a pipe.

        Returns
        -------
        Future
            With the result, or what `work` raised, or `WorkerDiedError`.
        """
        return self._threads.submit(self._do, work, task)

    def close(self) -> None:
        """End the processes at once; tasks that wait are cancelled, and those under way fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._all:
            worker.end()
        self._threads.shutdown()
        for worker in self._all:
            worker.pipe.close()

    def _do(self, work: Callable[[Task], Result], task: Task) -> Result:
        worker = self._idle.get()
        try:
            return worker.do(work, task)
        finally:
            self._idle.put(worker)  # one that died too: it says so to whoever comes next


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
    WorkerDiedError
        If a process dies, naming its task.
    Exception
        Whatever `work` raises.
    """
    waiting = iter(tasks)
    first = list(islice(waiting, workers))
    if not first:
        return
    with closing(Workers(len(first))) as crew:
        under_way = {crew.submit(work, task): task for task in first}
        while under_way:
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                done, result = under_way.pop(future), future.result()
                under_way |= {crew.submit(work, task): task for task in islice(waiting, 1)}
                yield done, result


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a process that is started within ignore Ctrl-C from its first moment; only the main thread may do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _started() -> _Worker:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    there.close()  # so that the pipe breaks when the process dies
    return _Worker(process, here)


def _serve(pipe: "Connection[Any, Any]") -> None:
    """Body of a process: do what comes through the pipe, until that breaks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the whole group; the parent ends the others
    stay_on_one_thread()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    try:
        while True:
            work, task = pipe.recv()
            try:
                outcome: tuple[bool, Any] = (True, work(task))
            except Exception as error:
                outcome = (False, error)
            pipe.send(outcome)
    except (EOFError, OSError):
        return


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
