"""The phase along a line that the user draws, through one or several phase layers."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Shapes as ShapesLayer
from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton

from napari_contransgan.errors import InputError
from napari_contransgan.gui.measure.part import Part, Source, optional_layer, quantity_of
from napari_contransgan.gui.measure.plot_view import Plot, plot_of
from napari_contransgan.gui.shared.fields import Choice
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.surface_layer import displayed_frame
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.measuring import Profile, profile_along, write_profiles
from napari_contransgan.progress import Progress

TITLE = "Profile along a line"
LINE_NAME = "profile line"
LINE_WIDTH = 1 / 150
"""Of the wider side of the map, so that the line is seen over coloured objects at any pixel size."""
MAPS = (("Phase layer", "one"), ("All visible phase layers", "visible"))

Ends = tuple[tuple[float, float], tuple[float, float]]


class ProfilePart(Part):
    """Draws the phase along a line."""

    def __init__(self, viewer: Viewer, source: Source) -> None:
        self._profiles: Sequence[Profile] = ()
        self.line = optional_layer(
            viewer,
            "line",
            "Line",
            "A shapes layer with a line; if it has several, the selected one or the last one is used.",
            "draw one first",
            lambda layer: isinstance(layer, ShapesLayer),
        )
        self.draw_button = QPushButton("Draw a line")
        self.draw_button.setToolTip("Adds a shapes layer: press the mouse button on the image, and drag.")
        rows = Rows()
        rows.add_magicgui(self.line)
        rows.add_wide(self.draw_button)
        self.maps = rows.add("maps", "Through", Choice(MAPS), "The maps whose phase is drawn. All must hold the line.")
        panel = RunPanel("Draw profile", "Draws the phase along the line.")
        super().__init__(viewer, source, rows, panel, "Saves the profiles as CSV: one row for each point and map.")
        self.draw_button.clicked.connect(self.draw_line)

    def draw_line(self) -> None:
        """Add a shapes layer, ready to draw a line."""
        with errors_shown():
            _, layer = self.source()
            added = self.viewer.add_shapes(
                ndim=2,
                name=LINE_NAME,
                edge_color="red",
                edge_width=LINE_WIDTH * float(np.ptp(layer.extent.world[:, -2:], axis=0).max()),
                units=layer.units[-2:],
                axis_labels=layer.axis_labels[-2:],
            )
            self.line.reset_choices()
            self.line.value = added
            self.viewer.layers.selection.active = added
            added.mode = "add_line"

    def run(self) -> None:
        """Draw the profile."""
        with errors_shown():
            image, layer = self.source()
            ends = _ends(self.line.value)
            maps = [displayed_frame(image, layer, self.viewer)]
            if self.maps.value() == "visible":
                others = [one for one in self.viewer.layers if _is_visible_phase(one) and one is not layer]
                maps += [displayed_frame(image_from_layer(one), one, self.viewer) for one in others]
            self.panel.start(lambda: _drawing(maps, ends), title=TITLE, on_result=lambda found: self._show(*found))

    def table(self) -> tuple[str, Callable[[Path], None]] | None:
        """Return the table of the profiles."""
        profiles = self._profiles
        return ("profile", lambda path: write_profiles(path, profiles)) if profiles else None

    def _show(self, profiles: Sequence[Profile], plot: Plot) -> str:
        self._profiles = profiles
        self.save_button.setEnabled(True)
        self.plot.show_plot(plot, "profile")
        ranges = [
            f"{one.name}: {one.phase_rad.min():.3g} to {one.phase_rad.max():.3g}, mean {one.phase_rad.mean():.3g} rad"
            for one in profiles
        ]
        return "\n".join([f"Done: {profiles[0].distance_um[-1]:.4g} µm", *ranges])


def _drawing(maps: Sequence[Image], ends: Ends) -> Generator[Progress, None, tuple[Sequence[Profile], Plot]]:
    yield Progress(0, 1, "Reading along the line")
    profiles = [profile_along(replace(one, data=np.asarray(one.data)), *ends) for one in maps]
    from napari_contransgan.measuring.plots import draw_profiles

    return profiles, plot_of(draw_profiles(profiles))


def _ends(layer: ShapesLayer | None) -> Ends:
    """Return the ends of the selected line, or of the last one, in micrometres."""
    lines = [] if layer is None else [i for i, kind in enumerate(layer.shape_type) if kind == "line"]
    if layer is None or not lines:
        raise InputError("there is no line: draw one, in a shapes layer, from one point of the image to another")
    selected = [index for index in lines if index in layer.selected_data]
    start, end = (layer.data_to_world(point)[-2:] for point in layer.data[(selected or lines)[-1]])
    return (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))


def _is_visible_phase(layer: object) -> bool:
    return isinstance(layer, ImageLayer) and layer.visible and quantity_of(layer) == "phase"
