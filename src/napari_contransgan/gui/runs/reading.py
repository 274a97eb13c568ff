"""Read a run from its folder in a worker thread: settings, curves and previews."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from napari_contransgan.progress import Progress
from napari_contransgan.training.events import Preview
from napari_contransgan.training.run_folder import RunRecord, read_previews, read_run

LARGEST_STACK_BYTES = 500_000_000


@dataclass(frozen=True)
class OpenedRun:
    """A run that was read from its folder, with its previews in the order of the steps."""

    record: RunRecord
    previews: tuple[tuple[int, tuple[Preview, ...]], ...]


def opening_events(folder: Path) -> Generator[Progress, None, OpenedRun]:
    """Read a run's settings, curves and previews."""
    yield Progress(0, 0, f"Reading {folder.name}")
    record = read_run(folder)
    yield Progress(0, 0, f"Reading the previews of {folder.name}")
    return OpenedRun(record, _few_enough(tuple(read_previews(folder))))


def _few_enough(
    previews: tuple[tuple[int, tuple[Preview, ...]], ...],
) -> tuple[tuple[int, tuple[Preview, ...]], ...]:
    """Drop steps evenly if all would need too much memory; the last one is kept."""
    size = sum(4 * preview.yx_input.nbytes for _, images in previews for preview in images)
    stride = -(-size // LARGEST_STACK_BYTES)
    return previews if stride <= 1 else previews[::-1][::stride][::-1]
