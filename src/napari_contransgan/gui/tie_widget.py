"""Dock widget: quantitative phase from a through-focus stack, by the transport-of-intensity equation."""

from collections.abc import Generator
from dataclasses import replace

from magicgui.widgets import CheckBox, Container, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress
from napari_contransgan.gui.fields import (
    NumberField,
    chosen_layer,
    form,
    layer_choice,
    origin_of,
    pixel_size_field,
    state_wavelength,
    wavelength_field,
)
from napari_contransgan.gui.layers import add_image, image_from_layer, in_memory, set_pixel_size
from napari_contransgan.gui.run_panel import RunPanel
from napari_contransgan.gui.workers import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.tie import retrieve_phase

TITLE = "Phase from focus stack"


class TieWidget(Container[Widget]):
    """Choose a stack, check its optics, press Run: a phase layer in radians appears over the stack."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.stack = layer_choice(
            viewer,
            name="stack",
            label="Focus stack",
            tooltip="The layer with the planes, in order of rising z. One axis is the focus (z).",
            suits=lambda layer: layer.ndim > 2,
        )
        self.wavelength = wavelength_field("; the middle of the filter. Green is 0.55 µm.")
        self.dz = NumberField(
            name="dz",
            label="Plane distance (µm)",
            tooltip="How far the focus was moved from one plane to the next.",
            empty="not stated",
        )
        self.pixel_size = pixel_size_field("it is the camera's pixel divided by the magnification.")
        self.focus = NumberField(
            name="focus",
            label="Plane in focus",
            tooltip="Number of the plane in focus, as the slider under the image counts (from 0). "
            "Empty: the middle one of three or more planes, the first of two.",
            empty="automatic",
        )
        self.regularisation = NumberField(
            name="regularisation",
            label="Regularisation",
            tooltip="Holds back slow clouds of phase that noise makes. Empty: chosen from the stack. 0: none.",
            empty="automatic",
        )
        self.flip_z = CheckBox(
            name="flip_z",
            label="",
            text="Planes are in order of falling z",
            tooltip="Tick it if cells come out darker than their surroundings: then the focus was moved the other way.",
        )
        self.panel = RunPanel("Run", "Compute the phase, in radians, and add it as a layer over the stack.")
        fields = form(
            self.stack, self.wavelength, self.dz, self.pixel_size, self.focus, self.regularisation, self.flip_z
        )
        super().__init__(labels=False, widgets=[fields, self.panel])
        self.stack.changed.connect(self._on_stack)
        self.panel.run_button.changed.connect(self.run)
        self._on_stack(self.stack.value)

    def settings(self) -> TieSettings:
        """Read the form.

        Raises
        ------
        InputError
            If a field holds no number, or one that is not allowed.
        """
        focus = self.focus.number
        if focus is not None and focus != int(focus):
            raise InputError(f"Plane in focus: {focus:g} is no plane number; the slider counts 0, 1, 2 …")
        wavelength_um = self.wavelength.number
        if wavelength_um is None:
            raise InputError("Wavelength (µm): state it, for example 0.55")
        regularisation = self.regularisation.number
        return TieSettings.checked(
            {
                "wavelength_um": wavelength_um,
                "dz_um": self.dz.number,
                "pixel_size_um": self.pixel_size.number,
                "focus_index": None if focus is None else int(focus),
                "flip_z": self.flip_z.value,
                "regularisation": "auto" if regularisation is None else regularisation,
            },
            source=TITLE,
        )

    def run(self) -> None:
        """Start the computation."""
        with errors_shown():
            layer = chosen_layer(self.stack)
            image = image_from_layer(layer)
            settings = self.settings()
            typed = self.pixel_size.typed  # now, whatever is typed meanwhile

            def events() -> Generator[Progress, None, Image]:
                return retrieve_phase(in_memory(image), settings)

            self.panel.start(events, title=TITLE, on_result=lambda phase: self._add(phase, layer, typed=typed))

    def _add(self, phase: Image, layer: ImageLayer, *, typed: bool) -> str:
        if typed and phase.pixel_size_um is not None and layer in self._viewer.layers:
            set_pixel_size(layer, phase.pixel_size_um)  # else the phase would not lie over its stack
        added = add_image(self._viewer, replace(phase, name=f"{layer.name} phase (TIE)"))
        return f"Done: layer '{added.name}', in radians."

    def _on_stack(self, layer: ImageLayer | None) -> None:
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            origin = origin_of(layer)
            self.pixel_size.state(image.pixel_size_um, origin)
            self.dz.state(image.z_step_um, origin)
            state_wavelength(self.wavelength, image, layer)
