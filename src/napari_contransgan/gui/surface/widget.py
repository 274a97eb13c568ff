"""Dock widget: a phase layer as a surface in 3D."""

from dataclasses import replace

from magicgui.widgets import ComboBox, Container, PushButton, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.gui.shared.form import (
    NumberField,
    chosen_layer,
    form,
    layer_choice,
    origin_of,
    pixel_size_field,
    state_wavelength,
    wavelength_field,
)
from napari_contransgan.gui.shared.layers import METADATA_KEY, PHASE_COLORMAP, image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.surface_layer import displayed_frame, show_surface
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.optics import check_pixel_size

COLORMAPS = (PHASE_COLORMAP, "magma", "inferno", "plasma", "turbo", "gray")
SHOWN = {"Phase (rad)": "phase", "Height (µm)": "height"}


class SurfaceWidget(Container[Widget]):
    """Choose a phase layer, press Show in 3D."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.phase = layer_choice(
            viewer,
            name="phase",
            label="Phase layer",
            tooltip="A phase map; of a stack, the frame that is shown.",
            suits=lambda layer: layer.metadata.get(METADATA_KEY, {}).get("quantity") == "phase",
        )
        self.what = ComboBox(
            name="what",
            label="Show",
            choices=list(SHOWN.items()),
            tooltip="The phase itself, or the height of a specimen of one refractive index.",
        )
        self.pixel_size = pixel_size_field()
        self.wavelength = wavelength_field(": it turns phase into optical path and height.")
        self.index_contrast = NumberField(
            name="index_contrast",
            label="Index contrast",
            tooltip="Refractive index of the specimen minus that of its medium: about 0.03 for cells in water. "
            "Height = phase x wavelength / (2 pi x index contrast).",
            empty="for height",
        )
        self.exaggeration = NumberField(
            name="exaggeration",
            label="Vertical stretch (x)",
            tooltip="How much taller than true the relief is drawn. Empty: a fifth of the image's width. "
            "1: true proportions.",
            empty="automatic",
        )
        self.colormap = ComboBox(name="colormap", label="Colours", choices=COLORMAPS, tooltip="Colours of the surface.")
        self.show_button = PushButton(
            text="Show in 3D", tooltip="Add the surface and turn the view; other layers are hidden (click their eye)."
        )
        fields = form(
            self.phase,
            self.what,
            self.pixel_size,
            self.wavelength,
            self.index_contrast,
            self.exaggeration,
            self.colormap,
        )
        super().__init__(labels=False, widgets=[fields, self.show_button])
        self.phase.changed.connect(self._on_phase)
        self.what.changed.connect(self._on_what)
        self.show_button.changed.connect(self.show_surface)
        self._on_phase(self.phase.value)
        self._on_what(self.what.value)

    def show_surface(self) -> None:
        """Add the surface and turn the view to 3D."""
        with errors_shown():
            layer = chosen_layer(self.phase)
            if self.pixel_size.typed:
                pixel_size_um = check_pixel_size(self.pixel_size.number, f"layer '{layer.name}'")
                set_pixel_size(layer, pixel_size_um)  # else layer and surface would differ in place and units
            frame = displayed_frame(image_from_layer(layer), layer, self._viewer)
            frame = replace(frame, pixel_size_um=self.pixel_size.number, wavelength_um=self.wavelength.number)
            show_surface(
                self._viewer,
                frame,
                quantity=self.what.value,
                index_contrast=self.index_contrast.number,
                exaggeration=self.exaggeration.number,
                colormap=self.colormap.value,
            )

    def _on_what(self, what: str) -> None:
        self.index_contrast.enabled = what == "height"

    def _on_phase(self, layer: ImageLayer | None) -> None:
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            state_wavelength(self.wavelength, image, layer)
            self.pixel_size.state(image.pixel_size_um, origin_of(layer))
