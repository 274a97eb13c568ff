"""Two phase layers compared: scores, one plotted against the other, and their difference as a layer."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
from napari.viewer import Viewer

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import Comparison, compare
from napari_contransgan.gui.measure.part import Part, Source, optional_layer, quantity_of, with_notes
from napari_contransgan.gui.measure.plot_view import Plot, plot_of
from napari_contransgan.gui.shared.fields import NumberLine, Tick
from napari_contransgan.gui.shared.layers import DIFFERENCE_KEY, add_image, image_from_layer, in_memory
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.surface_layer import displayed_frame
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.measuring import write_scores
from napari_contransgan.progress import Progress

TITLE = "Compare two phase layers"
DIFFERENCE_COLORMAP = "coolwarm"
_LABELLED = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 10.0)


class ComparePart(Part):
    """Scores a phase layer against another one."""

    def __init__(self, viewer: Viewer, source: Source) -> None:
        self._found: tuple[str, Comparison] | None = None
        self.reference = optional_layer(
            viewer,
            "reference",
            "Reference",
            "The phase to compare with, such as a measured phase with a predicted one. Maps with smaller pixels are "
            "averaged to the pixels of the other.",
            "choose a layer",
            lambda layer: quantity_of(layer) == "phase",
        )
        rows = Rows()
        rows.add_magicgui(self.reference)
        self.range = rows.add(
            "data_range_rad",
            "Range (rad)",
            NumberLine("of the reference"),
            "Range of phases that SSIM and PSNR relate to. Scores with different ranges cannot be compared. Empty: the "
            "reference's maximum minus its minimum.",
        )
        self.register = rows.add(
            "register",
            "",
            Tick("Register first"),
            "Shifts, turns and scales the phase layer so that it fits the reference.",
        )
        self.difference = rows.add(
            "difference",
            "",
            Tick("Show the difference as a layer"),
            "Adds the phase layer minus the reference, after both were levelled by their background.",
        )
        self.difference.setValue(True)
        panel = RunPanel("Compare", "Computes SSIM, PSNR, slope, correlation and more.")
        super().__init__(viewer, source, rows, panel, "Saves all scores as CSV.")

    def run(self) -> None:
        """Compare the layers."""
        with errors_shown():
            image, layer = self.source()
            other = self.reference.value
            if other is None or other is layer:
                raise InputError("there is nothing to compare with: choose another phase layer as the reference")
            phase = displayed_frame(image, layer, self.viewer)
            reference = displayed_frame(image_from_layer(other), other, self.viewer)
            register, data_range_rad = self.register.value(), self.range.number
            self.panel.start(
                lambda: _comparing(phase, reference, register, data_range_rad),
                title=TITLE,
                on_result=lambda found: self._show(*found, f"{layer.name} - {other.name}"),
            )

    def table(self) -> tuple[str, Callable[[Path], None]] | None:
        """Return the table of the scores."""
        if self._found is None:
            return None
        name, found = self._found
        return name, lambda path: write_scores(path, found.scores)

    def _show(self, found: Comparison, plot: Plot, name: str) -> str:
        self._found = name, found
        self.save_button.setEnabled(True)
        self.plot.show_plot(plot, name)
        if self.difference.value():
            layer = add_image(self.viewer, replace(found.difference, name=name, settings={DIFFERENCE_KEY: name}))
            layer.colormap = DIFFERENCE_COLORMAP
            limit_rad = _labelled_end(max(abs(end) for end in layer.contrast_limits))
            layer.contrast_limits = (-limit_rad, limit_rad)
            self.panel.offer_to_save(self.viewer, [layer])
        scores = found.scores
        lines = [
            f"SSIM {scores.ssim:.4f} (of an empty map {scores.ssim_zero:.4f}), PSNR {scores.psnr_db:.2f} dB",
            f"Slope {scores.slope:.4f}, correlation {scores.correlation:.4f}",
            f"Root mean square difference {scores.rmse_rad:.4g} rad, range {scores.data_range_rad:.4g} rad",
        ]
        if found.registration is not None:
            y_px, x_px = found.registration.shift_yx_px
            turn = np.degrees(found.registration.rotation_rad)
            lines.append(f"Moved by {y_px:.2f}, {x_px:.2f} px (y, x), {turn:.2f}°, × {found.registration.scale:.4f}")
        return with_notes("\n".join(lines), found.notes)


def _labelled_end(limit_rad: float) -> float:
    """Round up to a number that napari writes at the end of a colour bar; it labels few others."""
    decade = 10.0 ** np.floor(np.log10(limit_rad))
    return float(next((step * decade for step in _LABELLED if step * decade >= limit_rad), limit_rad))


def _comparing(
    phase: Image, reference: Image, register: bool, data_range_rad: float | None
) -> Generator[Progress, None, tuple[Comparison, Plot]]:
    yield Progress(0, 0, "Comparing")
    phase, reference = in_memory(phase), in_memory(reference)
    found = compare(phase, reference, register_first=register, data_range_rad=data_range_rad)
    from napari_contransgan.measuring.plots import draw_comparison

    return found, plot_of(draw_comparison(found, (phase.name, reference.name)))
