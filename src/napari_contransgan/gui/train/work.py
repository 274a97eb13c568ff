"""What the training window has done in a worker's thread, as generators; torch is imported here, not before."""

import logging
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.progress import Progress
from napari_contransgan.training.events import TrainingEvent, TrainingStarted
from napari_contransgan.training.known_runs import remember_run
from napari_contransgan.training.run_folder import RunRecord, read_run

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierPart:
    """What the folder of a run knows of the steps before the one from which it goes on."""

    record: RunRecord
    last_step: int


def training_events(
    settings: TrainSettings, run_dir: Path, resume: bool
) -> Generator[TrainingEvent | EarlierPart, Any, Path]:
    """Train, tell what an earlier part of the run has left, and keep the run among the known ones."""
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
    """Do the check that a run begins with, and say what was found; nothing is trained or written."""
    from napari_contransgan.training.data import gather

    yield Progress(0, 0, "Checking the images")
    with closing(gather(settings)) as data:
        return data.describe()


def _earlier_part(run_dir: Path, last_step: int) -> Generator[EarlierPart, Any, None]:
    try:
        record = read_run(run_dir)
    except (InputError, OSError) as error:
        _log.warning("the curves of the earlier part are left out: %s", error)
    else:
        yield EarlierPart(record, last_step)
