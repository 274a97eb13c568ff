"""The parts of the TIE form that stay closed until they are wanted."""

from pathlib import Path
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, FileEdit

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.form import NumberField, Section, form
from napari_contransgan.gui.tie.results import MoreResults
from napari_contransgan.io import Image
from napari_contransgan.quantities import REFRACTIVE_INCREMENT_UM3_PER_PG


class Microscope(Section):
    """What the objective and the condenser let through."""

    def __init__(self) -> None:
        self.numerical_aperture = NumberField(
            name="numerical_aperture",
            label="Objective NA",
            tooltip="Numerical aperture engraved on the objective, of a dry one, below 1. When the condenser ratio is "
            "known too, fine detail that the planes blur is restored.",
            empty="not stated",
        )
        self.coherence = NumberField(
            name="coherence",
            label="Condenser ratio S",
            tooltip="Numerical aperture of the condenser, as far as its diaphragm is open, divided by the objective's. "
            "When the objective's NA is known too, fine detail that the planes blur is restored.",
            empty="not stated",
        )
        super().__init__(
            "Microscope",
            tooltip="Objective and condenser: when both are known, fine detail is restored.",
            content=form(self.numerical_aperture, self.coherence),
        )

    def state(self, image: Image, origin: str) -> None:
        """Fill in what the image states; an immersion objective's aperture is of no use here."""
        aperture = image.numerical_aperture
        self.numerical_aperture.state(aperture if aperture is not None and aperture < 1 else None, origin)
        self.coherence.state(image.coherence, origin)

    def values(self) -> dict[str, Any]:
        """Its part of `TieSettings`."""
        return {"numerical_aperture": self.numerical_aperture.number, "coherence": self.coherence.number}


class Corrections(Section):
    """What is put right in the planes before the phase is computed."""

    def __init__(self) -> None:
        self.dark = NumberField(
            name="dark",
            label="Dark level (counts)",
            tooltip="What the camera counts without light, often 100; it is subtracted first. If it is left out, the "
            "phase is too small: by a fifth where 100 of 500 counts are dark level.",
            empty="0",
        )
        self.dark_picture = FileEdit(
            label="… or a picture",
            mode=FileDialogMode.EXISTING_FILE,
            filter="TIFF (*.tif *.tiff)",
            nullable=True,
            tooltip="TIFF taken without light and with the same camera settings as the stack; several frames are "
            "averaged. Empty: the number above.",
        )
        self.drift = CheckBox(
            label="",
            text="Drift",
            value=True,
            tooltip="Moves planes back that drifted sideways during the focus series.",
        )
        self.dead_pixels = CheckBox(
            label="",
            text="Dead pixels",
            value=True,
            tooltip="Replaces single pixels that are dark or bright in every plane by their neighbours.",
        )
        self.saturation = CheckBox(
            label="",
            text="Saturated spots",
            value=True,
            tooltip="Estimates how bright spots were that reached the camera's limit.",
        )
        self.equal_sums = CheckBox(
            label="",
            text="Equal brightness",
            value=True,
            tooltip="Scales the planes to the same total light, for a lamp that flickers between them.",
        )
        self.light_correction = CheckBox(
            label="",
            text="Changes of the lighting",
            value=True,
            tooltip="Removes slow changes of the lighting between planes, measured where the frame is empty. A change "
            "of 1 % would otherwise look like a phase of a radian.",
        )
        self.magnification = CheckBox(
            label="",
            text="Magnification",
            tooltip="Undoes a change of magnification from plane to plane, as some objectives show when focused.",
        )
        self.flat_field = ComboBox(
            label="Flat field",
            choices=[("None", "none"), ("Estimate from the stack", "estimate"), ("A picture", "picture")],
            tooltip="Divides uneven lighting out, estimated from the stack or taken from a picture of an empty field.",
        )
        self.flat_picture = FileEdit(
            label="Flat picture",
            mode=FileDialogMode.EXISTING_FILE,
            filter="TIFF (*.tif *.tiff)",
            nullable=True,
            tooltip="TIFF of a field without specimen, taken with the same camera settings as the stack.",
        )
        self.specimen_sign = ComboBox(
            label="Specimen",
            choices=[
                ("Automatic", "auto"),
                ("Slows light more", "positive"),
                ("Slows light less", "negative"),
                ("Both occur", "both"),
            ],
            tooltip="Whether the specimen slows light more than its surroundings, as cells in water do, or less; used "
            "by the method that anchors to the background.",
        )
        super().__init__(
            "Corrections",
            tooltip="What is put right in the planes before the phase is computed.",
            content=form(
                self.dark,
                self.dark_picture,
                self.drift,
                self.dead_pixels,
                self.saturation,
                self.equal_sums,
                self.light_correction,
                self.magnification,
                self.flat_field,
                self.flat_picture,
                self.specimen_sign,
            ),
        )
        self.flat_field.changed.connect(self._on_flat_field)
        self._on_flat_field(self.flat_field.value)

    def state(self, image: Image, origin: str) -> None:
        """Fill in the dark level that the image states."""
        self.dark.state(image.dark_counts, origin)

    def values(self) -> dict[str, Any]:
        """Its part of `TieSettings`.

        Raises
        ------
        InputError
            If the flat field's picture is not chosen, or the dark level is no number.
        """
        flat_field: Any = {"none": None, "estimate": "estimate"}.get(self.flat_field.value)
        if self.flat_field.value == "picture":
            flat_field = self.flat_picture.value
            if not isinstance(flat_field, Path):
                raise InputError("Flat field: choose the picture of an empty field, or another way")
        picture = self.dark_picture.value
        return {
            "dark": picture if isinstance(picture, Path) else self.dark.number,
            "drift": self.drift.value,
            "dead_pixels": self.dead_pixels.value,
            "saturation": self.saturation.value,
            "equal_sums": self.equal_sums.value,
            "light_correction": self.light_correction.value,
            "magnification": self.magnification.value,
            "flat_field": flat_field,
            "specimen_sign": self.specimen_sign.value,
        }

    def _on_flat_field(self, value: str) -> None:
        self.flat_picture.enabled = value == "picture"


