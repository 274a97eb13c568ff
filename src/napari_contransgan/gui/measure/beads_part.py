"""Heights of the beads of a phase layer, with a histogram."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import BeadHeight, bead_heights
from napari_contransgan.gui.measure.part import Part, Source, covering_notes, with_notes
from napari_contransgan.gui.measure.plot_view import Plot, plot_of
from napari_contransgan.gui.shared.fields import NumberLine
from napari_contransgan.gui.shared.layers import in_memory
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.surface_layer import displayed_frame
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.measuring import write_beads
from napari_contransgan.progress import Progress

TITLE = "Heights of beads"


class BeadsPart(Part):
    """Measures the height of every isolated bead."""

    def __init__(self, viewer: Viewer, source: Source) -> None:
        self._found: tuple[str, Sequence[BeadHeight]] | None = None
        rows = Rows()
        self.index_contrast = rows.add(
            "index_contrast",
            "Index contrast",
            NumberLine(),
            "Refractive index of the beads minus that of their medium, such as 0.03; negative for beads of a lower "
            "index. Height = phase × wavelength / (2π × index contrast).",
        )
        panel = RunPanel("Measure beads", "Measures beads that do not touch each other or the edge of the frame.")
        super().__init__(viewer, source, rows, panel, "Saves the heights as CSV: one row for each bead.")

    def run(self) -> None:
        """Measure the beads."""
        with errors_shown():
            image, layer = self.source()
            index_contrast = self.index_contrast.number
            if index_contrast is None:
                raise InputError(
                    "Index contrast is empty: type the refractive index of the beads minus that of their medium"
                )
            frame = displayed_frame(image, layer, self.viewer)
            self.panel.start(
                lambda: _measuring(frame, index_contrast),
                title=TITLE,
                on_result=lambda found: self._show(*found, layer),
            )

    def table(self) -> tuple[str, Callable[[Path], None]] | None:
        """Return the table of the beads."""
        if self._found is None:
            return None
        name, beads = self._found
        return f"{name} beads", lambda path: write_beads(path, {name: beads})

    def _show(self, beads: Sequence[BeadHeight], plot: Plot | None, layer: ImageLayer) -> str:
        self._found = layer.name, beads
        self.save_button.setEnabled(bool(beads))
        self.plot.show_plot(plot, f"{layer.name} beads")
        if not beads:
            return "No isolated beads were found: beads that touch each other or the edge of the frame are left out."
        heights_um = np.array([bead.height_um for bead in beads])
        self.viewer.add_points(
            [(bead.y_um, bead.x_um) for bead in beads],
            name=f"{layer.name} beads",
            features={"height_um": heights_um, "radius_um": [bead.radius_um for bead in beads]},
            size=[2 * bead.radius_um for bead in beads],
            face_color="transparent",
            border_color="red",
            units=layer.units[-2:],
            axis_labels=layer.axis_labels[-2:],
        )
        count = f"{len(beads)} bead{'s' if len(beads) > 1 else ''}"
        summary = f"Done: {count}, height {heights_um.mean():.4g} µm, standard deviation {heights_um.std():.3g} µm"
        return with_notes(summary, covering_notes(self.viewer, layer))


def _measuring(
    image: Image, index_contrast: float
) -> Generator[Progress, None, tuple[Sequence[BeadHeight], Plot | None]]:
    yield Progress(0, 0, "Measuring beads")
    beads = bead_heights(in_memory(image), index_contrast)
    if not beads:
        return beads, None
    from napari_contransgan.measuring.plots import draw_bead_heights

    return beads, plot_of(draw_bead_heights(beads))
