"""The whole form of the digital microscope, checked after each edit."""

from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.config.base import reason_of
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.form import MicroscopeForm
from napari_contransgan.gui.microscope.objectives import PLACE as OBJECTIVES
from napari_contransgan.gui.microscope.variation import VariationForm
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.rows import ERROR_COLOR, Location, Rows, message_label, say
from napari_contransgan.gui.shared.value_fields import Choice, NumberLine, Tick, WholeNumber
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

SOURCE = "digital microscope"
LARGEST_SEED = 2**31 - 1
LARGEST_FIELD_PX = 4096

SPECIMENS = (("HeLa-like cells", "hela"), ("Beads (polystyrene, 3 µm)", "psm"))
SCENES = (
    ("Mixed (all of these)", "mixed"),
    ("Empty", "empty"),
    ("Sparse", "sparse"),
    ("Dense", "dense"),
    ("Confluent", "confluent"),
)

_PLAIN = {
    "float_parsing": "type a number",
    "float_type": "type a number",
    "int_parsing": "type a whole number",
    "int_type": "type a whole number",
    "int_from_float": "type a whole number",
}
_OF_SEVERAL = (  # errors of several values together, told by the word that names them, beside the field to change
    ("stack_objective", ("microscope", "stack_objective")),
    ("unknown objective", ("objective",)),
    ("bandwidth", ("microscope", "bandwidth_um")),
    ("field_px", ("field_px",)),
)


class SettingsForm(QWidget):
    """Microscope, specimen, field and variation; `edited` tells of each edit, after it was checked."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rest: dict[str, Any] = {}
        self._filling = False
        self.microscope, self.variation, self.field = MicroscopeForm(), VariationForm(), Rows()
        self.error = message_label(ERROR_COLOR)
        self._fill_field_rows()
        self.microscope_fold = Fold("Microscope", tooltip="Light, lenses and camera.", body=self.microscope)
        self.field_fold = Fold("Specimen and field", tooltip="What is looked at, and how.", body=self.field)
        self.variation_fold = Fold("Variation", tooltip="How fields differ from each other.", body=self.variation)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for shown in (self.microscope_fold, self.field_fold, self.variation_fold, self.error):
            layout.addWidget(shown)
        for fold in (self.microscope_fold, self.field_fold):
            fold.header.setChecked(True)
        for edited in (self.microscope.edited, self.field.edited, self.variation.edited):
            edited.connect(self._on_edit)
        self.microscope.objectives.renamed.connect(self._on_renamed)
        self.setValue(SimulationSettings())

    def all_rows(self) -> tuple[Rows, ...]:
        """Give the parts whose labels stand below each other."""
        microscope = self.microscope
        return microscope.light, microscope.lenses, microscope.camera, self.field, self.variation.rows

    def settings(self) -> SimulationSettings:
        """Read the form.

        Raises
        ------
        InputError
            If a value is not allowed; it is marked in the form.
        """
        settings, errors = self._checked()
        if settings is None:
            location, text = next(iter(errors.items()))
            raise InputError(f"{self._name_of(location)}: {text}")
        return settings

    def setValue(self, settings: SimulationSettings) -> None:  # noqa: N802 - Qt's naming
        """Show settings, and keep what has no field."""
        self._filling = True
        self._rest = settings.model_dump(mode="json")
        self.microscope.setValue(settings.microscope)
        self.field.show_values(settings)
        self.variation.setValue(settings.variation)
        self._filling = False
        self._on_edit()

    def _name_of(self, location: Location) -> str:
        """Give the label that the form has for a value."""
        for rows in self.all_rows():
            for name, row in rows.rows.items():
                if location[: len(rows.place) + 1] == (*rows.place, name):
                    return f"Variation, {row.label.text()}" if rows is self.variation.rows else row.label.text()
        if location[: len(OBJECTIVES)] == OBJECTIVES:
            return f"Objective {location[len(OBJECTIVES)]}".strip() if len(location) > len(OBJECTIVES) else "Objectives"
        return ".".join(str(part) for part in location) or SOURCE

    def _checked(self) -> tuple[SimulationSettings | None, dict[Location, str]]:
        """Settings, or what is wrong with each value."""
        values = self._rest | self.field.values()
        values |= {"microscope": self.microscope.value(), "variation": self.variation.value()}
        errors = self.microscope.problems()
        try:
            settings = SimulationSettings.model_validate(values)
        except ValidationError as error:
            found = [(tuple(one["loc"]), one) for one in error.errors()]
            return None, errors | {_place(where, one["msg"]): _in_plain_words(one) for where, one in found}
        return (None if errors else settings), errors

    def _on_edit(self) -> None:
        if self._filling:
            return
        self._objective.offer(self.microscope.objectives.names())
        settings, errors = self._checked()
        self._show_notes(settings)
        left = dict(errors)
        self.microscope.mark(left)
        self.field.mark(left)
        if self.variation.rows.mark(left):
            self.variation_fold.header.setChecked(True)
        say(self.error, next(iter(left.values()), ""))
        self.edited.emit()

    def _show_notes(self, settings: SimulationSettings | None) -> None:
        side_um = self.field.rows["field_px"].field.value() * MODEL_PIXEL_SIZE_UM
        self.field.note("field_px", f"= {side_um:.4g} µm")
        focus: NumberLine = self.field.rows["defocus_um"].field  # type: ignore[assignment]
        if settings is None:
            focus.setPlaceholderText("automatic")
        else:
            automatic_um = settings.microscope.nominal_defocus_um(settings.objective)
            focus.setPlaceholderText(f"automatic: {automatic_um:.3g}")

    def _on_renamed(self, before: str, now: str) -> None:
        if self._objective.value() == before:
            self._filling = True
            self._objective.setValue(now)
            self._filling = False

    def _fill_field_rows(self) -> None:
        for name, label, field, hint in (
            ("specimen", "Specimen", Choice(SPECIMENS), "What lies under the microscope."),
            ("scene", "Scene", Choice(SCENES), "How crowded a field is."),
            ("objective", "Low-power objective", Choice(), "Objective of the low-power image."),
            (
                *("field_px", "Field side (px)", WholeNumber(64, LARGEST_FIELD_PX, 16)),
                "Side of the field, in pixels of the phase, which are 0.325 µm wide.",
            ),
            (
                *("defocus_um", "Focus (µm)", NumberLine("automatic")),
                "How far the low-power image is out of focus. Empty: 0.25 wavelength / NA², where a specimen without "
                "absorption begins to be seen; at 0 it would have almost no contrast.",
            ),
            ("seed", "Seed", WholeNumber(0, LARGEST_SEED), "Another seed gives other specimens, of the same kind."),
            (
                *("max_absorption_per_um", "Absorption (1/µm)", NumberLine()),
                "Cells dim the light: its amplitude falls by exp(-a × optical path), with another a for each field, "
                "between 0 and this. Beads do not dim it.",
            ),
            ("inside_frame", "", Tick("All cells inside the frame"), "Keeps every cell clear of the field's edges."),
        ):
            self.field.add(name, label, field, hint)
        self._objective: Choice = self.field.rows["objective"].field  # type: ignore[assignment]


def _place(where: Location, message: str) -> Location:
    """Location to mark; that of the field to change where several values do not fit together."""
    if where in ((), ("microscope",)):
        return next((place for word, place in _OF_SEVERAL if word in message), where)
    return where


def _in_plain_words(error: Any) -> str:
    text = reason_of(error)
    return _PLAIN.get(error["type"], text.replace("Input should be", "must be"))
