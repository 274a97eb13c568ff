"""The parts of the TIE form that stay closed until they are wanted."""

from pathlib import Path
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.conversions import ConversionFields
from napari_contransgan.gui.shared.fields import Choice, NumberLine, Tick
from napari_contransgan.gui.shared.form import Section
from napari_contransgan.gui.tie.results import MoreResults
from napari_contransgan.io import Image


class Microscope(Section):
    """Objective and condenser."""

    def __init__(self) -> None:
        super().__init__("Microscope", "Objective and condenser: if both are known, fine detail is restored.")
        self.rows.add_settings(TieSettings, "numerical_aperture", "coherence")
        self.numerical_aperture: NumberLine = self.rows["numerical_aperture"]
        self.coherence: NumberLine = self.rows["coherence"]

    def leave_out_immersion(self, image: Image) -> None:
        """Clear the aperture of an immersion objective, which cannot be used here."""
        if image.numerical_aperture is not None and image.numerical_aperture >= 1:
            self.numerical_aperture.state(None, "")

    def values(self) -> dict[str, Any]:
        """Return its part of `TieSettings`."""
        return self.rows.values_of(TieSettings)


class Corrections(Section):
    """Corrections of the planes before the phase is computed."""

    def __init__(self) -> None:
        super().__init__("Corrections", "Faults of the planes that are corrected before the phase is computed.")
        rows = self.rows
        self.dark: NumberLine = rows.add_setting(TieSettings, "dark")
        self.dark_picture = _picture(
            "… or an image",
            "TIFF taken without light, with the same camera settings as the stack. Several frames are averaged. Empty: "
            "the number above.",
        )
        rows.add_magicgui(self.dark_picture)
        rows.add_settings(
            TieSettings, "drift", "dead_pixels", "saturation", "equal_sums", "light_correction", "magnification"
        )
        self.flat_field = rows.add(
            "flat_field",
            "Flat field",
            Choice((("None", "none"), ("Estimate from the stack", "estimate"), ("From an image", "picture"))),
            "Corrects uneven illumination, estimated from the stack or taken from an image of an empty field.",
        )
        self.flat_picture = _picture(
            "Flat-field image", "TIFF of a field without specimen, taken with the same camera settings as the stack."
        )
        rows.add_magicgui(self.flat_picture)
        rows.add_settings(TieSettings, "specimen_sign")
        self.flat_field.valueChanged.connect(self._on_flat_field)
        self._on_flat_field()

    def state(self, image: Image, origin: str) -> None:
        """Fill in the dark level that the image states."""
        self.dark.state(image.dark_counts, origin)

    def values(self) -> dict[str, Any]:
        """Return its part of `TieSettings`.

        Raises
        ------
        InputError
            If the flat-field image is not chosen, or the dark level is not a number.
        """
        values = self.rows.values_of(TieSettings)
        if isinstance(self.dark_picture.value, Path):
            values["dark"] = self.dark_picture.value
        values["flat_field"] = {"none": None, "estimate": "estimate"}.get(self.flat_field.value())
        if self.flat_field.value() == "picture":
            if not isinstance(self.flat_picture.value, Path):
                raise InputError("Flat field: choose the image of an empty field, or another option")
            values["flat_field"] = self.flat_picture.value
        return values

    def _on_flat_field(self) -> None:
        self.flat_picture.enabled = self.flat_field.value() == "picture"


class MoreResultsSection(Section):
    """Results besides the phase."""

    def __init__(self) -> None:
        super().__init__("More results", "Quantities that are computed from the phase and added as layers.")
        self.wants_uncertainty = self.rows.add(
            "uncertainty",
            "",
            Tick("Uncertainty (rad)"),
            "Standard deviation of the phase in each pixel, in radians.",
        )
        self.conversions = ConversionFields(self.rows)

    def value(self) -> MoreResults:
        """Return what is ticked, with its numbers.

        Raises
        ------
        InputError
            If a number that is needed is missing.
        """
        return MoreResults(self.wants_uncertainty.value(), self.conversions.value())


def _picture(label: str, tooltip: str) -> FileEdit:
    return FileEdit(
        label=label, tooltip=tooltip, mode=FileDialogMode.EXISTING_FILE, filter="TIFF (*.tif *.tiff)", nullable=True
    )
