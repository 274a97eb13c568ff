"""Dock widget: quantitative phase from a focus stack, by the transport-of-intensity equation (TIE)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from magicgui.widgets import CheckBox, PushButton
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.viewer import Viewer

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.folder_button import FolderButton, MakeEvents, ask_for_folder
from napari_contransgan.gui.shared.form import as_list, wrapped_text
from napari_contransgan.gui.shared.layers import image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.next_steps import with_images, with_phase
from napari_contransgan.gui.shared.optics_fields import remember_typed
from napari_contransgan.gui.shared.pacing import soon
from napari_contransgan.gui.shared.preferences import preferences
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.gui.tie.folder import QUESTION, TEXT, TOOLTIP, WHERE, folder_events
from napari_contransgan.gui.tie.form import TITLE, TieForm
from napari_contransgan.gui.tie.labels import SavedLabels, save_labels
from napari_contransgan.gui.tie.preview import TiePreview
from napari_contransgan.gui.tie.results import TieOutput, layers_text, show_output, tie_results
from napari_contransgan.io import Image, Quantity


@dataclass(frozen=True)
class _Run:
    """The inputs at the time when Run was pressed."""

    layer: ImageLayer
    image: Image
    settings: TieSettings
    pixel_size_typed: bool
    former: Mapping[Quantity, ImageLayer]


class TieWidget(DockedWidget):
    """Computes the phase of a focus stack; the result, in radians, is a layer aligned with the stack.

    Parameters
    ----------
    viewer : Viewer
        Viewer whose layers are used.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(tab="TIE")
        self._viewer = viewer
        self._layers: dict[Quantity, ImageLayer] = {}
        self._last: _Run | None = None
        self.form = form = TieForm(viewer)
        self.stack, self.method, self.regularisation, self.flip_z = (
            form.stack,
            form.method,
            form.regularisation,
            form.flip_z,
        )
        self.wavelength, self.dz, self.pixel_size, self.focus = form.wavelength, form.dz, form.pixel_size, form.focus
        self.preview_box = CheckBox(
            label="",
            text="Preview",
            tooltip="Shows the phase inside the yellow rectangle, which can be moved, and updates it after each change "
            "of the form.",
        )
        self.preview_text = wrapped_text()
        self.notes = wrapped_text()
        self.flip_button = PushButton(
            text="Flip z and run again",
            tooltip="Reverses the order of the planes, and replaces these results by the new ones.",
        )
        self.label_button = PushButton(
            text="Use as training label…",
            tooltip="Cuts the phase into tiles and saves them in a folder, which 'Train a network' can use as phase "
            "images.",
        )
        self.panel = RunPanel(
            "Run", "Computes the phase, in radians, and adds it as a layer over the stack.", on_busy=self._show_busy
        )
        self.folder_button = FolderButton(TEXT, TOOLTIP, QUESTION, self.panel, self._folder_work)
        self.preview = TiePreview(
            viewer, inputs=self._inputs, on_text=self._tell_preview, on_end=self._untick_preview, owner=self
        )
        self.content.addWidget(self.form)
        for widget in (
            self.preview_box,
            self.preview_text,
            self.panel,
            self.notes,
            self.flip_button,
            self.folder_button,
            self.label_button,
        ):
            self.content.addWidget(widget.native)
        self.content.addStretch(1)
        self._clear_notes()
        self.preview_text.visible = False
        self.label_button.enabled = False
        self.panel.run_button.changed.connect(self.run)
        self.flip_button.changed.connect(self.flip_and_run)
        self.label_button.changed.connect(self.save_labels)
        self.preview_box.changed.connect(self._on_preview_box)
        self.form.changed.connect(self.preview.refresh)
        self.form.stack_changed.connect(self._on_stack)
        viewer.layers.events.removed.connect(self._on_removed)

    def run(self) -> None:
        """Start the computation; its results become new layers."""
        self._start({})

    def flip_and_run(self) -> None:
        """Run again with the planes in reverse order, and replace the results of the last run."""
        if self._last is not None:
            self.form.flip_z.setValue(not self._last.settings.flip_z)
            self._start(dict(self._layers))

    def save_labels(self) -> None:
        """Ask for a folder and save the tiles of the last run's phase in it."""
        with errors_shown():
            phase = image_from_layer(self._layers["phase"])
            folder = ask_for_folder(self, "Folder for the training labels")
            if folder is not None:
                self.panel.start(
                    lambda: save_labels(phase, folder),
                    title="Training labels",
                    on_result=lambda saved: self._tell_saved(saved, folder),
                )

    def _tell_saved(self, saved: SavedLabels, folder: Path) -> str:
        self.panel.offer_next(with_images(self._viewer, folder, is_phase=True))
        return _saved_text(saved, folder)

    def forms(self) -> Mapping[str, Rows]:
        """Return the parts of the form, whose values are kept."""
        form = self.form
        return {
            "fields": form.fields,
            "microscope": form.microscope.rows,
            "corrections": form.corrections.rows,
            "more": form.more.rows,
        }

    def use(self, layer: Layer) -> None:
        """Choose a focus stack."""
        self.form.fields.choose_layer(layer)

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are now; napari calls it, for a closed widget too."""
        if not self.is_closed:
            self.form.reset_choices()

    def _inputs(self) -> tuple[Image, TieSettings]:
        """Return the stack and the settings; the form decides, also if a field was cleared."""
        image, settings = image_from_layer(self.form.layer()), self.form.settings()
        image = replace(image, numerical_aperture=settings.numerical_aperture, coherence=settings.coherence)
        return replace(image, dark_counts=None), settings

    def _start(self, former: Mapping[Quantity, ImageLayer]) -> None:
        with errors_shown():
            layer, (image, settings), more = self.form.layer(), self._inputs(), self.form.more_results()
            run = _Run(layer, image, settings, self.form.pixel_size.typed, former)
            remember_typed(self.form.optics(), image_from_layer(layer))
            self._clear_notes()
            self.panel.start(
                lambda: tie_results(image, settings, more), title=TITLE, on_result=lambda output: self._add(output, run)
            )

    def _add(self, output: TieOutput, run: _Run) -> str:
        pixel_size_um = output.images[0].pixel_size_um
        if run.pixel_size_typed and pixel_size_um is not None and run.layer in self._viewer.layers:
            set_pixel_size(run.layer, pixel_size_um)  # so that the phase is aligned with the stack
        self._layers = show_output(self._viewer, output, run.image, run.former)
        self._last = run
        self.panel.offer_to_save(self._viewer, list(self._layers.values()), run.layer)
        self.panel.offer_next(with_phase(self._viewer, self._layers["phase"], run.layer))
        self.preview.to_front()
        self.notes.value = as_list(output.notes)
        self.notes.visible = bool(output.notes)
        self.flip_button.visible = output.planes_may_be_reversed and self.form.stack.value is run.layer
        soon(self, self._look_at_result)
        return f"{layers_text(self._layers)}\n{output.message}"

    def _look_at_result(self) -> None:
        self.scroll_area.ensureWidgetVisible(self.panel.native)

    def _folder_work(self, folder: Path) -> MakeEvents | None:
        chosen, more = self.form.folder_settings(), self.form.more_results()
        out = ask_for_folder(self, WHERE, preferences().results_folder or folder)
        if out is None:
            return None
        self._clear_notes()
        return lambda: folder_events(folder, out, chosen, more)

    def _show_busy(self, busy: bool) -> None:
        self.folder_button.enabled = not busy
        self.flip_button.enabled = not busy
        self.label_button.enabled = not busy and "phase" in self._layers

    def _clear_notes(self) -> None:
        self.notes.value = ""
        self.notes.visible = self.flip_button.visible = False

    def _on_preview_box(self, on: bool) -> None:
        self.preview.stop()
        self._tell_preview("")
        if on:
            try:
                self.preview.start(self.form.layer())
            except InputError as error:
                self._untick_preview()
                self._tell_preview(f"No preview: {error}")

    def _untick_preview(self) -> None:
        with self.preview_box.changed.blocked():
            self.preview_box.value = False
        self._tell_preview("")

    def _tell_preview(self, text: str) -> None:
        self.preview_text.value = text
        self.preview_text.visible = bool(text)

    def _on_stack(self) -> None:
        self.preview_box.value = False
        self._clear_notes()

    def _on_removed(self, *_: object) -> None:
        self._layers = {quantity: layer for quantity, layer in self._layers.items() if layer in self._viewer.layers}
        self.label_button.enabled = self.panel.task is None and "phase" in self._layers

    def end_work(self) -> None:
        """Stop the preview."""
        self.preview.stop()
        self._untick_preview()
        self._viewer.layers.events.removed.disconnect(self._on_removed)


def _saved_text(saved: SavedLabels, folder: Path) -> str:
    count = len(saved.paths)
    done = (
        f"Done: {count} tile{'s' if count != 1 else ''} in {folder}: choose it as 'Phase images' in 'Train a network'; "
        f"or, if you cut the stack into {saved.grid.rows} x {saved.grid.columns} tiles too, as 'Phase of the pairs'."
    )
    return "\n".join([done, *(f"Note: {note}." for note in saved.notes)])
