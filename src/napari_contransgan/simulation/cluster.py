"""Make fields on the workers of a dask scheduler, on this machine or on others, without a shared folder."""

from collections.abc import Generator, Sequence
from typing import Any

from napari_contransgan.cluster import check_versions, outcomes_on_cluster, versions_here
from napari_contransgan.config import SimulationSettings
from napari_contransgan.simulation.field_files import FieldTask, make_files
from napari_contransgan.threads import stay_on_one_thread

PACKAGES = ("napari-contransgan", "numpy", "scipy", "torch", "tifffile", "imagecodecs")
"""Packages that determine the bytes of a file."""


def on_cluster(address: str, tasks: Sequence[FieldTask]) -> Generator[tuple[FieldTask, dict[str, bytes]], None, None]:
    """Run tasks on the workers of a scheduler; close the generator to cancel tasks that have not started.

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
    versions = versions_here(PACKAGES)

    def call(task: FieldTask) -> tuple[Any, ...]:
        return make_on_worker, task.settings.model_dump(mode="json"), task.index, task.parts, versions

    for task, outcome in outcomes_on_cluster(address, tasks, call):
        if isinstance(outcome, Exception):
            raise outcome
        yield task, outcome


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
    check_versions(versions)
    stay_on_one_thread()
    return make_files(FieldTask(SimulationSettings(**values), index, parts))
