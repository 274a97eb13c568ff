"""The form of the digital microscope, checked after each edit."""

from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.form import MicroscopeForm
from napari_contransgan.gui.microscope.objectives import PLACE as OBJECTIVES
from napari_contransgan.gui.microscope.variation import VariationForm
from napari_contransgan.gui.shared.fields import Choice, NumberLine, WholeNumber
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.rows import ERROR_COLOR, Location, Rows, message_label, say
from napari_contransgan.gui.shared.setting_fields import in_plain_words
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

SOURCE = "digital microscope"
LARGEST_SEED = 2**31 - 1
LARGEST_FIELD_PX = 4096

_OF_SEVERAL = (  # a word in the message of an error that concerns several values, and the location to mark
    ("stack_objective", ("microscope", "stack_objective")),
    ("unknown objective", ("objective",)),
    ("bandwidth", ("microscope", "bandwidth_um")),
    ("field_px", ("field_px",)),
)


class SettingsForm(QWidget):
    """Microscope, specimen, field and variation; `valueChanged` is emitted after each edit, once it is checked."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self) -> None:
        super().__init__()
        self._rest: dict[str, Any] = {}
        self._filling = False
        self.microscope, self.variation, self.field = MicroscopeForm(), VariationForm(), Rows()
        self.error = message_label(ERROR_COLOR)
        self._fill_field_rows()
        self.microscope_fold = Fold("Microscope", tooltip="Light source, objectives and camera.", body=self.microscope)
        self.field_fold = Fold(
            "Specimen and field", tooltip="The specimen and the simulated field of view.", body=self.field
        )
        self.variation_fold = Fold(
            "Variation", tooltip="How the fields of a data set differ from each other.", body=self.variation
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for shown in (self.microscope_fold, self.field_fold, self.variation_fold, self.error):
            layout.addWidget(shown)
        for fold in (self.microscope_fold, self.field_fold):
            fold.header.setChecked(True)
        for edited in (self.microscope.valueChanged, self.field.valueChanged, self.variation.valueChanged):
            edited.connect(self._on_edit)
        self.microscope.objectives.renamed.connect(self._on_renamed)
        self.setValue(SimulationSettings())

    def all_rows(self) -> tuple[Rows, ...]:
        """Return the parts of the form, whose labels are aligned."""
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
        """Show settings, and keep those that have no field."""
        self._filling = True
        self._rest = settings.model_dump(mode="json")
        self.microscope.setValue(settings.microscope)
        self.field.setValue(settings)
        self.variation.setValue(settings.variation)
        self._filling = False
        self._on_edit()

    def _name_of(self, location: Location) -> str:
        """Return the label of a value's field."""
        for rows in self.all_rows():
            for name, row in rows.rows.items():
                if location[: len(rows.place) + 1] == (*rows.place, name):
                    return f"Variation, {row.label.text()}" if rows is self.variation.rows else row.label.text()
        if location[: len(OBJECTIVES)] == OBJECTIVES:
            return f"Objective {location[len(OBJECTIVES)]}".strip() if len(location) > len(OBJECTIVES) else "Objectives"
        return ".".join(str(part) for part in location) or SOURCE

    def _checked(self) -> tuple[SimulationSettings | None, dict[Location, str]]:
        """Return the settings, or the errors of the values."""
        values = self._rest | self.field.value()
        values |= {"microscope": self.microscope.value(), "variation": self.variation.value()}
        errors = self.microscope.problems()
        try:
            settings = SimulationSettings.model_validate(values)
        except ValidationError as error:
            found = [(tuple(one["loc"]), one) for one in error.errors()]
            return None, errors | {_place(where, one["msg"]): in_plain_words(one) for where, one in found}
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
        self.valueChanged.emit()

    def _show_notes(self, settings: SimulationSettings | None) -> None:
        side_um = self.field["field_px"].value() * MODEL_PIXEL_SIZE_UM
        self.field.note("field_px", f"= {side_um:.4g} µm")
        focus: NumberLine = self.field["defocus_um"]
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
        self.field.add_settings(SimulationSettings, "specimen", "scene")
        self._objective: Choice = self.field.add_setting(SimulationSettings, "objective", Choice())
        self.field.add_setting(SimulationSettings, "field_px", WholeNumber(64, LARGEST_FIELD_PX, 16))
        self.field.add_setting(SimulationSettings, "defocus_um")
        self.field.add_setting(SimulationSettings, "seed", WholeNumber(0, LARGEST_SEED))
        self.field.add_settings(SimulationSettings, "max_absorption_per_um", "inside_frame")


def _place(where: Location, message: str) -> Location:
    """Return the location to mark; where values contradict each other, that of the one to change."""
    if where in ((), ("microscope",)):
        return next((place for word, place in _OF_SEVERAL if word in message), where)
    return where
