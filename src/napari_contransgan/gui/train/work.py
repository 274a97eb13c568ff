"""The computations of the training window, as generators for a worker; torch is imported only here."""

import logging
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.progress import Progress
from napari_contransgan.training.events import TrainingEvent, TrainingStarted
from napari_contransgan.training.known_runs import remember_run
from napari_contransgan.training.run_folder import RunRecord, read_run

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierPart:
    """The record in a run's folder of the steps before the one from which it resumes."""

    record: RunRecord
    last_step: int


def training_events(
    settings: TrainSettings, run_dir: Path, resume: bool
) -> Generator[TrainingEvent | EarlierPart, Any, Path]:
    """Train, yield the record of the earlier part of the run, and remember the run."""
    load_torch()
    from napari_contransgan.training.trainer import train

    with closing(train(settings, run_dir, resume=resume)) as events:
        started = next(events)
        yield started
        if isinstance(started, TrainingStarted):
            remember_run(run_dir)
            if started.first_step:
                yield from _earlier_part(run_dir, started.first_step)
        path: Path = yield from events
        return path


def checking_events(settings: TrainSettings) -> Generator[Progress, None, str]:
    """Check the images as at the start of a run, and describe them; nothing is trained or written."""
    load_torch()
    from napari_contransgan.training.data import gather

    yield Progress(0, 0, "Checking the images")
    with closing(gather(settings)) as data:
        return data.describe()


def _earlier_part(run_dir: Path, last_step: int) -> Generator[EarlierPart, Any, None]:
    try:
        record = read_run(run_dir)
    except (InputError, OSError) as error:
        _log.warning("the curves of the earlier part of the run are not shown: %s", error)
    else:
        yield EarlierPart(record, last_step)
