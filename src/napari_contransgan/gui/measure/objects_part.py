"""Objects of a phase layer: labels with a table, and their dry mass over time."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton

from napari_contransgan.config import MeasureSettings
from napari_contransgan.gui.measure.part import Part, Source, covering_notes, optional_layer, quantity_of, with_notes
from napari_contransgan.gui.measure.plot_view import Plot, plot_of
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.measuring import Growth, Measurement, growth_of, measure_objects, object_rows, write_objects
from napari_contransgan.progress import Progress

TITLE = "Measure objects"
NO_LABELS = "found by phase"
NO_UNCERTAINTY = "none"
TABLE_WIDGET = ("napari", "Features table widget")


class ObjectsPart(Part):
    """Measures area, phase and dry mass of each object."""

    def __init__(self, viewer: Viewer, source: Source) -> None:
        self._measured: tuple[str, Measurement] | None = None
        self.objects = optional_layer(
            viewer,
            "objects",
            "Objects",
            "A labels layer, for example from Cellpose, StarDist or micro-sam, or drawn by hand. Otherwise objects are "
            "found by a threshold, and those that touch are split between their thick parts.",
            NO_LABELS,
            lambda layer: isinstance(layer, LabelsLayer),
        )
        self.uncertainty = optional_layer(
            viewer,
            "uncertainty",
            "Uncertainty",
            "Uncertainty layer of the phase. It gives each dry mass its standard error. Without it, the unevenness of "
            "the background does.",
            NO_UNCERTAINTY,
            lambda layer: quantity_of(layer) == "phase-std",
        )
        rows, more = Rows(), Rows()
        for choice in (self.objects, self.uncertainty):
            rows.add_magicgui(choice)
        rows.add_settings(MeasureSettings, "threshold_rad", "refractive_increment_um3_per_pg")
        more.add_settings(MeasureSettings, "smallest_area_um2", "rim_um", "largest_step_um", "frames_missing")
        self.more = Fold("More", tooltip="Small objects, thin rims, and links over time.", body=more)
        rows.add_wide(self.more)
        self.more_rows = more
        panel = RunPanel("Measure", "Measures each object and adds a labels layer with the table of results.")
        super().__init__(viewer, source, rows, panel, "Saves the results as CSV: one row for each object and frame.")
        self.table_button = QPushButton("Show table")
        self.table_button.setToolTip("Opens napari's table of the labels layer: one row for each object and frame.")
        self.table_button.setEnabled(False)
        self.table_button.clicked.connect(self._show_table)
        self.below.addWidget(self.table_button)
        self.objects.changed.connect(self._on_labels)
        self._on_labels()

    def settings(self) -> MeasureSettings:
        """Read the form."""
        values = self.rows.values_of(MeasureSettings) | self.more_rows.values_of(MeasureSettings)
        return checked(MeasureSettings, values, TITLE)

    def run(self) -> None:
        """Start measuring."""
        with errors_shown():
            image, layer = self.source()
            settings = self.settings()
            labels = None if self.objects.value is None else np.asarray(self.objects.value.data)
            uncertainty = None if self.uncertainty.value is None else image_from_layer(self.uncertainty.value)
            self.panel.start(
                lambda: _measuring(image, settings, labels, uncertainty),
                title=TITLE,
                on_result=lambda found: self._show(*found, image, layer),
            )

    def table(self) -> tuple[str, Callable[[Path], None]] | None:
        """Return the table of the objects."""
        if self._measured is None:
            return None
        name, found = self._measured
        return name, lambda path: write_objects(path, {name: found.objects})

    def on_phase(self, layer: ImageLayer, axes: str) -> None:
        """Choose what belongs to another phase layer."""
        for name in ("largest_step_um", "frames_missing"):
            self.more_rows[name].setEnabled(axes != "YX")
        own = [one for one in self.uncertainty.choices if one is not None and one.name.startswith(layer.name)]
        if own:
            self.uncertainty.value = own[-1]

    def _show(
        self, found: Measurement, growth: tuple[Growth, ...], plot: Plot | None, image: Image, layer: ImageLayer
    ) -> str:
        self._measured = layer.name, found
        for button in (self.save_button, self.table_button):
            button.setEnabled(bool(found.objects))
        self.plot.show_plot(plot, f"{layer.name} growth")
        if found.objects:
            self.viewer.add_labels(
                found.labels,
                name=f"{layer.name} objects",
                features=_features(found),
                opacity=0.4,
                scale=layer.scale,
                units=layer.units,
                translate=layer.translate,
                axis_labels=layer.axis_labels,
            )
        summary = _summary(found, image.axes == "TYX") + _rate(growth)
        return with_notes(summary, found.notes + (covering_notes(self.viewer, layer) if found.objects else ()))

    def _show_table(self) -> None:
        self.viewer.window.add_plugin_dock_widget(*TABLE_WIDGET, tabify=True)

    def _on_labels(self, _: object = None) -> None:
        is_found = self.objects.value is None
        self.rows["threshold_rad"].setEnabled(is_found)
        for name in ("smallest_area_um2", "rim_um"):
            self.more_rows[name].setEnabled(is_found)


def _measuring(
    image: Image, settings: MeasureSettings, labels: Any, uncertainty: Image | None
) -> Generator[Progress, None, tuple[Measurement, tuple[Growth, ...], Plot | None]]:
    """Measure, and draw the growth of the objects of a series; matplotlib is loaded only for that."""
    found = yield from measure_objects(image, settings, labels=labels, uncertainty=uncertainty)
    growth = growth_of(found.objects, image.time_step_s)
    if not growth:
        return found, (), None
    from napari_contransgan.measuring.plots import draw_growth

    return found, growth, plot_of(draw_growth(growth))


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
    cut = sum(one.touches_edge for one in found.objects)
    ending = f"; {cut} cut by the edge" if cut else ""
    total_pg = sum(masses_pg)
    total = f"{total_pg:,.0f}" if total_pg >= 1000 else f"{total_pg:.4g}"
    if is_series:
        return f"Done: {count} in {len(tracks)} tracks, median dry mass {np.median(masses_pg):.4g} pg{ending}"
    return f"Done: {count}, dry mass {total} pg in all, median {np.median(masses_pg):.4g} pg{ending}"


def _rate(growth: tuple[Growth, ...]) -> str:
    rates_pg = [one.rate_pg for one in growth if one.rate_pg is not None]
    if not rates_pg:
        return ""
    return f", median growth {np.median(rates_pg):.3g} pg per {'hour' if growth[0].in_hours else 'frame'}"
