"""Dock widget: measure the objects of a phase layer, show them as labels, and save them as a table."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox, PushButton
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog

from napari_contransgan.config import MeasureSettings, TieSettings
from napari_contransgan.gui.shared.fields import leave_wheel_to_form
from napari_contransgan.gui.shared.form import FormWidget, chosen_layer, layer_choice, origin_of, state_wavelength
from napari_contransgan.gui.shared.layers import METADATA_KEY, image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.measuring import Measurement, measure_objects, object_rows, write_objects

TITLE = "Measure objects"
NO_LABELS = "found by their phase"
NO_UNCERTAINTY = "none"


class MeasureWidget(FormWidget):
    """Measures area, phase and dry mass of each object of a phase layer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._measured: tuple[str, Measurement] | None = None
        self.phase = layer_choice(
            viewer,
            name="phase",
            label="Phase layer",
            tooltip="A phase image, or a time series of it.",
            suits=lambda layer: _quantity(layer) == "phase",
        )
        self.objects = _optional_layer(
            viewer,
            "objects",
            "Objects",
            "A labels layer, for example from Cellpose, StarDist or micro-sam, or drawn by hand. Otherwise objects are "
            "found by a threshold, and those that touch are split between their thick parts.",
            NO_LABELS,
            lambda layer: isinstance(layer, LabelsLayer),
        )
        self.uncertainty = _optional_layer(
            viewer,
            "uncertainty",
            "Uncertainty",
            "Uncertainty layer of the phase. It gives each dry mass its standard error. Without it, the unevenness of "
            "the background does.",
            NO_UNCERTAINTY,
            lambda layer: _quantity(layer) == "phase-std",
        )
        self.panel = RunPanel("Measure", "Measures each object and adds a labels layer with the table of results.")
        self.save_button = PushButton(
            text="Save table …", enabled=False, tooltip="Saves the results as CSV: one row for each object and frame."
        )
        fields = Rows()
        for choice in (self.phase, self.objects, self.uncertainty):
            fields.add_magicgui(choice)
        fields.add_settings(
            MeasureSettings,
            *("threshold_rad", "smallest_area_um2", "refractive_increment_um3_per_pg"),
            *("largest_step_um", "frames_missing"),
        )
        self.pixel_size = fields.add_setting(TieSettings, "pixel_size_um")
        self.wavelength = fields.add_setting(TieSettings, "wavelength_um", hint="It converts phase to dry mass.")
        super().__init__(fields, [self.panel, self.save_button])
        self.phase.changed.connect(self._on_phase)
        self.objects.changed.connect(self._on_labels)
        self.panel.run_button.changed.connect(self.run)
        self.save_button.changed.connect(self.save)
        self._on_phase(self.phase.value)
        self._on_labels()

    def settings(self) -> MeasureSettings:
        """Read the form."""
        return checked(MeasureSettings, self.fields.values_of(MeasureSettings), TITLE)

    def run(self) -> None:
        """Start measuring."""
        with errors_shown():
            layer = chosen_layer(self.phase)
            if self.pixel_size.typed and self.pixel_size.number is not None:
                set_pixel_size(layer, self.pixel_size.number)
            image = image_from_layer(layer)
            image = replace(image, pixel_size_um=self.pixel_size.number, wavelength_um=self.wavelength.number)
            if image.axes == "ZYX":  # napari does not tell time from depth
                image = replace(image, axes="TYX")
            settings = self.settings()
            labels = None if self.objects.value is None else np.asarray(self.objects.value.data)
            uncertainty = None if self.uncertainty.value is None else image_from_layer(self.uncertainty.value)
            self.panel.start(
                lambda: measure_objects(image, settings, labels=labels, uncertainty=uncertainty),
                title=TITLE,
                on_result=lambda found: self._show(found, image, layer),
            )

    def save(self) -> None:
        """Let the user choose a file, and save the table."""
        if self._measured is None:
            return
        name, found = self._measured
        chosen, _ = QFileDialog.getSaveFileName(self.native, "Save the table", f"{name}.csv", "Tables (*.csv)")
        if not chosen:
            return
        with errors_shown():
            path = Path(chosen)
            path = path if path.suffix else path.with_suffix(".csv")
            write_objects(path, {name: found.objects})
            self.panel.message.value = f"Saved: {path}"

    def _show(self, found: Measurement, image: Image, layer: ImageLayer) -> str:
        self._measured = layer.name, found
        self.save_button.enabled = bool(found.objects)
        if found.objects:
            self._viewer.add_labels(
                found.labels,
                name=f"{layer.name} objects",
                features=_features(found),
                opacity=0.4,
                scale=layer.scale,
                units=layer.units,
                translate=layer.translate,
                axis_labels=layer.axis_labels,
            )
        return "\n".join(
            [_summary(found, image.axes == "TYX"), *(f"Note: {note.rstrip('.')}." for note in found.notes)]
        )

    def _on_labels(self, _: object = None) -> None:
        for name in ("threshold_rad", "smallest_area_um2"):
            self.fields[name].setEnabled(self.objects.value is None)

    def _on_phase(self, layer: ImageLayer | None) -> None:
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            state_wavelength(self.wavelength, image, layer)
            self.pixel_size.state(image.pixel_size_um, origin_of(layer))
            for name in ("largest_step_um", "frames_missing"):
                self.fields[name].setEnabled(image.axes != "YX")
            own = [one for one in self.uncertainty.choices if one is not None and one.name.startswith(layer.name)]
            if own:
                self.uncertainty.value = own[-1]


def _quantity(layer: Layer) -> str:
    return str(layer.metadata.get(METADATA_KEY, {}).get("quantity", ""))


def _optional_layer(viewer: Viewer, name: str, label: str, tooltip: str, none: str, suits: Any) -> ComboBox:
    """Make a choice of the layers that suit, with a text for none, which is chosen at first."""

    def choices(_: object) -> Iterable[tuple[str, Layer | None]]:
        return [(none, None), *((layer.name, layer) for layer in viewer.layers if suits(layer))]

    choice = ComboBox(name=name, label=label, tooltip=tooltip, choices=choices)
    choice.native.setSizeAdjustPolicy(choice.native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.native.setMinimumContentsLength(10)
    leave_wheel_to_form(choice.native)
    return choice


def _features(found: Measurement) -> dict[str, Any]:
    """Return the table for napari, which finds the row of a label by its index column."""
    rows = object_rows(found.objects)
    return {"index": rows["label"], **rows}


def _summary(found: Measurement, is_series: bool) -> str:
    if not found.objects:
        return "No objects were found: lower the threshold, or choose a labels layer."
    tracks = {one.track for one in found.objects}
    masses_pg = [one.dry_mass_pg for one in found.objects]
    count = f"{len(found.objects)} object{'s' if len(found.objects) > 1 else ''}"
    if is_series:
        return f"Done: {count} in {len(tracks)} tracks, median dry mass {np.median(masses_pg):.4g} pg"
    return f"Done: {count}, dry mass {sum(masses_pg):.4g} pg in all, median {np.median(masses_pg):.4g} pg"
