"""Predict all images of a folder, with the settings of the form."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import PushButton
from qtpy.QtWidgets import QFileDialog

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io.inputs import find_inputs
from napari_contransgan.io.names import next_to, results_in
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.inference.folders import FolderResult

RESULTS = "phase"
"""Name of the folder of the results, in the folder of the images."""
MOST_WORKERS = 4


class FolderButton(PushButton):
    """Asks for a folder, and predicts its images into a folder within it.

    Parameters
    ----------
    settings : callable
        Returns the settings of the form. A pixel size that the form took from a layer is left out.
    panel : RunPanel
        Shows progress and result.
    """

    def __init__(self, settings: Callable[[], PredictSettings], panel: RunPanel) -> None:
        super().__init__(
            text="Predict a folder …",
            tooltip="Predicts every TIFF and OME-Zarr image of a folder with the network chosen here, into a folder "
            "'phase' within it. Files that cannot be used are skipped. Do it again to go on after a stop.",
        )
        self._settings, self._panel = settings, panel
        self.changed.connect(self.ask)

    def ask(self) -> None:
        """Let the user choose a folder, and predict it."""
        chosen = QFileDialog.getExistingDirectory(self.native, "Folder of bright-field images")
        if chosen:
            self.start(Path(chosen))

    def start(self, folder: Path) -> None:
        """Predict the images of a folder."""
        with errors_shown():
            if self._panel.task is not None:
                raise InputError("Predict a folder: a prediction is running: wait until it has ended, or cancel it")
            settings = self._settings()
            self._panel.start(lambda: folder_events(folder, settings), title="Predict a folder", on_result=summary)


def folder_events(folder: Path, settings: PredictSettings) -> Generator[Progress, None, "FolderResult"]:
    """Predict the images of a folder in a worker thread; torch is imported only there."""
    yield Progress(0, 0, "Listing the images")
    from napari_contransgan.inference.files import FileTask
    from napari_contransgan.inference.folders import predict_files
    from napari_contransgan.models.compute import choose_device
    from napari_contransgan.threads import usable_cores

    out, images = folder / RESULTS, find_inputs([folder])
    tasks = [
        FileTask(path, phase, next_to(phase, "uncertainty"), settings)
        for path, phase in zip(images, results_in(out, images, "phase"), strict=True)
    ]
    on_cpu = choose_device(settings.device).type == "cpu"
    workers = min(usable_cores(), MOST_WORKERS, len(tasks)) if on_cpu else 1
    result = yield from predict_files(tasks, out, workers)
    return result


def summary(result: "FolderResult") -> str:
    """Say what was done and skipped."""
    lines = [f"Done: {len(result.results)} images, in {result.manifest.parent}."]
    if result.earlier:
        lines.append(f"{result.earlier} of them were predicted earlier.")
    lines += [f"Skipped: {one.reason}." for one in result.skipped[:5]]
    if len(result.skipped) > 5:
        lines.append(f"Skipped {len(result.skipped) - 5} more: see {result.manifest}.")
    return "\n".join(lines)
