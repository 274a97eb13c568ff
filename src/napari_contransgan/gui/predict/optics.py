"""The part of the form that says how an image was taken, for networks that can be told it."""

from dataclasses import replace
from typing import Any

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.shared.fields import NumberLine
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.io import Image


class OpticsPart(Fold):
    """Aperture, condenser and focus; closed at first."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.rows.add_settings(PredictSettings, "numerical_aperture", "coherence", "focus_um")
        super().__init__(
            "Microscope",
            tooltip="How the image was taken: the more of it is known, the closer the phase is to its true scale.",
            body=self.rows,
        )

    def fields(self) -> dict[str, NumberLine]:
        """Return the fields by the names of their settings."""
        return self.rows.by_name()

    def forget_focus(self) -> None:
        """Clear the focus, which was that of another image."""
        self.rows["focus_um"].state(None, "")

    def values(self) -> dict[str, Any]:
        """Return its part of `PredictSettings`."""
        return self.rows.values_of(PredictSettings)

    def typed_values(self) -> dict[str, Any]:
        """Return only what was typed, for images whose own values count."""
        values = self.values()
        return {name: values[name] for name, field in self.fields().items() if field.typed}

    def without_cleared(self, image: Image, settings: PredictSettings) -> Image:
        """Return the image without the numbers of its file that were cleared in the form."""
        return replace(image, numerical_aperture=settings.numerical_aperture, coherence=settings.coherence)
