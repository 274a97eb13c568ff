"""Predict many files: in several processes or on a cluster, resumable, whatever is wrong with one of them."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_contransgan.batches import BatchResult, Work, check_any, work_through
from napari_contransgan.inference.files import FileTask, predict_file
from napari_contransgan.inference.job import network_in
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.models.compute import choose_device
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.threads import stay_on_one_thread

MANIFEST = "predicted.jsonl"


def predict_files(
    tasks: Sequence[FileTask], folder: Path, workers: int = 1, scheduler: str | None = None
) -> Generator[Progress, None, BatchResult]:
    """Predict files into a folder; run it again to go on where it stopped.

    Parameters
    ----------
    tasks : sequence of FileTask
        The files; their results lie in `folder`.
    folder, workers, scheduler
        See `napari_contransgan.batches.work_through`.

    Yields
    ------
    Progress
        For each tile of a single process, else for each file.

    Returns
    -------
    BatchResult
        Results (see `predict_file`), skipped files and reasons.

    Raises
    ------
    InputError
        As `napari_contransgan.batches.work_through` does, and if the network cannot be loaded.
    """
    check_any(tasks)
    loaded = load_checkpoint(find_model(tasks[0].settings.model))  # first, so that a wrong name is told at once
    work = Work("predicted", MANIFEST, lambda task: predict_file(task, loaded), predict_one)
    return (yield from work_through(tasks, work, folder, workers, scheduler))


def predict_one(task: FileTask) -> dict[str, Any]:
    """Predict a file in a worker process, on one thread."""
    stay_on_one_thread()
    settings = task.settings.model_copy(update={"threads": 1})
    loaded = network_in(find_model(settings.model), choose_device(settings.device))
    return result_of(predict_file(replace(task, settings=settings), loaded))
