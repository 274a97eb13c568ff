"""The part of the digital microscope's form that describes the instrument."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_contransgan.config.microscope import MAX_BITS, MIN_BITS, PRESETS, Microscope
from napari_contransgan.errors import InputError
from napari_contransgan.gui.microscope.objectives import ObjectiveTable
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.rows import ADVICE_COLOR, ERROR_COLOR, Location, Rows, message_label, say
from napari_contransgan.gui.shared.value_fields import Choice, NumberLine, TextLine, WholeNumber
from napari_contransgan.gui.shared.yaml_dialogs import ask_for_yaml, ask_where_to_save
from napari_contransgan.io.atomic import write_atomically

OWN = "own"
SOURCE = "microscope"


class MicroscopeForm(QWidget):
    """Optics, objectives and camera; what has no field keeps the value that it was given."""

    edited = Signal()

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
        self.camera_fold = Fold("Camera", tooltip="Chip, noise, and how much light it gets.", body=self.camera)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.light, self.objectives, self.advice, self.lenses, self.camera_fold):
            layout.addWidget(part)
        self.load_button.clicked.connect(lambda _: self.load())
        self.save_button.clicked.connect(lambda _: self.save())
        self.preset.edited.connect(self._on_preset)
        for part in (self.light, self.lenses, self.camera, self.objectives):
            part.edited.connect(self._on_edit)
        self.objectives.renamed.connect(self._on_renamed)
        self.setValue(PRESETS[self.preset.value()])

    def value(self) -> dict[str, Any]:
        """Give the microscope's values as they stand, right or wrong."""
        return (
            self._rest
            | self.light.values()
            | self.lenses.values()
            | {"objectives": self.objectives.value(), "camera": self._rest["camera"] | self.camera.values()}
        )

    def problems(self) -> dict[Location, str]:
        """What is wrong beside that which the settings would refuse."""
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
        """Show a microscope, and keep what has no field."""
        self._filling = True
        self._rest = microscope.model_dump(mode="json")
        self.objectives.setValue(microscope.objectives)
        self.light.show_values(microscope)
        self.lenses.show_values(microscope)
        self.camera.show_values(microscope.camera)
        self._filling = False
        self._on_edit()

    def load(self, path: Path | None = None) -> None:
        """Show the microscope of a YAML file, which is asked for unless it is given."""
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
        """Write the microscope to a YAML file, which is asked for unless it is given."""
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
        """Mark the fields whose errors are given and take those out."""
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
        self.objectives.show_pixels(self.camera.rows["pixel_um"].field.value())
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
        self.edited.emit()

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
            (self.load_button, "Shows the microscope of a YAML file."),
            (self.save_button, "Writes this microscope to a YAML file."),
        ):
            button.setToolTip(hint)
            line.addWidget(button)
        self.light.add_wide(self.preset)
        self.light.add_wide(files)
        self.light.add_wide(self.message)
        self.preset.setToolTip("Microscopes to begin with; 'own' once you have changed anything.")
        for rows, name, label, field, hint in (
            (self.light, "name", "Name", TextLine(), "What you call this microscope."),
            (
                *(self.light, "wavelength_um", "Wavelength (µm)", NumberLine()),
                "Of the light, in vacuum; the middle of the filter. Green is 0.55 µm.",
            ),
            (
                *(self.light, "bandwidth_um", "Bandwidth (µm)", NumberLine()),
                "How wide the filter or the LED's spectrum is at half its height; 0 is a laser.",
            ),
            (
                *(self.light, "coherence", "Condenser ratio S", NumberLine()),
                "Aperture of the condenser, as far as its diaphragm is open, divided by the objective's; for the "
                "low-power image. Small: strong contrast with fringes; near 1: fine detail with weak contrast.",
            ),
            (
                *(self.lenses, "stack_objective", "Stack objective", Choice()),
                "Objective of the focus stack, from which TIE computes the phase.",
            ),
            (
                *(self.lenses, "stack_coherence", "Stack ratio S", NumberLine()),
                "Condenser over objective aperture while the stack is taken; a small one suits TIE.",
            ),
            (
                *(self.lenses, "stack_dz_um", "Plane distance (µm)", NumberLine()),
                "How far the focus moves from one of the three planes to the next.",
            ),
            (
                *(self.camera, "pixel_um", "Pixel (µm)", NumberLine()),
                "Side of a pixel on the chip, not in the specimen; see the camera's data sheet.",
            ),
            (self.camera, "bit_depth", "Bit depth (bit)", WholeNumber(MIN_BITS, MAX_BITS), "Of the counts: 8 to 16."),
            (
                *(self.camera, "full_well_e", "Full well (e⁻)", NumberLine()),
                "Electrons at which a pixel is full; see the camera's data sheet. More means less noise.",
            ),
            (
                *(self.camera, "exposure", "Exposure (share)", NumberLine()),
                "Share of the full well that the light of an empty field fills, 0 to 1.",
            ),
            (
                *(self.camera, "read_noise_e", "Read noise (e⁻)", NumberLine()),
                "Standard deviation of the noise of reading a pixel, in electrons.",
            ),
            (
                *(self.camera, "frame_px", "Frame side (px)", NumberLine()),
                "Side of the whole frame, of which the simulated field is a part; it says where the corners are that "
                "get less light.",
            ),
            (
                *(self.lenses, "vignetting", "Vignetting (share)", NumberLine()),
                "Share of the light that is lost at the corners of the camera's frame, 0 to 0.9.",
            ),
        ):
            rows.add(name, label, field, hint)
        self._stack_objective: Choice = self.lenses.rows["stack_objective"].field  # type: ignore[assignment]
