"""The form of a TIE run: the stack, its optics, the method, corrections and further results."""

from pathlib import Path
from typing import Any

from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.fields import Choice, NumberLine, Tick
from napari_contransgan.gui.shared.form import chosen_layer, layer_choice, origin_of
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.shared.optics_fields import state_optics
from napari_contransgan.gui.shared.preferences import preferences
from napari_contransgan.gui.shared.rows import Rows, align_rows
from napari_contransgan.gui.shared.setting_fields import checked, label_of
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.gui.tie.folder import FolderSettings
from napari_contransgan.gui.tie.results import MoreResults
from napari_contransgan.gui.tie.sections import Corrections, Microscope, MoreResultsSection
from napari_contransgan.io import Image
from napari_contransgan.tie import SOLVERS
from napari_contransgan.tie.heights import listed

TITLE = "Phase from focus stack"

NOT_STATED = "not stated"
FALLING = label_of(TieSettings, "flip_z")


class TieForm(QWidget):
    """All inputs of a run; `changed` is emitted at each edit, `stack_changed` when another stack is chosen.

    Parameters
    ----------
    viewer : Viewer
        Viewer whose layers are offered.
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
            tooltip="The layer with the planes, in order of rising z. One of its axes is the focus (z).",
            suits=lambda layer: layer.ndim > 2,
        )
        self.fields = Rows()
        self.fields.add_magicgui(self.stack)
        self.fields.add_settings(TieSettings, "wavelength_um", "dz_um", "pixel_size_um", "focus_index")
        self.method: Choice = self.fields.add_setting(
            TieSettings, "method", Choice((solver.title, name) for name, solver in SOLVERS.items())
        )
        self.fields.add_settings(TieSettings, "regularisation", "flip_z")
        self.wavelength: NumberLine = self.fields["wavelength_um"]
        self.dz: NumberLine = self.fields["dz_um"]
        self.pixel_size: NumberLine = self.fields["pixel_size_um"]
        self.focus: NumberLine = self.fields["focus_index"]
        self.regularisation: NumberLine = self.fields["regularisation"]
        self.flip_z: Tick = self.fields["flip_z"]
        self._show_methods()
        self.microscope, self.corrections, self.more = Microscope(), Corrections(), MoreResultsSection()
        sections = self.microscope, self.corrections, self.more
        align_rows(self.fields, *(section.rows for section in sections))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fields)
        for section in sections:
            layout.addWidget(section)
        self.stack.changed.connect(self._on_stack)
        self.method.valueChanged.connect(self._on_method)
        self.flip_z.valueChanged.connect(self._on_flip)
        for rows in (self.fields, self.microscope.rows, self.corrections.rows):
            rows.valueChanged.connect(self.changed)
        self._on_method()
        self._on_stack(self.stack.value)

    def settings(self) -> TieSettings:
        """Read the form.

        Raises
        ------
        InputError
            If a number is not valid.
        """
        values = self._values()
        if values["wavelength_um"] is None:
            raise InputError("Wavelength (µm): give it, for example 0.55")
        return checked(TieSettings, values, TITLE)

    def folder_settings(self) -> FolderSettings:
        """Read the form for stacks whose own numbers count, unless others were typed.

        Raises
        ------
        InputError
            If a number is not valid.
        """
        values = self._values()
        for name, field in (self.optics() | self.corrections.rows.by_name()).items():
            if isinstance(field, NumberLine) and field.shows_origin and not field.typed:
                values[name] = values[name] if isinstance(values[name], Path) else None
        if self._ticked_by_file:
            values["flip_z"] = False
        layer = self.stack.value
        contradicts = layer is not None and image_from_layer(layer).z_falls and not self.flip_z.value()
        return FolderSettings(checked(TieSettings, values, TITLE), not contradicts, preferences().wavelength_um)

    def _values(self) -> dict[str, Any]:
        values = self.fields.values_of(TieSettings)
        focus = values["focus_index"]
        if focus is not None and focus != int(focus):
            raise InputError(f"Plane in focus: {focus:g} is not the index of a plane; the slider counts 0, 1, 2 …")
        return values | self.microscope.values() | self.corrections.values()

    def optics(self) -> dict[str, NumberLine]:
        """Return the fields that describe the microscope, by the names of their settings."""
        return self.fields.by_name() | self.microscope.rows.by_name()

    def more_results(self) -> MoreResults:
        """Read which results are wanted besides the phase.

        Raises
        ------
        InputError
            If a number that is needed is missing.
        """
        return self.more.value()

    def layer(self) -> ImageLayer:
        """Return the layer of the stack.

        Raises
        ------
        InputError
            If there is none.
        """
        return chosen_layer(self.stack)

    def reset_choices(self) -> None:
        """Offer the layers that there are now."""
        self.stack.reset_choices()

    def _show_methods(self) -> None:
        for row, solver in enumerate(SOLVERS.values()):
            self.method.setItemData(row, solver.explanation, Qt.ItemDataRole.ToolTipRole)
        self.method.setMinimumContentsLength(20)
        if (titles := self.method.view()) is not None:
            titles.setMinimumWidth(titles.sizeHintForColumn(0) + 30)

    def _on_method(self) -> None:
        self.method.setToolTip(SOLVERS[self.method.value()].explanation)

    def _on_flip(self) -> None:
        self._ticked_by_file = False
        self.flip_z.setText(FALLING)

    def _on_stack(self, layer: ImageLayer | None) -> None:
        self.stack_changed.emit()
        if layer is None:
            return
        with errors_shown():
            image = image_from_layer(layer)
            origin = origin_of(layer)
            state_optics(self.optics(), image, layer)
            is_uneven = image.z_um is not None and "Z" in image.axes and image.z_step_um is None
            self.dz.setPlaceholderText(f"{origin}: {listed(image.z_um or ())}" if is_uneven else NOT_STATED)
            self.microscope.leave_out_immersion(image)
            self.corrections.state(image, origin)
            self._state_order(image, origin)

    def _state_order(self, image: Image, origin: str) -> None:
        """Tick the order that the file states; an order that the user ticked is kept for the next stack."""
        if image.z_falls or self._ticked_by_file:
            self.flip_z.setValue(image.z_falls)
            self._ticked_by_file = image.z_falls
            self.flip_z.setText(f"{FALLING} ({origin})" if image.z_falls else FALLING)