class MoreResultsSection(Section):
    """What is wanted beside the phase."""

    def __init__(self) -> None:
        self.wants_uncertainty = CheckBox(
            label="", text="Uncertainty (rad)", tooltip="Standard deviation of the phase, in radians, in each pixel."
        )
        self.wants_path = CheckBox(
            label="",
            text="Optical path (nm)",
            tooltip="How much longer the light's way through the specimen is, in nanometres.",
        )
        self.wants_height = CheckBox(
            label="", text="Height (µm)", tooltip="Thickness in micrometres of a specimen of one refractive index."
        )
        self.index_contrast = NumberField(
            name="index_contrast",
            label="Index contrast",
            tooltip="Refractive index of the specimen minus that of its medium, without unit; for example 0.03 for "
            "cells in water.",
            empty="for example 0.03",
        )
        self.wants_dry_mass = CheckBox(
            label="",
            text="Dry mass (pg/µm²), cells only",
            tooltip="Mass of protein and other dry matter in each place, in picograms per square micrometre.",
        )
        self.increment = NumberField(
            name="increment",
            label="Increment (µm³/pg)",
            tooltip="Refractive increment: how much dry matter raises the refractive index, in µm³/pg, the same number "
            "as in ml/g; 0.18 to 0.21 for cells.",
            empty="not stated",
        )
        self.increment.state(REFRACTIVE_INCREMENT_UM3_PER_PG, "usual")
        super().__init__(
            "More results",
            tooltip="What is computed from the phase and added as layers beside it.",
            content=form(
                self.wants_uncertainty,
                self.wants_path,
                self.wants_height,
                self.index_contrast,
                self.wants_dry_mass,
                self.increment,
            ),
        )
        self.wants_height.changed.connect(self._on_wish)
        self.wants_dry_mass.changed.connect(self._on_wish)
        self._on_wish()

    def value(self) -> MoreResults:
        """What is ticked, with its numbers.

        Raises
        ------
        InputError
            If a number that is needed is missing.
        """
        contrast = self.index_contrast.number if self.wants_height.value else None
        if self.wants_height.value and contrast is None:
            raise InputError("Index contrast: state the specimen's index minus the medium's, for example 0.03")
        increment = self.increment.number if self.wants_dry_mass.value else None
        if self.wants_dry_mass.value and increment is None:
            raise InputError("Refractive increment: state it, for example 0.19 µm³/pg for cells")
        return MoreResults(self.wants_uncertainty.value, self.wants_path.value, contrast, increment)

    def _on_wish(self) -> None:
        self.index_contrast.enabled = self.wants_height.value
        self.increment.enabled = self.wants_dry_mass.value
