"""Predict many files: in several processes or on a cluster, resumable, whatever is wrong with one of them."""

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from napari_contransgan.cluster import check_versions, outcomes_on_cluster, versions_here
from napari_contransgan.errors import InputError
from napari_contransgan.inference.files import FileTask, predict_file
from napari_contransgan.io.atomic import remove_leftovers
from napari_contransgan.io.zarr_store import contents_stamp
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.plain_files import json_value
from napari_contransgan.processes import outcomes_in_processes
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.threads import stay_on_one_thread

MANIFEST = "predicted.jsonl"
"""One line of JSON for each file that was predicted or skipped; the last line of a file counts."""
PACKAGES = ("napari-contransgan",)


@dataclass(frozen=True)
class Skipped:
    """A file that was not predicted.

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
class FolderResult:
    """What became of the files.

    Parameters
    ----------
    results : tuple of mapping
        Result of each predicted file; see `predict_file`. Those that an earlier run predicted come first.
    earlier : int
        How many an earlier run predicted.
    skipped : tuple of Skipped
        Files that were not predicted.
    manifest : Path
        The file that says so.
    """

    results: tuple[Mapping[str, Any], ...]
    earlier: int
    skipped: tuple[Skipped, ...]
    manifest: Path


def predict_files(
    tasks: Sequence[FileTask], folder: Path, workers: int = 1, scheduler: str | None = None
) -> Generator[Progress, None, FolderResult]:
    """Predict files into a folder; run it again to go on where it stopped.

    A file that cannot be predicted is skipped. Files that an earlier run predicted with the same settings, and that did
    not change, are not predicted again. A process that dies is replaced. Close the generator to stop: what is complete
    is kept, and nothing else.

    Parameters
    ----------
    tasks : sequence of FileTask
        The files; their results lie in `folder`.
    folder : Path
        Folder of the results and of the manifest.
    workers : int
        Number of single-threaded processes; with 1, everything is computed in this process.
    scheduler : str or None
        Address of a dask scheduler, whose workers reach the same files by the same paths.

    Yields
    ------
    Progress
        For each tile of a single process, else for each file.

    Returns
    -------
    FolderResult
        Results, skipped files and reasons.

    Raises
    ------
    InputError
        If the network cannot be loaded, the folder cannot be written to, or the scheduler cannot be used.
    """
    if not tasks:
        raise InputError("no image was given: name files, a folder or a pattern")
    manifest = folder / MANIFEST
    loaded = load_checkpoint(find_model(tasks[0].settings.model))  # first, so that a wrong name is told at once
    known = _known(manifest)
    stamps = {task: _stamp(task) for task in tasks}
    is_done = {task: _is_done(task, stamps[task], known) for task in tasks}
    earlier, missing = ([task for task in tasks if is_done[task] is wanted] for wanted in (True, False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be created as a folder ({error.strerror}): choose another", source=folder) from error
    results: list[Mapping[str, Any]] = [known[str(task.path)]["result"] for task in earlier]
    skipped = []
    _remove_leftovers(missing)
    try:
        with (
            closing(_outcomes(missing, loaded, workers, scheduler)) as outcomes,
            manifest.open("a", encoding="utf-8") as log,
        ):
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
                log.write(json.dumps(entry) + "\n")
                log.flush()
                finished = len(results) + len(skipped)
                yield Progress(finished, len(tasks), f"predicted {finished} of {len(tasks)} files")
    finally:
        _remove_leftovers(missing)  # of processes that were ended
    return FolderResult(tuple(results), len(earlier), tuple(skipped), manifest)


def predict_one(task: FileTask) -> dict[str, Any]:
    """Predict a file in a worker process, on one thread."""
    stay_on_one_thread()
    settings = task.settings.model_copy(update={"threads": 1})
    return result_of(predict_file(replace(task, settings=settings), _loaded(find_model(settings.model))))


def predict_on_worker(task: FileTask, versions: dict[str, str]) -> dict[str, Any]:
    """Predict a file on the worker of a cluster.

    Raises
    ------
    InputError
        If the worker has another version of this program, does not reach the file, or cannot predict it.
    """
    check_versions(versions)
    return predict_one(task)


@lru_cache(maxsize=1)
def _loaded(path: Path) -> LoadedModel:
    return load_checkpoint(path)


def _outcomes(
    tasks: Sequence[FileTask], loaded: LoadedModel, workers: int, scheduler: str | None
) -> Generator[Progress | tuple[FileTask, Any], None, None]:
    if scheduler is not None and tasks:
        versions = versions_here(PACKAGES)
        yield from outcomes_on_cluster(scheduler, tasks, lambda task: (predict_on_worker, task, versions))
    elif workers > 1:
        yield from outcomes_in_processes(predict_one, tasks, min(workers, len(tasks)))
    else:
        for number, task in enumerate(tasks):
            yield from _here(task, loaded, number, len(tasks))


def _here(task: FileTask, loaded: LoadedModel, number: int, count: int) -> Iterator[Progress | tuple[FileTask, Any]]:
    with closing(predict_file(task, loaded)) as events:
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                yield task, end.value
                return
            except Exception as error:
                yield task, error
                return
            yield Progress(number * event.total + event.step, count * event.total, f"{task.path.name}: {event.message}")


def _reason(task: FileTask, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    return f"{task.path}: {type(error).__name__}: {error}"


def _stamp(task: FileTask) -> list[Any]:
    """Return what the result of a file depends on: its size and time, the settings, and the network."""
    wanted = [task.settings.model_dump_json(), str(task.objective), str(task.position), *_size_and_time(_network(task))]
    digest = hashlib.blake2b(json.dumps(wanted).encode(), digest_size=8).hexdigest()
    return [*_size_and_time(task.path), digest]


def _network(task: FileTask) -> Path:
    return find_model(task.settings.model)


def _size_and_time(path: Path) -> list[int]:
    try:
        if path.is_dir():
            return contents_stamp(path)
        status = path.stat()
    except OSError:
        return [0, 0]
    return [status.st_size, status.st_mtime_ns]


def _known(manifest: Path) -> dict[str, dict[str, Any]]:
    """Read the last entry of each file; lines that a killed run left half-written are left out."""
    known: dict[str, dict[str, Any]] = {}
    if manifest.is_file():
        for line in manifest.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                known[entry["input"]] = entry
            except (ValueError, KeyError, TypeError):
                continue
    return known


def _is_done(task: FileTask, stamp: list[Any], known: Mapping[str, Mapping[str, Any]]) -> bool:
    entry = known.get(str(task.path), {})
    wanted = [task.phase, *([task.uncertainty] if task.settings.trust else [])]
    return entry.get("state") == "done" and entry.get("stamp") == stamp and all(path.exists() for path in wanted)


def _remove_leftovers(tasks: Sequence[FileTask]) -> None:
    """Remove half-written results of processes that were killed."""
    for folder in {task.phase.parent for task in tasks}:
        remove_leftovers(folder)
