"""Dock widget: show a phase layer as a surface in 3D."""

from dataclasses import replace

from magicgui.widgets import PushButton
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.config import TieSettings
from napari_contransgan.gui.shared.fields import Choice, NumberLine
from napari_contransgan.gui.shared.form import FormWidget, chosen_layer, layer_choice
from napari_contransgan.gui.shared.layers import METADATA_KEY, PHASE_COLORMAP, image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.optics_fields import remember_typed, state_optics
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.surface_layer import displayed_frame, show_surface
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.optics import check_pixel_size

COLORMAPS = (PHASE_COLORMAP, "magma", "inferno", "plasma", "turbo", "gray")
SHOWN = (("Phase (rad)", "phase"), ("Height (µm)", "height"))


class SurfaceWidget(FormWidget):
    """Shows a phase layer as a surface in 3D."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.phase = layer_choice(
            viewer,
            name="phase",
            label="Phase layer",
            tooltip="A phase image. For a stack, the frame on display is used.",
            suits=lambda layer: layer.metadata.get(METADATA_KEY, {}).get("quantity") == "phase",
        )
        self.show_button = PushButton(
            text="Show in 3D",
            tooltip="Adds the surface and switches the viewer to 3D. Other layers are hidden; click their eye icon to "
            "show them.",
        )
        fields = Rows()
        fields.add_magicgui(self.phase)
        self.what = fields.add(
            "what", "Show", Choice(SHOWN), "The phase itself, or the height of a specimen with one refractive index."
        )
        self.pixel_size = fields.add_setting(TieSettings, "pixel_size_um")
        self.wavelength = fields.add_setting(
            TieSettings, "wavelength_um", hint="It converts phase to optical path and height."
        )
        self.index_contrast = fields.add(
            "index_contrast",
            "Index contrast",
            NumberLine("for height"),
            "Refractive index of the specimen minus that of its medium: about 0.03 for cells in water. "
            "Height = phase × wavelength / (2π × index contrast).",
        )
        self.exaggeration = fields.add(
            "exaggeration",
            "Vertical stretch (×)",
            NumberLine("automatic"),
            "Factor by which the relief is drawn taller than it is. Empty: a fifth of the image's width. "
            "1: true proportions.",
        )
        self.colormap = fields.add(
            "colormap", "Colours", Choice((name, name) for name in COLORMAPS), "Colour map of the surface."
        )
        super().__init__(fields, [self.show_button], tab="3D")
        self.phase.changed.connect(self._on_phase)
        self.what.valueChanged.connect(self._on_what)
        self.show_button.changed.connect(self.show_surface)
        self._on_phase(self.phase.value)
        self._on_what()

    def show_surface(self) -> None:
        """Add the surface and switch the viewer to 3D."""
        with errors_shown():
            layer = chosen_layer(self.phase)
            remember_typed(self.fields.by_name(), image_from_layer(layer))
            if self.pixel_size.typed:
                pixel_size_um = check_pixel_size(self.pixel_size.number, f"layer '{layer.name}'")
                set_pixel_size(layer, pixel_size_um)  # so that layer and surface agree in position and units
            frame = displayed_frame(image_from_layer(layer), layer, self._viewer)
            frame = replace(frame, pixel_size_um=self.pixel_size.number, wavelength_um=self.wavelength.number)
            show_surface(
                self._viewer,
                frame,
                quantity=self.what.value(),
                index_contrast=self.index_contrast.number,
                exaggeration=self.exaggeration.number,
                colormap=self.colormap.value(),
            )

    def _on_what(self) -> None:
        self.index_contrast.setEnabled(self.what.value() == "height")

    def _on_phase(self, layer: ImageLayer | None) -> None:
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            state_optics(self.fields.by_name(), image, layer)
