"""Make fields on the workers of a dask scheduler, on this machine or on others, without a shared folder."""

import asyncio
import logging
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module, metadata
from itertools import islice
from typing import Any

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.simulation.field_files import FieldTask, make_files
from napari_contransgan.threads import stay_on_one_thread

CONNECT_S = 6
LOST_S = 60
"""Time for which all workers may be absent, for example during a restart."""

PACKAGES = ("napari-contransgan", "numpy", "scipy", "torch", "tifffile", "imagecodecs")
"""Packages that determine the bytes of a file."""


def on_cluster(address: str, tasks: Sequence[FieldTask]) -> Generator[tuple[FieldTask, dict[str, bytes]], None, None]:
    """Run tasks on the workers of a scheduler; close the generator to cancel tasks that have not started.

    At any time, twice as many tasks are submitted as the workers have threads.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://host:8786``.
    tasks : sequence of FieldTask
        The fields.

    Yields
    ------
    task, files : tuple
        In the order in which the tasks finish.

    Raises
    ------
    InputError
        If the package ``distributed`` is not installed, if no scheduler or worker answers, or if a worker has other
        versions of the packages that determine the bytes of a file.
    FieldError
        If a field fails.
    """
    distributed = _imported()
    waiting = iter(tasks)
    under_way: dict[Any, FieldTask] = {}
    with ExitStack() as stack:
        stack.enter_context(_log_kept_quiet())
        client = _connected(address, stack)
        stack.callback(lambda: client.cancel(list(under_way), force=True))
        versions = versions_here()
        while True:
            room = 2 * max(1, _threads(client, address)) - len(under_way)
            for task in islice(waiting, max(0, room)):
                values = task.settings.model_dump(mode="json")
                future = client.submit(make_on_worker, values, task.index, task.parts, versions, pure=False)
                under_way[future] = task
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
                        f"all workers are gone, and finished fields are kept: start workers with "
                        f"'dask worker {address} --nthreads 1' and run it again",
                        source=address,
                    ) from None
                continue
            for future in done:
                yield under_way[future], _result(future, under_way[future], address)
                del under_way[future]


def make_on_worker(
    values: dict[str, Any], index: int, parts: tuple[str, ...], versions: dict[str, str]
) -> dict[str, bytes]:
    """Make the files of a field on a worker.

    Parameters
    ----------
    values : dict
        The settings as plain values, because another version may not accept the object.
    index : int
        Number of the field.
    parts : tuple of str
        Parts to make.
    versions : dict
        Versions of the packages on the requesting machine.

    Raises
    ------
    InputError
        If this machine has other versions.
    """
    here = versions_here()
    others = [
        f"{name} {here.get(name)} instead of {wanted}" for name, wanted in versions.items() if here[name] != wanted
    ]
    if others:
        raise InputError(f"a worker has {', '.join(others)}: install the same versions everywhere")
    stay_on_one_thread()
    return make_files(FieldTask(SimulationSettings(**values), index, parts))


def versions_here() -> dict[str, str]:
    """Return the versions of the packages that determine the bytes of a file, without build suffixes."""
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"


def _imported() -> Any:
    try:
        return import_module("distributed")  # an optional dependency
    except ImportError:
        raise InputError(
            'a scheduler needs the package distributed: pip install "napari-contransgan[cluster]"'
        ) from None


def _connected(address: str, stack: ExitStack) -> Any:
    distributed = _imported()
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
        "the scheduler is gone, and finished fields are kept: start it again and repeat the run", source=address
    )


def _result(future: Any, task: FieldTask, address: str) -> dict[str, bytes]:
    distributed = _imported()
    try:
        files: dict[str, bytes] = future.result(timeout=LOST_S)
    except (distributed.CancelledError, OSError) as error:
        raise _lost(address) from error
    except distributed.KilledWorker as error:
        raise InputError(
            f"the workers of {address} that made it died one after another: if memory is short, start fewer of them",
            source=task,
        ) from error
    except ImportError as error:
        raise InputError(
            f"a worker cannot import {error.name}: install napari-contransgan "
            f"{versions_here()['napari-contransgan']} on all of them",
            source=address,
        ) from error
    return files
