"""Maps that follow from a phase, measured or predicted: optical path, height, dry mass per area."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.errors import InputError
from napari_contransgan.gui.measure.part import Part, Source
from napari_contransgan.gui.shared.conversions import ConversionFields
from napari_contransgan.gui.shared.layers import add_image, image_from_layer
from napari_contransgan.gui.shared.quantity_names import NAMES, unit_text
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress
from napari_contransgan.quantities import Conversions

TITLE = "Maps from the phase"


class MapsPart(Part):
    """Converts a phase layer to other quantities, each of which becomes a layer."""

    def __init__(self, viewer: Viewer, source: Source) -> None:
        rows = Rows()
        self.conversions = ConversionFields(rows)
        panel = RunPanel("Add maps", "Adds a layer for each ticked quantity, over the phase.")
        super().__init__(viewer, source, rows, panel, "")
        self.save_button.setVisible(False)

    def run(self) -> None:
        """Convert the phase."""
        with errors_shown():
            image, layer = self.source()
            image = replace(image, axes=image_from_layer(layer).axes)  # so that a map lies over its phase
            conversions = self.conversions.value()
            if not conversions.functions:
                raise InputError("no map is chosen: tick optical path, height or dry mass")
            self.panel.start(
                lambda: _converting(image, conversions),
                title=TITLE,
                on_result=lambda maps: self._show(maps, layer),
            )

    def table(self) -> tuple[str, Callable[[Path], None]] | None:
        """Return None: a map has no table."""
        return None

    def _show(self, maps: Sequence[Image], layer: ImageLayer) -> str:
        added = [add_image(self.viewer, replace(one, name=f"{layer.name} {NAMES[one.quantity]}")) for one in maps]
        self.panel.offer_to_save(self.viewer, added, layer)
        named = (f"'{new.name}' ({unit_text(image.quantity)})" for new, image in zip(added, maps, strict=True))
        return f"Done: {', '.join(named)}."


def _converting(image: Image, conversions: Conversions) -> Generator[Progress, None, Sequence[Image]]:
    yield Progress(0, 0, "Converting")
    return [convert(image) for convert in conversions.functions.values()]
