"""Run tasks on the workers of a dask scheduler, on this machine or on others."""

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module, metadata
from itertools import islice
from typing import Any, TypeVar

from napari_contransgan.errors import InputError

CONNECT_S = 6
LOST_S = 60
"""Time for which all workers may be absent, for example during a restart."""

Task = TypeVar("Task")


def outcomes_on_cluster(
    address: str, tasks: Iterable[Task], call: Callable[[Task], tuple[Any, ...]]
) -> Generator[tuple[Task, Any], None, None]:
    """Run tasks on the workers of a scheduler; close the generator to cancel tasks that have not started.

    At any time, twice as many tasks are submitted as the workers have threads. The scheduler gives the task of a worker
    that died to another one.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://host:8786``.
    tasks : iterable
        The tasks.
    call : callable
        Returns the function that a worker calls for a task, followed by its arguments.

    Yields
    ------
    task, outcome : tuple
        In the order in which the tasks finish; the outcome is the result, or the exception that the function raised.

    Raises
    ------
    InputError
        If the package ``distributed`` is not installed, if no scheduler or worker answers any more, or if a worker
        cannot import the function.
    """
    distributed = imported()
    waiting = iter(tasks)
    under_way: dict[Any, Task] = {}
    with ExitStack() as stack:
        stack.enter_context(_log_kept_quiet())
        client = _connected(address, stack)
        stack.callback(lambda: client.cancel(list(under_way), force=True))
        while True:
            room = 2 * max(1, _threads(client, address)) - len(under_way)
            for task in islice(waiting, max(0, room)):
                under_way[client.submit(*call(task), pure=False)] = task
            if not under_way:
                return
            try:
                with client.as_current():
                    done = distributed.wait(list(under_way), timeout=LOST_S, return_when="FIRST_COMPLETED").done
            except distributed.CancelledError as error:
                raise _lost(address) from error
            except TimeoutError:
                if not _threads(client, address):
                    raise InputError(
                        f"all workers are gone, and finished work is kept: start workers with "
                        f"'dask worker {address} --nthreads 1' and run it again",
                        source=address,
                    ) from None
                continue
            for future in done:
                yield under_way[future], _outcome(future, under_way[future], address)
                del under_way[future]


def check_versions(wanted: dict[str, str]) -> None:
    """Raise an error on a worker whose packages have other versions than those of the machine that sent the task.

    Raises
    ------
    InputError
        If one differs.
    """
    here = versions_here(tuple(wanted))
    others = [f"{name} {here[name]} instead of {version}" for name, version in wanted.items() if here[name] != version]
    if others:
        raise InputError(f"a worker has {', '.join(others)}: install the same versions everywhere")


def versions_here(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages, without build suffixes."""
    return {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"


def imported() -> Any:
    """Import the optional package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module("distributed")
    except ImportError:
        raise InputError(
            'a scheduler needs the package distributed: pip install "napari-contransgan[cluster]"'
        ) from None


def _connected(address: str, stack: ExitStack) -> Any:
    distributed = imported()
    try:
        # A client that fails to connect hangs when it is deleted, so the connection is tested first, in a thread
        # because this one may already have an event loop.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _knock(distributed, address)).result()
        client = stack.enter_context(distributed.Client(address, timeout=CONNECT_S, set_as_default=False))
    except Exception as error:  # any type, if another program listens there
        raise InputError(
            f"no dask scheduler answers: check the address, or start one with 'dask scheduler', and workers "
            f"with 'dask worker {address} --nthreads 1'",
            source=address,
        ) from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        raise InputError(
            f"the scheduler has no workers: start some with 'dask worker {address} --nthreads 1'", source=address
        ) from None
    return client


async def _knock(distributed: Any, address: str) -> None:
    # Its own timeout does not apply to a server that never answers.
    comm = await asyncio.wait_for(distributed.comm.connect(address, timeout=CONNECT_S), CONNECT_S)
    await comm.close()


@contextmanager
def _log_kept_quiet() -> Iterator[None]:
    """Suppress log messages about a lost connection, which is reported as an `InputError`."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _threads(client: Any, address: str) -> int:
    try:
        return sum(client.nthreads().values())
    except OSError as error:
        raise _lost(address) from error


def _lost(address: str) -> InputError:
    return InputError(
        "the scheduler is gone, and finished work is kept: start it again and repeat the run", source=address
    )


def _outcome(future: Any, task: object, address: str) -> Any:
    distributed = imported()
    try:
        return future.result(timeout=LOST_S)
    except (distributed.CancelledError, distributed.comm.CommClosedError, TimeoutError) as error:
        raise _lost(address) from error
    except distributed.KilledWorker:
        return InputError(
            f"the workers of {address} that made it died one after another: if memory is short, start fewer of them",
            source=task,
        )
    except ImportError as error:
        raise InputError(
            f"a worker cannot import {error.name}: install napari-contransgan "
            f"{versions_here(('napari-contransgan',))['napari-contransgan']} on all of them",
            source=address,
        ) from error
    except Exception as error:
        return error
