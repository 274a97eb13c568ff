"""Predict all images of a folder, with the settings of the form."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.shared.folder_button import number_of_workers
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.io.inputs import find_inputs
from napari_contransgan.io.names import next_to, results_in
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.batches import BatchResult

TEXT = "Predict a folder …"
QUESTION = "Folder of bright-field images"
TOOLTIP = (
    "Predicts every TIFF and OME-Zarr image of a folder with the network chosen here, into a folder 'phase' within it."
)
RESULTS = "phase"
"""Name of the folder of the results, in the folder of the images."""


def folder_events(folder: Path, settings: PredictSettings) -> Generator[Progress, None, "BatchResult"]:
    """Predict the images of a folder in a worker thread; torch is imported only there."""
    yield Progress(0, 0, "Listing the images")
    load_torch()
    from napari_contransgan.inference.files import FileTask
    from napari_contransgan.inference.folders import predict_files
    from napari_contransgan.models.compute import choose_device

    out, images = folder / RESULTS, find_inputs([folder])
    tasks = [
        FileTask(path, phase, next_to(phase, "uncertainty"), settings)
        for path, phase in zip(images, results_in(out, images, "phase"), strict=True)
    ]
    on_cpu = choose_device(settings.device).type == "cpu"
    return (yield from predict_files(tasks, out, number_of_workers(len(tasks)) if on_cpu else 1))
