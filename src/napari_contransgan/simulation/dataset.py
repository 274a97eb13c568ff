"""Write folders of simulated fields for the trainer and other programs."""

import json
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import napari_contransgan
from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import QUANTITY_UNITS, read_image
from napari_contransgan.io.atomic import remove_leftovers, scratch_folder, write_atomically
from napari_contransgan.io.locking import folder_locked
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.plain_files import plain_json, read_text
from napari_contransgan.processes import in_processes
from napari_contransgan.progress import Progress
from napari_contransgan.simulation.cluster import on_cluster
from napari_contransgan.simulation.field_files import PARTS, PARTS_WITHOUT_STACKS, FieldTask, make_files
from napari_contransgan.threads import on_threads

DESCRIPTION = "dataset.json"
CHECKS_PER_EVENT = 100
LEAST_COMPRESSED = 0.3
"""Smallest ratio of the size of a file to that of its pixels; noise cannot be compressed."""

_HOLDS = {
    "lr": "low-power bright-field images",
    "stack": "through-focus stacks of the stack objective, planes in order of rising z",
    "tie": "phase that TIE retrieves from the stacks",
    "phase": "true phase on the model's grid",
}


def write_dataset(
    settings: SimulationSettings,
    out: Path,
    workers: int = 1,
    *,
    stacks: bool = True,
    scheduler: str | None = None,
) -> Generator[Progress, None, Path]:
    """Write ``lr``, ``stack``, ``tie`` and ``phase`` folders of OME-TIFFs and ``dataset.json``.

    The bytes of a file depend only on the settings and the number of the field, not on workers, threads or the
    scheduler. If the folder was started with the same settings, only missing or damaged files are made; the number of
    fields may be increased, and stacks may be added. Close the generator to stop: complete files are kept, and no
    partial file is left.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    out : Path
        Folder to write to.
    workers : int
        Number of single-threaded processes; with 1, fields are made in this process.
    stacks : bool
        Also write the focus stacks and their TIE phase; without them, a field takes a fifth of the time. A data set
        that was started with stacks always has them.
    scheduler : str or None
        Address of a dask scheduler whose workers make the fields, instead of local processes.

    Yields
    ------
    Progress
        One for each new field.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputError
        If `out` contains a data set with other settings or from another version of this program, if a worker dies, or
        if the scheduler cannot be used.
    FieldError
        If a field fails; the message names the field.
    """
    with folder_locked(out, "simulation"):
        _check_space(settings, out, stacks)
        yield from _written(settings, out, workers, stacks, scheduler)
    return out


def _written(
    settings: SimulationSettings, out: Path, workers: int, stacks: bool, scheduler: str | None
) -> Generator[Progress, None, None]:
    parts, is_new = _begin(settings, out, stacks)
    with scratch_folder() as scratch:
        tasks: list[FieldTask] = []
        for index in range(settings.count):
            missing = tuple(part for part in parts if is_new or not _is_whole(out / part / field_name(index)))
            if missing:
                tasks.append(FieldTask(settings, index, missing, None if scheduler else scratch))
            if not is_new and (index + 1) % CHECKS_PER_EVENT == 0:
                yield Progress(index + 1, settings.count, "checking existing files")
        began = time.monotonic()
        with closing(_made(tasks, workers, scheduler)) as made:
            for done, (task, files) in enumerate(made, 1):
                for part, content in files.items():
                    write_atomically(out / part / field_name(task.index), content)
                left_s = (time.monotonic() - began) / done * (len(tasks) - done)
                total = settings.count
                yield Progress(total - len(tasks) + done, total, "simulating fields" + _left(left_s))
    _describe(settings, out, parts, finished=True)


def field_name(index: int) -> str:
    """Return the file name of a field."""
    return f"{index:04d}.ome.tif"


def _made(
    tasks: list[FieldTask], workers: int, scheduler: str | None
) -> Generator[tuple[FieldTask, dict[str, bytes]], None, None]:
    if not tasks:
        return
    if scheduler is not None:
        yield from on_cluster(scheduler, tasks)
    elif workers > 1:
        yield from in_processes(make_files, tasks, workers)
    else:
        for task in tasks:
            with on_threads(1):
                files = make_files(task)
            yield task, files


