"""The form of a TIE run: the stack, its optics, the method, and what else is wanted."""

from typing import Any

from magicgui.widgets import CheckBox, ComboBox
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.form import (
    NumberField,
    align_labels,
    chosen_layer,
    form,
    layer_choice,
    origin_of,
    pixel_size_field,
    state_wavelength,
    wavelength_field,
)
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.gui.tie.results import MoreResults
from napari_contransgan.gui.tie.sections import Corrections, Microscope, MoreResultsSection
from napari_contransgan.io import Image
from napari_contransgan.tie import SOLVERS
from napari_contransgan.tie.heights import listed

TITLE = "Phase from focus stack"

NOT_STATED = "not stated"
FALLING = "Planes are in order of falling z"


class TieForm(QWidget):
    """All that a run needs to know; `changed` tells of each edit by the user, `stack_changed` of another stack.

    Parameters
    ----------
    viewer : Viewer
        Whose layers are offered.
    """

    changed = Signal()
    stack_changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._ticked_by_file = False
        self.stack = layer_choice(
            viewer,
            name="stack",
            label="Focus stack",
            tooltip="The layer with the planes, in order of rising z. One axis is the focus (z).",
            suits=lambda layer: layer.ndim > 2,
        )
        self.wavelength = wavelength_field("; the middle of the filter. Green is 0.55 µm.")
        self.dz = NumberField(
            name="dz",
            label="Plane distance (µm)",
            tooltip="How far the focus was moved from one plane to the next. Empty: the heights that the file states.",
            empty=NOT_STATED,
        )
        self.pixel_size = pixel_size_field("it is the camera's pixel divided by the magnification.")
        self.focus = NumberField(
            name="focus",
            label="Plane in focus",
            tooltip="Number of the plane in focus, as the slider under the image counts (from 0). "
            "Empty: the middle one of three or more planes, the first of two.",
            empty="automatic",
        )
        self.method = ComboBox(
            name="method",
            label="Method",
            choices=[(solver.title, name) for name, solver in SOLVERS.items()],
            value=TieSettings().method,
        )
        for row, solver in enumerate(SOLVERS.values()):
            self.method.native.setItemData(row, solver.explanation, Qt.ItemDataRole.ToolTipRole)
        self.method.native.setSizeAdjustPolicy(self.stack.native.sizeAdjustPolicy())
        self.method.native.setMinimumContentsLength(20)
        self.method.native.view().setMinimumWidth(self.method.native.view().sizeHintForColumn(0) + 30)
        self.regularisation = NumberField(
            name="regularisation",
            label="Regularisation",
            tooltip="Holds back slow clouds of phase that noise makes. Empty: automatic, which chooses it from the "
            "stack, or takes none where the background is the anchor, since none is needed then. 0: none.",
            empty="automatic",
        )
        self.flip_z = CheckBox(
            name="flip_z",
            label="",
            text=FALLING,
            tooltip="Tick it if cells come out darker than their surroundings: then the focus was moved the other way.",
        )
        self.microscope, self.corrections, self.more = Microscope(), Corrections(), MoreResultsSection()
        self._fields = form(
            self.stack,
            self.wavelength,
            self.dz,
            self.pixel_size,
            self.focus,
            self.method,
            self.regularisation,
            self.flip_z,
        )
        sections = self.microscope, self.corrections, self.more
        align_labels(self._fields, *(section.content for section in sections))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 6, 0)  # clear of the scroll bar
        layout.addWidget(self._fields.native)
        for section in sections:
            layout.addWidget(section)
        self.stack.changed.connect(self._on_stack)
        self.method.changed.connect(self._on_method)
        self.flip_z.changed.connect(self._on_flip)
        for edited in (
            *(self.wavelength, self.dz, self.pixel_size, self.focus, self.method, self.regularisation, self.flip_z),
            *(self.microscope.content, self.corrections.content),
        ):
            edited.changed.connect(self._tell)
        self._on_method(self.method.value)
        self._on_stack(self.stack.value)

    def settings(self) -> TieSettings:
        """Read the form.

        Raises
        ------
        InputError
            If a field holds no number, or one that is not allowed.
        """
        focus = self.focus.number
        if focus is not None and focus != int(focus):
            raise InputError(f"Plane in focus: {focus:g} is no plane number; the slider counts 0, 1, 2 …")
        wavelength_um = self.wavelength.number
        if wavelength_um is None:
            raise InputError("Wavelength (µm): state it, for example 0.55")
        regularisation = self.regularisation.number
        values: dict[str, Any] = {
            "method": self.method.value,
            "wavelength_um": wavelength_um,
            "dz_um": self.dz.number,
            "pixel_size_um": self.pixel_size.number,
            "focus_index": None if focus is None else int(focus),
            "flip_z": self.flip_z.value,
            "regularisation": "auto" if regularisation is None else regularisation,
        }
        return TieSettings.checked(values | self.microscope.values() | self.corrections.values(), source=TITLE)

    def more_results(self) -> MoreResults:
        """Read what is wanted beside the phase.

        Raises
        ------
        InputError
            If a number that is needed is missing.
        """
        return self.more.value()

    def layer(self) -> ImageLayer:
        """Give the layer of the stack.

        Raises
        ------
        InputError
            If there is none.
        """
        return chosen_layer(self.stack)

    def reset_choices(self) -> None:
        """Offer the layers that there are now."""
        self.stack.reset_choices()

    def _tell(self, *_: object) -> None:
        self.changed.emit()

    def _on_method(self, name: str) -> None:
        self.method.tooltip = SOLVERS[name].explanation

    def _on_flip(self) -> None:
        self._ticked_by_file = False
        self.flip_z.text = FALLING

    def _on_stack(self, layer: ImageLayer | None) -> None:
        self.stack_changed.emit()
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            origin = origin_of(layer)
            self.pixel_size.state(image.pixel_size_um, origin)
            self.dz.state(image.z_step_um, origin)
            is_uneven = image.z_um is not None and "Z" in image.axes and image.z_step_um is None
            self.dz.suggest(f"{origin}: {listed(image.z_um or ())}" if is_uneven else NOT_STATED)
            state_wavelength(self.wavelength, image, layer)
            self.microscope.state(image, origin)
            self.corrections.state(image, origin)
            self._state_order(image, origin)

    def _state_order(self, image: Image, origin: str) -> None:
        """Tick the order that the file states; what the user ticked stays for the next stack."""
        if image.z_falls or self._ticked_by_file:
            self.flip_z.value = image.z_falls
            self._ticked_by_file = image.z_falls
            self.flip_z.text = f"{FALLING} ({origin})" if image.z_falls else FALLING
