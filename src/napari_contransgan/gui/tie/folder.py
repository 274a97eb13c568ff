"""Compute the phase of all focus stacks of a folder, with the settings of the form."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_contransgan.config import TieSettings
from napari_contransgan.gui.shared.folder_button import number_of_workers
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.gui.tie.results import MoreResults
from napari_contransgan.io.inputs import find_inputs
from napari_contransgan.io.names import results_in, without_results
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.batches import BatchResult

TEXT = "Compute a folder …"
QUESTION = "Folder of focus stacks"
WHERE = "Folder for the phase maps; choose the same folder to have them next to the stacks"
TOOLTIP = (
    "Computes the phase of every focus stack in a folder with the settings of this form. Pixel size, plane distance, "
    "wavelength and order of the planes come from each file, unless you typed them."
)
KINDS = ("phase", "phase_path", "phase_height", "phase_dry-mass", "phase_uncertainty")


@dataclass(frozen=True)
class FolderSettings:
    """The settings for stacks that may state their own numbers.

    Parameters
    ----------
    settings : TieSettings
        What was typed; None where each file decides.
    takes_order : bool
        Whether the file decides on the order of the planes.
    usual_wavelength_um : float
        For files that state no wavelength, if none was typed.
    """

    settings: TieSettings
    takes_order: bool
    usual_wavelength_um: float


def folder_events(
    folder: Path, out: Path, chosen: FolderSettings, more: MoreResults
) -> Generator[Progress, None, "BatchResult"]:
    """Compute the phase of the stacks of a folder in a worker thread; torch is imported only there."""
    yield Progress(0, 0, "Listing the stacks")
    load_torch()
    from napari_contransgan.stacks.files import StackTask
    from napari_contransgan.stacks.folders import retrieve_files

    more.conversions.check("Further results")
    stacks = without_results(find_inputs([folder]), out, KINDS)
    tasks = [
        StackTask(
            path,
            phase,
            chosen.settings,
            more.conversions,
            more.uncertainty,
            takes_order=chosen.takes_order,
            usual_wavelength_um=chosen.usual_wavelength_um,
        )
        for path, phase in zip(stacks, results_in(out, stacks, "phase"), strict=True)
    ]
    return (yield from retrieve_files(tasks, out, number_of_workers(len(tasks))))