def _begin(settings: SimulationSettings, out: Path, stacks: bool) -> tuple[tuple[str, ...], bool]:
    """Create the folders and the description, or check that the existing data set is the same.

    Returns
    -------
    parts : tuple of str
        Folders of the data set.
    is_new : bool
        Whether the data set is new.
    """
    path = out / DESCRIPTION
    is_new = not path.is_file()
    if is_new:
        held = next((out / part for part in PARTS if (out / part).is_dir() and any((out / part).iterdir())), None)
        if held is not None:
            raise InputError(f"contains files but no {DESCRIPTION}: choose another folder", source=held)
    else:
        known = _known(path)
        if {**known["settings"], "count": 0} != {**settings.model_dump(mode="json"), "count": 0}:
            raise InputError("contains a data set with other settings: choose another folder", source=out)
        if known.get("program_version") != napari_contransgan.__version__:
            raise InputError(
                f"was started by version {known.get('program_version')}, this is "
                f"{napari_contransgan.__version__}, whose fields may differ; choose another folder",
                source=out,
            )
        stacks = stacks or known.get("stacks") is True
        settings = settings.model_copy(update={"count": max(settings.count, int(known["settings"]["count"]))})
    parts = PARTS if stacks else PARTS_WITHOUT_STACKS
    for part in parts:
        (out / part).mkdir(parents=True, exist_ok=True)
        remove_leftovers(out / part)
    _describe(settings, out, parts, finished=False)
    return parts, is_new


def _check_space(settings: SimulationSettings, out: Path, stacks: bool) -> None:
    """Raise an error if the fields cannot fit onto the disk, before the first one is made.

    Raises
    ------
    InputError
        With the least space that they need, and the free space.
    """
    scope = settings.microscope
    images = [(MODEL_PIXEL_SIZE_UM, 4), (scope.pixel_size_um(settings.objective), 2)]
    if stacks:
        images += [(scope.pixel_size_um(scope.stack_objective), 3 * 2 + 4)]
    field_um = settings.field_px * MODEL_PIXEL_SIZE_UM
    each_bytes = sum((field_um / pixel_um) ** 2 * size for pixel_um, size in images) * LEAST_COMPRESSED
    free_bytes = shutil.disk_usage(out).free
    done = sum(1 for _ in (out / "phase").glob("*.ome.tif"))
    needed_bytes = each_bytes * max(0, settings.count - done)
    if needed_bytes > free_bytes:
        raise InputError(
            f"{settings.count} fields need at least {needed_bytes / 1e9:.3g} GB, and {free_bytes / 1e9:.3g} GB are "
            "free on the disk: simulate fewer, or choose another disk",
            source=out,
        )


def _known(path: Path) -> dict[str, Any]:
    try:
        known = plain_json(read_text(path))
        if isinstance(known["settings"]["count"], int):
            return dict(known)
    except (ValueError, KeyError, TypeError):
        pass
    raise InputError("is damaged: choose another folder for the data set", source=path)


def _describe(settings: SimulationSettings, out: Path, parts: tuple[str, ...], *, finished: bool) -> None:
    complete = False
    if finished:
        count = _known(out / DESCRIPTION)["settings"]["count"]
        settings = settings.model_copy(update={"count": count})
        complete = all((out / part / field_name(index)).is_file() for part in parts for index in range(count))
    description = {
        "format": 1,
        "program": "napari-contransgan",
        "program_version": napari_contransgan.__version__,
        "complete": complete,
        "stacks": "stack" in parts,
        "field_um": settings.field_px * MODEL_PIXEL_SIZE_UM,
        "folders": dict(_folders(out, parts)) if finished else {part: {"holds": _HOLDS[part]} for part in parts},
        "settings": settings.model_dump(mode="json"),
    }
    write_atomically(out / DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())


def _folders(out: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Describe the content of each folder from its first file."""
    for part in parts:
        image = read_image(out / part / field_name(0))
        sizes = {"pixel_size_um": image.pixel_size_um, "z_step_um": image.z_step_um}
        yield (
            part,
            {
                "holds": _HOLDS[part],
                "axes": image.axes,
                "shape": list(image.data.shape),
                "dtype": str(image.data.dtype),
                "unit": "camera counts" if image.quantity == "intensity" else QUANTITY_UNITS[image.quantity],
                **{name: value for name, value in sizes.items() if value is not None},
            },
        )


def _is_whole(path: Path) -> bool:
    """Return whether a file exists and can be read completely."""
    try:
        return path.is_file() and read_image(path).data.size > 0
    except InputError:
        return False


def _left(seconds: float) -> str:
    if seconds < 1:
        return ""
    for unit_s, unit in ((3600, "h"), (60, "min")):
        if seconds > 1.5 * unit_s:
            return f", about {seconds / unit_s:.0f} {unit} left"
    return f", about {seconds:.0f} s left"
