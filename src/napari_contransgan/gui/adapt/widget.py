"""Dock widget: adapt a network to the user's microscope from one focus stack."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.viewer import Viewer

from napari_contransgan.adapting.events import AdaptEvent, AdaptPreview, AdaptResult, AdaptStarted
from napari_contransgan.config import AdaptSettings, TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.adapt.picture import KeptBackPicture
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.shared.form import (
    FormWidget,
    as_list,
    chosen_layer,
    layer_choice,
    wrapped_text,
)
from napari_contransgan.gui.shared.layers import image_from_layer, in_memory
from napari_contransgan.gui.shared.next_steps import with_network
from napari_contransgan.gui.shared.optics_fields import remember_typed, state_optics
from napari_contransgan.gui.shared.preferences import preferences
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.gui.shared.torch_guard import load_torch
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress, mapped
from napari_contransgan.training.known_runs import remember_run

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer

TITLE = "Adapt to my microscope"


class AdaptWidget(FormWidget):
    """Trains a network on the focus stack of a layer, so that it predicts the right phase on this microscope."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.stack = layer_choice(
            viewer,
            name="stack",
            label="Focus stack",
            tooltip="Planes in order of rising z, taken with the objective whose frames you want to predict.",
            suits=lambda layer: layer.ndim > 2,
        )
        self.folder = FoldersEdit(placeholder="new folder for the network", for_results=True)
        self.picture = KeptBackPicture()
        self.notes = wrapped_text()
        self.panel = RunPanel(
            "Adapt",
            "Trains for about a minute on the stack and its TIE phase. A part is kept back, and the adapted network is "
            "kept only if it is better there.",
            cancelled_text="Cancelled. Nothing was written.",
        )
        fields = Rows()
        fields.add_magicgui(self.stack)
        fields.add_settings(
            TieSettings,
            "wavelength_um",
            "dz_um",
            "pixel_size_um",
            "focus_index",
            "flip_z",
            "numerical_aperture",
            "coherence",
        )
        fields.add_settings(AdaptSettings, "name")
        fields.add("folder", "Save to", self.folder, "Folder for the adapted network; it must not hold one.")
        fields.add_settings(AdaptSettings, "minutes")
        super().__init__(fields, [self.panel, self.notes, self.picture], tab="Adapt")
        self.notes.visible = False
        self.stack.changed.connect(self._on_stack)
        self.panel.run_button.changed.connect(self.run)
        self._on_stack(self.stack.value)

    def settings(self) -> AdaptSettings:
        """Read the form.

        Raises
        ------
        InputError
            If a value is not valid.
        """
        tie = checked(TieSettings, self.fields.values_of(TieSettings), TITLE)
        computed = preferences().changed("device", "threads")
        return checked(AdaptSettings, self.fields.values_of(AdaptSettings) | computed | {"tie": tie}, TITLE)

    def run_folder(self) -> Path:
        """Return the folder for the network.

        Raises
        ------
        InputError
            If none is given.
        """
        folders = self.folder.value()
        if not folders:
            raise InputError("Save to: choose a new folder for the adapted network")
        return folders[0]

    def run(self) -> None:
        """Start adapting."""
        with errors_shown():
            layer = chosen_layer(self.stack)
            settings, folder = self.settings(), self.run_folder()
            tie = settings.tie
            remember_typed(self.fields.by_name(), image_from_layer(layer))
            image = replace(image_from_layer(layer), numerical_aperture=tie.numerical_aperture, coherence=tie.coherence)
            self.notes.visible = False
            self.picture.setVisible(False)
            self.panel.start(
                lambda: _progress_of(image, settings, folder),
                title=TITLE,
                on_result=self._finish,
                on_event=self._show,
            )

    def _show(self, event: Progress) -> None:
        if isinstance(event, _Told):
            if event.preview is not None:
                self.picture.show_preview(event.preview)
            if event.notes:
                self.notes.value = as_list(event.notes)
                self.notes.visible = True

    def _finish(self, result: AdaptResult) -> str:
        remember_run(result.checkpoint.parent)
        self.finished = True
        self.panel.offer_next(with_network(self._viewer, result.checkpoint))
        before, after = result.before, result.after
        if result.kept == "original":
            return (
                f"Done in {result.minutes:.1f} minutes. The adapted network was not better on the part that was kept "
                f"back (RMSE {before.rmse_rad:.2f} rad before), so '{result.name}' is the original network."
            )
        return (
            f"Done in {result.minutes:.1f} minutes: '{result.name}'. On the part that was kept back, the slope changed "
            f"from {before.slope:.2f} to {after.slope:.2f}, the correlation from {before.correlation:.2f} to "
            f"{after.correlation:.2f} and the RMSE from {before.rmse_rad:.2f} to {after.rmse_rad:.2f} rad. "
            f"'Predict phase' now offers it first for images with this pixel size."
        )

    def _on_stack(self, layer: "ImageLayer | None") -> None:
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            state_optics(self.fields.by_name(), image, layer)
            self.fields["flip_z"].setValue(image.z_falls)
            if not self.fields["name"].value():
                pixel_um = image.pixel_size_um
                self.fields["name"].setValue("my microscope" if pixel_um is None else f"my {6.5 / pixel_um:.0f}x")


@dataclass(frozen=True)
class _Told(Progress):
    """Progress that also carries a picture or notes."""

    preview: AdaptPreview | None = None
    notes: tuple[str, ...] = ()


def _progress_of(image: Image, settings: AdaptSettings, folder: Path) -> Generator[Progress, None, AdaptResult]:
    """Adapt in a worker thread; torch is imported only there."""
    yield Progress(0, 0, "Loading the network")
    load_torch()
    from napari_contransgan.adapting.adapt import adapt

    last = Progress(0, 0, TITLE)

    def told(event: AdaptEvent) -> Progress | None:
        nonlocal last
        if isinstance(event, Progress):
            last = event
            return event
        if isinstance(event, AdaptPreview):
            return _Told(last.step, last.total, last.message, preview=event)
        if isinstance(event, AdaptStarted):
            return _Told(last.step, last.total, last.message, notes=event.notes)
        return None

    return (yield from mapped(adapt([in_memory(image)], settings, folder), told))
