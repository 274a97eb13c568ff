"""Work through many files: in several processes or on a cluster, resumable, whatever is wrong with one of them."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from napari_contransgan.cluster import check_versions, outcomes_on_cluster, versions_here
from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import append_line, empty_folders_removed, remove_leftovers
from napari_contransgan.io.inputs import size_and_time
from napari_contransgan.plain_files import json_value
from napari_contransgan.processes import outcomes_in_processes
from napari_contransgan.progress import Progress, as_part, mapped

PACKAGES = ("napari-contransgan",)


class FileTask(Protocol):
    """One file to work on, and the files of its results."""

    @property
    def path(self) -> Path:
        """Return the file."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Return the files that are written."""

    def depends_on(self) -> tuple[Any, ...]:
        """Return everything but the file that the result depends on, such as settings and further files."""


T = TypeVar("T", bound=FileTask)


@dataclass(frozen=True)
class Work(Generic[T]):
    """What is done with each file.

    Parameters
    ----------
    done : str
        How a finished file is called in messages, such as "predicted".
    manifest : str
        Name of the file with one line of JSON for each file that was done or skipped; the last line of a file counts.
    here : callable
        Does a task in this process.
    elsewhere : callable
        Does a task in another process; a function of a module.
    """

    done: str
    manifest: str
    here: Callable[[T], Generator[Progress, None, Mapping[str, Any]]]
    elsewhere: Callable[[T], Mapping[str, Any]]


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        What is wrong with it.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class BatchResult:
    """What became of the files.

    Parameters
    ----------
    results : tuple of mapping
        Result of each file. Those of an earlier run come first.
    earlier : int
        How many an earlier run did.
    skipped : tuple of Skipped
        Files that could not be used.
    manifest : Path
        The file that says so.
    """

    results: tuple[Mapping[str, Any], ...]
    earlier: int
    skipped: tuple[Skipped, ...]
    manifest: Path


def check_any(tasks: Sequence[FileTask]) -> None:
    """Raise an error if there is no task.

    Raises
    ------
    InputError
        If so.
    """
    if not tasks:
        raise InputError("no image was given: name files, a folder or a pattern")


def work_through(
    tasks: Sequence[T], work: Work[T], folder: Path, workers: int = 1, scheduler: str | None = None
) -> Generator[Progress, None, BatchResult]:
    """Do all tasks; run it again to go on where it stopped.

    A file that cannot be used is skipped. Files that an earlier run did with the same settings, and that did not
    change, are not done again. A process that dies is replaced. Close the generator to stop: what is complete is kept,
    and nothing else.

    Parameters
    ----------
    tasks : sequence of FileTask
        The files.
    work : Work
        What is done with each.
    folder : Path
        Folder of the manifest.
    workers : int
        Number of single-threaded processes; with 1, everything is computed in this process.
    scheduler : str or None
        Address of a dask scheduler, whose workers reach the same files by the same paths.

    Yields
    ------
    Progress
        For each step of a single process, else for each file.

    Returns
    -------
    BatchResult
        Results, skipped files and reasons.

    Raises
    ------
    InputError
        If there is no task, the folder cannot be written to, or the scheduler cannot be used.
    """
    check_any(tasks)
    manifest = folder / work.manifest
    known = _known(manifest)
    stamps = {task: _stamp(task) for task in tasks}
    is_done = {task: _is_done(task, stamps[task], known) for task in tasks}
    earlier, missing = ([task for task in tasks if is_done[task] is wanted] for wanted in (True, False))
    results: list[Mapping[str, Any]] = [known[str(task.path)]["result"] for task in earlier]
    skipped = []
    with empty_folders_removed(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot be created as a folder ({error.strerror}): choose another", source=folder
            ) from error
        _remove_leftovers(missing)
        try:
            with closing(_outcomes(missing, work, workers, scheduler)) as outcomes:
                for outcome in outcomes:
                    if isinstance(outcome, Progress):
                        yield outcome
                        continue
                    task, result = outcome
                    entry: dict[str, Any] = {"input": str(task.path), "stamp": stamps[task]}
                    if isinstance(result, Exception):
                        skipped.append(Skipped(task.path, _reason(task, result)))
                        entry |= {"state": "skipped", "reason": skipped[-1].reason}
                    else:
                        results.append(json_value(result))
                        entry |= {"state": "done", "result": results[-1]}
                    append_line(manifest, json.dumps(entry).encode() + b"\n")
                    finished = len(results) + len(skipped)
                    yield Progress(finished, len(tasks), f"{work.done} {finished} of {len(tasks)} files")
        finally:
            _remove_leftovers(missing)  # of processes that were ended
    return BatchResult(tuple(results), len(earlier), tuple(skipped), manifest)


def done_on_worker(work: Callable[[T], Mapping[str, Any]], task: T, versions: dict[str, str]) -> Mapping[str, Any]:
    """Do a task on the worker of a cluster.

    Raises
    ------
    InputError
        If the worker has another version of this program, does not reach the file, or cannot use it.
    """
    check_versions(versions)
    return work(task)


def _outcomes(
    tasks: Sequence[T], work: Work[T], workers: int, scheduler: str | None
) -> Generator[Progress | tuple[T, Any], None, None]:
    if scheduler is not None and tasks:
        versions = versions_here(PACKAGES)
        yield from outcomes_on_cluster(scheduler, tasks, lambda task: (done_on_worker, work.elsewhere, task, versions))
    elif workers > 1:
        yield from outcomes_in_processes(work.elsewhere, tasks, min(workers, len(tasks)))
    else:
        for number, task in enumerate(tasks):
            yield from _here(task, work, number, len(tasks))


def _here(task: T, work: Work[T], number: int, count: int) -> Iterator[Progress | tuple[T, Any]]:
    def named(step: Progress) -> Progress:
        return replace(step, message=f"{task.path.name}: {step.message}")

    try:
        result = yield from mapped(as_part(work.here(task), number, count), named)
    except Exception as error:
        yield task, error
    else:
        yield task, result


def _reason(task: FileTask, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    return f"{task.path}: {type(error).__name__}: {error}"


def _stamp(task: FileTask) -> list[Any]:
    """Return what the result of a file depends on: its size and time, and everything else as a digest."""
    digest = hashlib.blake2b(json.dumps(json_value(task.depends_on())).encode(), digest_size=8).hexdigest()
    return [*size_and_time(task.path), digest]


def _known(manifest: Path) -> dict[str, dict[str, Any]]:
    """Read the last entry of each file; lines that a killed run left half-written are left out."""
    known: dict[str, dict[str, Any]] = {}
    if manifest.is_file():
        for line in manifest.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                known[entry["input"]] = entry
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
    return known


def _is_done(task: FileTask, stamp: list[Any], known: Mapping[str, Mapping[str, Any]]) -> bool:
    entry = known.get(str(task.path), {})
    is_known = entry.get("state") == "done" and entry.get("stamp") == stamp and "result" in entry
    return is_known and all(map(Path.exists, task.outputs))


def _remove_leftovers(tasks: Sequence[FileTask]) -> None:
    """Remove half-written results of processes that were killed."""
    for folder in {output.parent for task in tasks for output in task.outputs}:
        remove_leftovers(folder)
