"""Dock widget: measure a phase layer: its objects, a profile along a line, beads, maps, and another phase layer."""

from collections.abc import Mapping
from dataclasses import replace

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton, QTabWidget

from napari_contransgan.config import TieSettings
from napari_contransgan.gui.measure.beads_part import BeadsPart
from napari_contransgan.gui.measure.compare_part import ComparePart
from napari_contransgan.gui.measure.maps_part import MapsPart
from napari_contransgan.gui.measure.objects_part import ObjectsPart
from napari_contransgan.gui.measure.part import Part, quantity_of
from napari_contransgan.gui.measure.profile_part import ProfilePart
from napari_contransgan.gui.shared.figure import save_figure_of
from napari_contransgan.gui.shared.form import FormWidget, chosen_layer, layer_choice
from napari_contransgan.gui.shared.layers import image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.optics_fields import remember_typed, state_optics
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image


class MeasureWidget(FormWidget):
    """Measures a phase layer; each kind of measurement is a tab."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.phase = layer_choice(
            viewer,
            name="phase",
            label="Phase layer",
            tooltip="A phase image, or a time series of it.",
            suits=lambda layer: quantity_of(layer) == "phase",
        )
        fields = Rows()
        fields.add_magicgui(self.phase)
        self.pixel_size = fields.add_setting(TieSettings, "pixel_size_um")
        self.wavelength = fields.add_setting(TieSettings, "wavelength_um", hint="It converts phase to dry mass.")
        self.objects = ObjectsPart(viewer, self._source)
        self.profile = ProfilePart(viewer, self._source)
        self.compare = ComparePart(viewer, self._source)
        self.beads = BeadsPart(viewer, self._source)
        self.maps = MapsPart(viewer, self._source)
        self.tabs = QTabWidget()
        for part, title, tooltip in (
            (self.objects, "Objects", "Area, phase and dry mass of each cell, and its growth over time."),
            (self.profile, "Profile", "Phase along a line through one or several maps."),
            (self.compare, "Compare", "One phase layer against another one."),
            (self.beads, "Beads", "Heights of beads, with a histogram."),
            (self.maps, "Maps", "Optical path, height and dry mass per area, as layers."),
        ):
            self.tabs.setTabToolTip(self.tabs.addTab(part, title), tooltip)
        fields.add_wide(self.tabs)
        self.figure_button = QPushButton("Save figure …")
        self.figure_button.setToolTip(
            "Saves the phase layer as PNG, SVG or TIFF, with a scale bar and a colour bar. Colours and limits are "
            "those of the layer. Of a series, the frame on display is saved."
        )
        super().__init__(fields, [self.figure_button], tab="Measure")
        self.figure_button.clicked.connect(self.save_figure)
        self.phase.changed.connect(self._on_phase)
        self._on_phase(self.phase.value)

    def save_figure(self) -> None:
        """Save the phase layer as a figure."""
        with errors_shown():
            save_figure_of(self._viewer, chosen_layer(self.phase), self)

    @property
    def panel(self) -> RunPanel:
        """The Run button of the tab on display."""
        return self.parts[self.tabs.currentIndex()].panel

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tabs, from left to right."""
        return self.objects, self.profile, self.compare, self.beads, self.maps

    def forms(self) -> Mapping[str, Rows]:
        """Return the forms, whose values are kept."""
        named = {"form": self.fields, "more": self.objects.more_rows}
        return named | dict(
            zip(("objects", "profile", "compare", "beads", "maps"), [one.rows for one in self.parts], strict=True)
        )

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are now; napari calls it, for a closed widget too."""
        super().reset_choices()
        for part in () if self.is_closed else self.parts:
            part.rows.reset_choices()

    def _source(self) -> tuple[Image, ImageLayer]:
        """Return the chosen phase with the pixel size and wavelength of the form, and its layer."""
        layer = chosen_layer(self.phase)
        if self.pixel_size.typed and self.pixel_size.number is not None:
            set_pixel_size(layer, self.pixel_size.number)
        image = image_from_layer(layer)
        remember_typed(self.fields.by_name(), image)
        image = replace(image, pixel_size_um=self.pixel_size.number, wavelength_um=self.wavelength.number)
        if image.axes == "ZYX":  # napari does not tell time from depth
            image = replace(image, axes="TYX")
        return image, layer

    def _on_phase(self, layer: ImageLayer | None) -> None:
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            state_optics(self.fields.by_name(), image, layer)
            self.objects.on_phase(layer, image.axes)
