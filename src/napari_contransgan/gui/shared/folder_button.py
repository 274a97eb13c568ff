"""A button that works through a folder of images, with the settings of a form."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from magicgui.widgets import PushButton
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.progress import Progress

if TYPE_CHECKING:
    from napari_contransgan.batches import BatchResult

MOST_WORKERS = 4
MOST_LINES = 5

Events: TypeAlias = "Generator[Progress, None, BatchResult]"
MakeEvents: TypeAlias = Callable[[], Events]


class FolderButton(PushButton):
    """Asks for a folder, and works through its images; files that cannot be used are skipped.

    Parameters
    ----------
    text, tooltip : str
        Of the button.
    question : str
        Title of the dialog.
    panel : RunPanel
        Shows progress and result.
    work : callable
        Takes the folder, reads the form, and returns the function that makes the task's generator in a worker; None if
        the user changed their mind.
    """

    def __init__(
        self, text: str, tooltip: str, question: str, panel: RunPanel, work: Callable[[Path], MakeEvents | None]
    ) -> None:
        super().__init__(
            text=text,
            tooltip=f"{tooltip} Files that cannot be used are skipped. Do it again to go on after a stop.",
        )
        self._title, self._question, self._panel, self._work = text.removesuffix(" …"), question, panel, work
        self.changed.connect(self.ask)

    def ask(self) -> None:
        """Let the user choose a folder, and work through it."""
        chosen = ask_for_folder(self.native, self._question)
        if chosen is not None:
            self.start(chosen)

    def start(self, folder: Path) -> None:
        """Work through the images of a folder."""
        with errors_shown():
            if self._panel.task is not None:
                raise InputError(f"{self._title}: a computation is running: wait until it has ended, or cancel it")
            make_events = self._work(folder)
            if make_events is not None:
                self._panel.start(make_events, title=self._title, on_result=summary)


def ask_for_folder(parent: QWidget, title: str, start: Path | None = None) -> Path | None:
    """Let the user choose a folder; return None if the dialog is cancelled."""
    chosen = QFileDialog.getExistingDirectory(parent, title, "" if start is None else str(start))
    return Path(chosen) if chosen else None


def number_of_workers(count: int) -> int:
    """Choose the number of processes for files that are computed on the processor."""
    from napari_contransgan.threads import usable_cores

    return max(1, min(usable_cores(), MOST_WORKERS, count))


def summary(result: "BatchResult") -> str:
    """Say what was done and skipped."""
    count = len(result.results)
    lines = [f"Done: {count} image{'' if count == 1 else 's'}, in {result.manifest.parent}."]
    if result.earlier:
        lines.append(f"{result.earlier} of them were done earlier.")
    lines += [f"Skipped: {one.reason.rstrip('.')}." for one in result.skipped[:MOST_LINES]]
    if len(result.skipped) > MOST_LINES:
        lines.append(f"Skipped {len(result.skipped) - MOST_LINES} more: see {result.manifest}.")
    return "\n".join(lines)
