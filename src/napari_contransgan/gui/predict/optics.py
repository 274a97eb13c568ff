"""The part of the form that says how an image was taken, for networks that can be told it."""

from typing import Any

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.shared.fields import NumberLine
from napari_contransgan.gui.shared.form import Section


class OpticsPart(Section):
    """Aperture, condenser and focus."""

    def __init__(self) -> None:
        super().__init__(
            "Microscope", "How the image was taken: the more of it is known, the closer the phase is to its true scale."
        )
        self.rows.add_settings(PredictSettings, "numerical_aperture", "coherence", "focus_um")

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
        """Return what was typed, and None for the rest, for images whose own values count."""
        typed = {name for name, field in self.fields().items() if field.typed}
        return {name: value if name in typed else None for name, value in self.values().items()}
