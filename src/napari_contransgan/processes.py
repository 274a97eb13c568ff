"""Run several single-threaded worker processes; all multiprocessing in this package goes through this module.

Python's `ProcessPoolExecutor` is not enough: closing it lets every running task finish, it does not say which task a
dead process was working on, and its processes outlive a killed parent. Here

- processes are spawned, never forked: PyTorch, OpenMP and Qt do not survive a fork of a program with threads;
- each has a pipe of its own, read by a thread of this process, so that it goes on while this process computes, and so
  that its death is noticed at once and with the task that it had;
- each watches this process and ends with it, even if it is killed, and ignores Ctrl-C, which this process handles;
- closing kills them at once, even in the middle of a task; this is safe because none of them writes a file;
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
    """A process ended in the middle of a task, for example because it was killed when memory ran out."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: "Connection[Any, Any]"
    tasks_done: int = 0

    def do(self, work: Callable[[Task], Result], task: Task) -> Result:
        """Send a task to the process, and wait for its result."""
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
        hint = "if memory is short, use fewer workers"
        if not self.tasks_done and code > 0:
            hint = "a script that starts workers must do so below 'if __name__ == \"__main__\":'"
        return WorkerDiedError(
            f"the worker process {how}; finished work is kept: run it again to continue ({hint})", source=task
        )


_Order = tuple["Future[Any]", Callable[[Any], Any], Any]
"""A function, its task, and the future for the result."""


class Workers:
    """Worker processes, which start at once; close them when they are no longer needed.

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
                # A daemon, like the process, so that a program that ends without closing does not wait for either.
                self._threads.append(threading.Thread(target=self._drive, args=(self._all[-1],), daemon=True))
                self._threads[-1].start()
            stack.pop_all()  # all of them were started

    @property
    def pids(self) -> list[int]:
        """Return the process numbers."""
        return [worker.process.pid or 0 for worker in self._all]

    def submit(self, work: Callable[[Task], Result], task: Task) -> "Future[Result]":
        """Give a task to the next idle process.

        Parameters
        ----------
        work : callable
            A function of a module.
        task
            Its argument; like the result, it is sent through a pipe.

        Returns
        -------
        Future
            Holds the result, the exception that `work` raised, or a `WorkerDiedError`.
        """
        order: _Order = (Future(), work, task)
        self._waiting.put(order)
        return order[0]

    def close(self) -> None:
        """End the processes at once; waiting tasks are cancelled, and running ones fail."""
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
        """Send tasks to one process, one after another, in a thread; once the process is dead, all tasks fail."""
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
    """Run tasks in several processes; close the generator to end them at once.

    Parameters
    ----------
    work : callable
        A function of a module, called in the processes.
    tasks : iterable
        Arguments for `work`; the next one is taken when a process is free.
    workers : int
        Number of processes.

    Yields
    ------
    task, result : tuple
        In the order in which the tasks finish.

    Raises
    ------
    WorkerDiedError
        If a process dies; the message names its task.
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


def outcomes_in_processes(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int, attempts: int = 2
) -> Generator[tuple[Task, Result | Exception], None, None]:
    """Run tasks in several processes to the end, whatever happens to one of them; close the generator to end them.

    A process that dies is replaced, and its task is given to another one, so what a task writes has to be complete or
    absent.

    Parameters
    ----------
    work : callable
        A function of a module, called in the processes.
    tasks : iterable
        Arguments for `work`; the next one is taken when a process is free.
    workers : int
        Number of processes.
    attempts : int
        Number of processes that may die of the same task.

    Yields
    ------
    task, outcome : tuple
        In the order in which the tasks finish; the outcome is the result, or the exception that `work` raised, or a
        `WorkerDiedError`.
    """
    waiting = iter(tasks)
    with ExitStack() as stack:
        under_way: dict[Future[Any], tuple[Any, Workers, int]] = {}
        for task in islice(waiting, workers):
            crew = stack.enter_context(closing(Workers(1)))
            under_way[crew.submit(work, task)] = (task, crew, 1)
        while under_way:
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                task, crew, attempt = under_way.pop(future)
                error = future.exception()
                if isinstance(error, WorkerDiedError):
                    crew.close()
                    crew = stack.enter_context(closing(Workers(1)))
                    if attempt < attempts:
                        under_way[crew.submit(work, task)] = (task, crew, attempt + 1)
                        continue
                for following in islice(waiting, 1):
                    under_way[crew.submit(work, following)] = (following, crew, 1)
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield task, future.result() if error is None else error


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Make processes started within the block ignore Ctrl-C from their first moment; only the main thread can do so."""
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
    """Run the tasks that arrive through the pipe until it breaks; the main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
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
