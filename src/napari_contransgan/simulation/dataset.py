"""Folders of simulated fields that the trainer and other programs read."""

import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

import napari_contransgan
from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress, result_of
from napari_contransgan.files import write_atomically
from napari_contransgan.io import write_image
from napari_contransgan.simulation.fields import simulate_field, simulate_pair
from napari_contransgan.tie import retrieve_phase

PARTS = ("lr", "stack", "tie", "phase")


def write_dataset(
    settings: SimulationSettings, out: Path, workers: int = 1, *, stacks: bool = True
) -> Generator[Progress, None, Path]:
    """Write ``lr``, ``stack``, ``tie`` and ``phase`` folders of OME-TIFFs and ``dataset.json``.

    Field i depends on the seed and i alone, so the files do not depend on the number of workers. Fields already there
    are kept when the folder was begun with the same settings.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    out : Path
        Folder to write to.
    workers : int
        Processes; 1 works in this one.
    stacks : bool
        Also write the 40x focus stacks and their TIE phase; without them a field takes a fifth of the time.

    Yields
    ------
    Progress
        One for each field.

    Raises
    ------
    InputError
        If `out` holds a data set of other settings.
    """
    _begin(settings, out, stacks)
    parts = _parts(stacks)
    missing = [
        index for index in range(settings.count) if not all((out / part / _name(index)).is_file() for part in parts)
    ]
    done = settings.count - len(missing)
    for _ in _written(settings, out, missing, workers, stacks):
        done += 1
        yield Progress(done, settings.count, "simulating fields")
    return out


def _begin(settings: SimulationSettings, out: Path, stacks: bool) -> None:
    """Make the folders and the description, or check that the one there is the same data set."""
    description = {
        "format": 1,
        "program": "napari-contransgan",
        "program_version": napari_contransgan.__version__,
        "stacks": stacks,
        "settings": settings.model_dump(mode="json"),
    }
    path = out / "dataset.json"
    if path.is_file():
        known = _known_settings(path)
        if {**known, "count": 0} != {**description["settings"], "count": 0}:  # type: ignore[dict-item]
            raise InputError(f"{out}: holds a data set made with other settings; choose another folder")
    for part in _parts(stacks):
        (out / part).mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(description, indent=2) + "\n").encode())


def _known_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
    except (ValueError, KeyError, TypeError):
        settings = None
    if not isinstance(settings, dict):
        raise InputError(f"{path}: is damaged; choose another folder for the data set")
    return settings


def _written(settings: SimulationSettings, out: Path, indices: list[int], workers: int, stacks: bool) -> Iterator[int]:
    if workers <= 1:
        for index in indices:
            yield _write_field(settings, out, index, stacks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        futures = [pool.submit(_write_field, settings, out, index, stacks) for index in indices]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    torch.set_num_threads(1)


def _write_field(settings: SimulationSettings, out: Path, index: int, stacks: bool) -> int:
    if stacks:
        field = simulate_field(settings, index)
        write_image(out / "stack" / _name(index), field.stack)
        write_image(out / "tie" / _name(index), result_of(retrieve_phase(field.stack, TieSettings())).phase)
        lr, phase = field.lr, field.phase
    else:
        lr, phase = simulate_pair(settings, index)
    write_image(out / "phase" / _name(index), phase)
    write_image(out / "lr" / _name(index), lr)
    return index


def _parts(stacks: bool) -> tuple[str, ...]:
    return PARTS if stacks else ("lr", "phase")


def _name(index: int) -> str:
    return f"{index:04d}.ome.tif"
