"""Retrieve the phase of many focus stacks: in several processes or on a cluster, resumable, whatever one of them is."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from napari_contransgan.batches import BatchResult, Work, work_through
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.stacks.files import StackTask, retrieve_file

MANIFEST = "retrieved.jsonl"


def retrieve_files(
    tasks: Sequence[StackTask], folder: Path, workers: int = 1, scheduler: str | None = None
) -> Generator[Progress, None, BatchResult]:
    """Retrieve the phase of focus stacks; run it again to go on where it stopped.

    Parameters
    ----------
    tasks : sequence of StackTask
        The stacks.
    folder, workers, scheduler
        See `napari_contransgan.batches.work_through`.

    Yields
    ------
    Progress
        For each frame of a single process, else for each file.

    Returns
    -------
    BatchResult
        Results (see `retrieve_file`), skipped files and reasons.

    Raises
    ------
    InputError
        As `napari_contransgan.batches.work_through` does.
    """
    work = Work("retrieved", MANIFEST, retrieve_file, retrieve_one)
    return (yield from work_through(tasks, work, folder, workers, scheduler))


def retrieve_one(task: StackTask) -> dict[str, Any]:
    """Retrieve the phase of a stack in a worker process."""
    return result_of(retrieve_file(task))
