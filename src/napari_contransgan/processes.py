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
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess, parent_process
from queue import Empty, SimpleQueue
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
            f"the worker process {how}; what was done before is kept: run it again to go on ({hint})", source=task
        )


_Order = tuple["Future[Any]", Callable[[Any], Any], Any]
"""A task with what is to be done, and where the result goes."""


class Workers:
    """A number of processes, which start at once; close them when they are no longer needed.

    Parameters
    ----------
    count : int
        Number of processes.
    """

    def __init__(self, count: int) -> None:
        self._waiting: SimpleQueue[_Order | None] = SimpleQueue()
        self._all: list[_Worker] = []
        self._threads: list[threading.Thread] = []
        with ExitStack() as stack, _interrupts_ignored():
            stack.callback(self.close)
            for _ in range(count):
                self._all.append(_started())
                # A daemon, like the process: a program that ends without closing waits for neither.
                self._threads.append(threading.Thread(target=self._drive, args=(self._all[-1],), daemon=True))
                self._threads[-1].start()
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
        order: _Order = (Future(), work, task)
        self._waiting.put(order)
        return order[0]

    def close(self) -> None:
        """End the processes at once; tasks that wait are cancelled, and those under way fail."""
        with suppress(Empty):
            while (order := self._waiting.get_nowait()) is not None:
                order[0].cancel()
        for worker in self._all:
            self._waiting.put(None)
            worker.end()
        for thread in self._threads:
            thread.join()
        for worker in self._all:
            worker.pipe.close()

    def _drive(self, worker: _Worker) -> None:
        """Body of a thread: let one process do one task after the other; once it is dead, they all fail."""
        while (order := self._waiting.get()) is not None:
            future, work, task = order
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(worker.do(work, task))
                except Exception as error:
                    future.set_exception(error)


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
