"""Opened runs: a button to open one, and a line with a button to remove it for each."""

import html
from collections.abc import Callable
from pathlib import Path

import yaml
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_contransgan.gui.runs.curves import RunCurves
from napari_contransgan.gui.runs.layers import RunStacks
from napari_contransgan.gui.runs.plot import Style
from napari_contransgan.gui.runs.reading import OpenedRun, opening_events
from napari_contransgan.gui.runs.series import RunSeries
from napari_contransgan.gui.shared.form import shown_as_text
from napari_contransgan.gui.shared.tasks import Task, errors_shown, run_task

TITLE = "Open run"
MOST_LINES = 40


class RunList(QWidget):
    """Adds runs to the plots and the viewer, and removes them.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which their previews are shown.
    curves : RunCurves
        Plots of their losses and scores.
    on_text : callable
        Shows a message.
    on_opened : callable
        Called with each run that was opened; returns what to add to the message.
    """

    def __init__(
        self,
        viewer: Viewer,
        curves: RunCurves,
        on_text: Callable[[str], object],
        on_opened: Callable[[OpenedRun], str] = lambda _: "",
    ) -> None:
        super().__init__()
        self._curves = curves
        self._stacks = RunStacks(viewer)
        self._on_text = on_text
        self._on_opened = on_opened
        self._task: Task[object, OpenedRun] | None = None
        self._waiting: list[Path] = []
        self._lines: dict[Path, tuple[int, str, QWidget]] = {}
        self.open_button = QPushButton("Open run…")
        self.open_button.setToolTip(
            "Shows the curves and previews of an earlier run together with those of the current run. Open several to "
            "compare them."
        )
        self.open_button.clicked.connect(lambda _: self._ask())
        self._body = QVBoxLayout()
        self._body.setSpacing(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._body)

    @property
    def busy(self) -> bool:
        """Whether a run is being read."""
        return self._task is not None

    def folders(self) -> tuple[Path, ...]:
        """Return the folders of the opened runs."""
        return tuple(self._lines)

    def open(self, folder: Path) -> None:
        """Read a run in the background and show it."""
        folder = folder.absolute()
        if folder in self._lines or folder in self._waiting:
            self._on_text(f"{folder.name} is already open")
            return
        self._waiting.append(folder)
        self._read_next()

    def remove(self, folder: Path) -> None:
        """Remove a run from the plots and its layers from the viewer; its folder is kept."""
        place, name, line = self._lines.pop(folder)
        self._curves.remove(place)
        self._stacks.remove(name)
        self._body.removeWidget(line)
        line.deleteLater()

    def cancel(self) -> None:
        """Stop reading."""
        self._waiting.clear()
        if self._task is not None:
            self._task.abandon()
            self._task = None

    def remove_button(self, folder: Path) -> QToolButton:
        """Return the button that removes a run."""
        button = self._lines[folder][2].findChild(QToolButton)
        assert isinstance(button, QToolButton)  # noqa: S101 - each line has one
        return button

    def line_tooltip(self, folder: Path) -> str:
        """Return the tooltip of a run's line: its settings and its scores."""
        return str(self._lines[folder][2].toolTip())

    def _ask(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a run folder")
        if chosen:
            self.open(Path(chosen))

    def _read_next(self) -> None:
        if self._task is not None or not self._waiting:
            return
        folder = self._waiting[0]
        self._on_text(f"Opening {folder.name} …")
        self._task = run_task(
            lambda: opening_events(folder),
            title=TITLE,
            on_result=lambda run: self._show(folder, run),
            on_error=lambda error: self._on_text(f"Not opened: {error}"),
            on_cancelled=lambda: self._on_text(""),
            on_finished=self._end,
            owner=self,
        )

    def _end(self) -> None:
        self._task = None
        self._waiting = self._waiting[1:]
        self._read_next()

    def _show(self, folder: Path, run: OpenedRun) -> None:
        name = self._free_name(folder)
        place = self._curves.put(RunSeries(name, run.record))
        self._curves.redraw()
        line = self._line(folder, name, self._curves.style_of(place))
        line.setToolTip(shown_as_text(_details(run)))
        self._lines[folder] = place, name, line
        self._body.addWidget(line)
        with errors_shown():
            self._stacks.add(name, run.previews)
        text = f"{name} is open" + ("" if run.previews else "; it has no previews")
        self._on_text(text + self._on_opened(run))

    def _free_name(self, folder: Path) -> str:
        """Return the folder's name, with the parent folder's name if another run has the same."""
        taken = {name for _, name, _ in self._lines.values()}
        return folder.name if folder.name not in taken else f"{folder.parent.name}/{folder.name}"

    def _line(self, folder: Path, name: str, style: Style) -> QWidget:
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(4, 0, 0, 0)
        label = QLabel(f'<span style="color:{style.colour}">■</span>&nbsp;{html.escape(name)}')
        remove = QToolButton()
        remove.setText("✕")
        remove.setAutoRaise(True)
        remove.setToolTip(f"Removes {name} from the plots and its previews from the viewer; its folder is kept.")
        remove.clicked.connect(lambda _: self.remove(folder))
        row.addWidget(label, 1)
        row.addWidget(remove)
        return line


def _details(run: OpenedRun) -> str:
    """Describe a run: its folder, the settings that differ from the defaults, and its network's card."""
    settings = run.record.settings.model_dump(mode="json", exclude_defaults=True)
    lines = [str(run.record.folder), "", "Settings that differ from the defaults:"]
    lines += yaml.safe_dump(settings, sort_keys=False).splitlines()
    if run.record.card_text:
        lines += ["", "Best network:", *run.record.card_text.splitlines()]
    return "\n".join([*lines[:MOST_LINES], *(["…"] if len(lines) > MOST_LINES else [])])
