"""Fields for what is computed from a phase: optical path, height, dry mass per area."""

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.fields import NumberLine, Tick
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.quantities import REFRACTIVE_INCREMENT_UM3_PER_PG, Conversions


class ConversionFields:
    """Adds the fields to a form.

    Parameters
    ----------
    rows : Rows
        The form.
    """

    def __init__(self, rows: Rows) -> None:
        add = rows.add
        self.wants_path = add(
            "path", "", Tick("Optical path (nm)"), "Optical path difference caused by the specimen, in nanometres."
        )
        self.wants_height = add(
            "height", "", Tick("Height (µm)"), "Thickness, in micrometres, of a specimen with one refractive index."
        )
        self.index_contrast = add(
            "index_contrast",
            "Index contrast",
            NumberLine("for example 0.03"),
            "Refractive index of the specimen minus that of its medium (no unit); for example 0.03 for cells in water.",
        )
        self.wants_dry_mass = add(
            "dry_mass",
            "",
            Tick("Dry mass (pg/µm²), cells only"),
            "Mass of protein and other dry matter per area, in picograms per square micrometre.",
        )
        self.increment = add(
            "increment",
            "Increment (µm³/pg)",
            NumberLine("not stated"),
            "Refractive increment: how much dry matter raises the refractive index, in µm³/pg, which equals ml/g; 0.18 "
            "to 0.21 for cells.",
        )
        self.increment.state(REFRACTIVE_INCREMENT_UM3_PER_PG, "default")
        self.wants_height.valueChanged.connect(self._on_wish)
        self.wants_dry_mass.valueChanged.connect(self._on_wish)
        self._on_wish()

    def value(self) -> Conversions:
        """Return what is ticked, with its numbers.

        Raises
        ------
        InputError
            If a number that is needed is missing.
        """
        contrast = self.index_contrast.number if self.wants_height.value() else None
        if self.wants_height.value() and contrast is None:
            raise InputError(
                "Index contrast: give the specimen's refractive index minus the medium's, for example 0.03"
            )
        increment = self.increment.number if self.wants_dry_mass.value() else None
        if self.wants_dry_mass.value() and increment is None:
            raise InputError("Refractive increment: give it in µm³/pg, for example 0.19 for cells")
        return Conversions(self.wants_path.value(), contrast, increment)

    def _on_wish(self) -> None:
        self.index_contrast.setEnabled(self.wants_height.value())
        self.increment.setEnabled(self.wants_dry_mass.value())
