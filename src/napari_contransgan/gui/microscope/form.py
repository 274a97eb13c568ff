"""The part of the digital microscope's form that describes the instrument."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_contransgan.config.microscope import PRESETS, CameraModel, Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.objectives import ObjectiveTable
from napari_contransgan.gui.shared.fields import Choice
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.rows import ADVICE_COLOR, ERROR_COLOR, Location, Rows, message_label, say
from napari_contransgan.gui.shared.yaml_dialogs import ask_for_yaml, ask_where_to_save
from napari_contransgan.io.atomic import write_atomically

OWN = "own"
SOURCE = "microscope"


class MicroscopeForm(QWidget):
    """Optics, objectives and camera; settings without a field keep their values."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self) -> None:
        super().__init__()
        self._rest: dict[str, Any] = {}
        self._filling = False
        self.preset = Choice([*((f"{name}: {made.name}", name) for name, made in PRESETS.items()), (OWN, OWN)])
        self.load_button, self.save_button = QPushButton("Load…"), QPushButton("Save…")
        self.message, self.advice = message_label(ERROR_COLOR), message_label(ADVICE_COLOR)
        self.objectives = ObjectiveTable()
        self.light, self.lenses, self.camera = Rows((SOURCE,)), Rows((SOURCE,)), Rows((SOURCE, "camera"))
        self._fill_rows()
        self.camera_fold = Fold("Camera", tooltip="Sensor, noise and exposure.", body=self.camera)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.light, self.objectives, self.advice, self.lenses, self.camera_fold):
            layout.addWidget(part)
        self.load_button.clicked.connect(lambda _: self.load())
        self.save_button.clicked.connect(lambda _: self.save())
        self.preset.valueChanged.connect(self._on_preset)
        for part in (self.light, self.lenses, self.camera, self.objectives):
            part.valueChanged.connect(self._on_edit)
        self.objectives.renamed.connect(self._on_renamed)
        self.setValue(PRESETS[self.preset.value()])

    def value(self) -> dict[str, Any]:
        """Return the microscope's values as they were typed, valid or not."""
        return (
            self._rest
            | self.light.value()
            | self.lenses.value()
            | {"objectives": self.objectives.value(), "camera": self._rest["camera"] | self.camera.value()}
        )

    def problems(self) -> dict[Location, str]:
        """Return errors that the settings would not find."""
        return self.objectives.problems()

    def microscope(self) -> Microscope:
        """Read the form.

        Raises
        ------
        InputError
            If a value is not allowed.
        """
        for text in self.problems().values():
            raise InputError(f"{SOURCE}: {text}")
        return Microscope.checked(self.value(), source=SOURCE)

    def setValue(self, microscope: Microscope) -> None:  # noqa: N802 - Qt's naming
        """Show a microscope, and keep the settings that have no field."""
        self._filling = True
        self._rest = microscope.model_dump(mode="json")
        self.objectives.setValue(microscope.objectives)
        self.light.setValue(microscope)
        self.lenses.setValue(microscope)
        self.camera.setValue(microscope.camera)
        self._filling = False
        self._on_edit()

    def load(self, path: Path | None = None) -> None:
        """Load a microscope from a YAML file; a dialog asks for the file unless it is given."""
        path = path or ask_for_yaml(self, "Microscope")
        if path is None:
            return
        try:
            microscope = Microscope.from_yaml(path)
        except InputError as error:
            say(self.message, str(error))
            return
        self.setValue(microscope)

    def save(self, path: Path | None = None) -> None:
        """Save the microscope to a YAML file; a dialog asks for the file unless it is given."""
        try:
            microscope = self.microscope()
            path = path or ask_where_to_save(self, "Microscope", "microscope.yaml")
            if path is not None:
                write_atomically(path, microscope.to_yaml().encode())
        except (InputError, OSError) as error:
            say(self.message, f"Not saved: {error}")
        else:
            say(self.message, "")

    def mark(self, errors: dict[Location, str]) -> None:
        """Mark the fields that have an error, and remove those errors."""
        self.light.mark(errors)
        self.lenses.mark(errors)
        self.objectives.mark(errors)
        if self.camera.mark(errors):
            self.camera_fold.header.setChecked(True)

    def _on_edit(self) -> None:
        if self._filling:
            return
        say(self.message, "")
        names = self.objectives.names()
        self._stack_objective.offer(names)
        self.objectives.show_pixels(self.camera["pixel_um"].value())
        try:
            microscope = None if self.problems() else Microscope.model_validate(self.value())
        except ValidationError:
            microscope = None
        known = [name for name, made in PRESETS.items() if made == microscope]
        blocked = self.preset.blockSignals(True)
        self.preset.setValue(known[0] if known else OWN)
        self.preset.blockSignals(blocked)
        notes = microscope.advice() if microscope is not None else ()
        say(self.advice, "\n".join(f"Advice: {note}." for note in notes))
        self.valueChanged.emit()

    def _on_preset(self) -> None:
        if self.preset.value() in PRESETS:
            self.setValue(PRESETS[self.preset.value()])

    def _on_renamed(self, before: str, now: str) -> None:
        if self._stack_objective.value() == before:
            self._filling = True
            self._stack_objective.setValue(now)
            self._filling = False

    def _fill_rows(self) -> None:
        files, line = QWidget(), QHBoxLayout()
        line.setContentsMargins(0, 0, 0, 0)
        files.setLayout(line)
        for button, hint in (
            (self.load_button, "Loads a microscope from a YAML file."),
            (self.save_button, "Saves this microscope to a YAML file."),
        ):
            button.setToolTip(hint)
            line.addWidget(button)
        self.light.add_wide(self.preset)
        self.light.add_wide(files)
        self.light.add_wide(self.message)
        self.preset.setToolTip("Microscopes to start from; the choice becomes 'own' as soon as you change a value.")
        self.preset.setAccessibleName("Microscope to start from")
        self.light.add_settings(Microscope, "name", "wavelength_um", "bandwidth_um", "coherence")
        self._stack_objective: Choice = self.lenses.add_setting(Microscope, "stack_objective", Choice())
        self.lenses.add_settings(Microscope, "stack_coherence", "stack_dz_um", "vignetting")
        self.camera.add_settings(
            *(CameraModel, "pixel_um", "bit_depth", "full_well_e", "exposure", "read_noise_e", "frame_px")
        )
