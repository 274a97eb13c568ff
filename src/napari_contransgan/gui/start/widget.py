"""Dock widget: the steps from an image to a saved table, each with a button that opens the right widget."""

from collections.abc import Callable, Sequence
from pathlib import Path

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.shared.napari_versions import docked_widgets, unwrapped
from napari_contransgan.gui.shared.next_steps import use_layer
from napari_contransgan.gui.shared.open import WidgetName, open_widget
from napari_contransgan.gui.shared.rows import WrappedLabel
from napari_contransgan.gui.shared.saving import ENDING, file_name, saving_events
from napari_contransgan.gui.shared.tasks import errors_shown, run_task
from napari_contransgan.gui.start.steps import Found, found_in, preferred

DONE, NEXT, LATER = "✓", "▶", "○"
PAUSE_MS = 100
PLUGIN_ID = "napari-contransgan"
FILES = "Images (*.tif *.tiff);;All files (*)"


class StartWidget(DockedWidget):
    """Shows which steps are done and which comes next.

    Parameters
    ----------
    viewer : Viewer
        Viewer whose layers it follows.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(tab="Start")
        self._viewer = viewer
        self._saved: set[int] = set()
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self.marks: dict[str, QLabel] = {}
        self.texts: dict[str, QLabel] = {}
        self.buttons: dict[str, QPushButton] = {}
        self.text = WrappedLabel(least_lines=2)
        self._lay_out()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PAUSE_MS)
        self._soon.timeout.connect(self.refresh)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed, viewer.layers.events.renamed):
            event.connect(self._later)
        viewer.layers.selection.events.active.connect(self._later)
        self.refresh()

    def refresh(self) -> None:
        """Show what is done and what comes next."""
        found = found_in(self._viewer.layers)
        finished = {type(widget).__name__: widget.finished for widget in self._others()}
        done = {
            "open": _named(found.images),
            "phase": _named(found.phases),
            "adapt": "a network was adapted" if finished.get("AdaptWidget") else "",
            "inspect": _named(found.surfaces),
            "measure": _named(found.tables),
            "save": "saved" if found.results and {id(unwrapped(one)) for one in found.results} <= self._saved else "",
        }
        needed = [step for step in ("open", "phase", "inspect", "measure", "save") if not done[step]]
        for step, label in self.marks.items():
            label.setText(DONE if done[step] else NEXT if needed and step == needed[0] else LATER)
            self.texts[step].setText(done[step] or _HINTS[step])
        self._enable(found)

    def open_files(self) -> None:
        """Let the user choose files, and open them."""
        chosen, _ = QFileDialog.getOpenFileNames(self, "Open images", "", FILES)
        for path in chosen:
            is_tiff = Path(path).suffix.lower() in (".tif", ".tiff")
            with errors_shown():
                self._viewer.open(path, plugin=PLUGIN_ID if is_tiff else None)

    def open_sample(self) -> None:
        """Open the simulated focus stack."""
        self._viewer.open_sample(PLUGIN_ID, "through_focus_stack")

    def save_all(self) -> None:
        """Let the user choose a folder, and save every computed image in it."""
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if not chosen:
            return
        with errors_shown():
            layers = found_in(self._viewer.layers).results
            targets = [Path(chosen) / (file_name(layer.name) + ENDING) for layer in layers]
            there = next((target for target in targets if target.exists()), None)
            if there is not None:
                raise InputError("is there already: choose another folder, or rename the layer", source=there)
            images = [image_from_layer(layer) for layer in layers]
            self.buttons["save"].setEnabled(False)
            run_task(
                lambda: saving_events(images, targets),
                title="Save",
                on_result=lambda _: self._tell_saved(layers, Path(chosen)),
                on_finished=self.refresh,
                owner=self,
            )

    def end_work(self) -> None:
        """Follow the layers no longer."""
        layers = self._viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            event.disconnect(self._later)
        layers.selection.events.active.disconnect(self._later)
        self._soon.stop()

    def _tell_saved(self, layers: Sequence[ImageLayer], folder: Path) -> None:
        self._saved |= {id(unwrapped(layer)) for layer in layers}
        self.text.setText(f"Saved: {len(layers)} image{'s' if len(layers) > 1 else ''} in {folder}.")

    def _later(self, *_: object) -> None:
        self._soon.start()

    def _others(self) -> list[DockedWidget]:
        return [one for one in docked_widgets(self._viewer) if isinstance(one, DockedWidget)]

    def _enable(self, found: Found) -> None:
        stack = preferred(found.stacks, self._viewer.layers.selection.active)
        for name, wanted, reason in (
            ("tie", bool(found.stacks), "Open a focus stack first."),
            ("predict", bool(found.images), "Open an image first."),
            ("adapt", bool(found.stacks), "Open a focus stack first."),
            ("surface", bool(found.phases), "Compute a phase first."),
            ("measure", bool(found.phases), "Compute a phase first."),
            ("save", bool(found.results), "There is no result yet."),
        ):
            button = self.buttons[name]
            button.setEnabled(wanted)
            button.setToolTip(_TOOLTIPS[name] if wanted else reason)
        self.buttons["tie"].setDefault(stack is not None)

    def _go(self, name: WidgetName, layers: Callable[[Found], tuple[ImageLayer, ...]]) -> None:
        layer = preferred(layers(found_in(self._viewer.layers)), self._viewer.layers.selection.active)
        if layer is None:
            open_widget(self._viewer, name)
        else:
            use_layer(self._viewer, name, layer)

    def _lay_out(self) -> None:
        intro = WrappedLabel()
        intro.setText("From an image to the dry mass of each cell. The arrow marks the next step.")
        self.content.addWidget(intro)
        self.content.addLayout(self._grid)
        actions: dict[str, tuple[tuple[str, str, Callable[[], object]], ...]] = {
            "open": (
                ("open", "Open image…", self.open_files),
                ("sample", "Open the sample", self.open_sample),
            ),
            "phase": (
                ("tie", "From a focus stack (TIE)", lambda: self._go("tie", lambda found: found.stacks)),
                ("predict", "From one image (network)", lambda: self._go("predict", lambda found: found.images)),
            ),
            "adapt": (("adapt", "Adapt the network", lambda: self._go("adapt", lambda found: found.stacks)),),
            "inspect": (("surface", "Show in 3D", lambda: self._go("surface", lambda found: found.phases)),),
            "measure": (("measure", "Measure objects", lambda: self._go("measure", lambda found: found.phases)),),
            "save": (("save", "Save all results…", self.save_all),),
        }
        for step, buttons in actions.items():
            self._add_step(step, buttons)
        self.content.addWidget(self.text)
        self.content.addStretch(1)

    def _add_step(self, step: str, buttons: tuple[tuple[str, str, Callable[[], object]], ...]) -> None:
        row = self._grid.rowCount()
        self.marks[step], self.texts[step] = QLabel(LATER), WrappedLabel()
        title = QLabel(f"<b>{_TITLES[step]}</b>")
        body = QWidget()
        line = QGridLayout(body)
        line.setContentsMargins(0, 0, 0, 8)
        for row_of_button, (name, text, function) in enumerate(buttons):
            button = QPushButton(text)
            button.setToolTip(_TOOLTIPS[name])
            button.clicked.connect(lambda _, function=function: function())
            self.buttons[name] = button
            line.addWidget(button, row_of_button, 0)
        self._grid.addWidget(self.marks[step], row, 0)
        self._grid.addWidget(title, row, 1)
        self._grid.addWidget(self.texts[step], row + 1, 1)
        self._grid.addWidget(body, row + 2, 1)


def _named(layers: tuple[object, ...]) -> str:
    names = [str(layer) for layer in layers]
    if not names:
        return ""
    return names[-1] if len(names) == 1 else f"{names[-1]}, and {len(names) - 1} more"


_TITLES = {
    "open": "1. Open an image",
    "phase": "2. Compute its phase",
    "adapt": "Optional: adapt the network",
    "inspect": "3. Look at it in 3D",
    "measure": "4. Measure the cells",
    "save": "5. Save the results",
}
_HINTS = {
    "open": "A bright-field image, or a focus stack of at least two planes.",
    "phase": "From a focus stack, or from one image by a trained network.",
    "adapt": "From one focus stack, so that predictions have the right scale.",
    "inspect": "Optional: the phase as a relief.",
    "measure": "Area, phase and dry mass of each object, as a table.",
    "save": "All computed images, with pixel size, unit and wavelength.",
}
_TOOLTIPS = {
    "open": "Opens TIFF and OME-TIFF files with their pixel size; you can also drop files onto the window.",
    "sample": "Opens three simulated planes of cells at 40x.",
    "tie": "Opens 'Phase from focus stack (TIE)' with the selected stack.",
    "predict": "Opens 'Predict phase' with the selected image.",
    "adapt": "Opens 'Adapt to my microscope' with the selected stack.",
    "surface": "Opens '3D phase surface' with the selected phase.",
    "measure": "Opens 'Measure objects' with the selected phase.",
    "save": "Saves each computed image as OME-TIFF in a folder.",
}
