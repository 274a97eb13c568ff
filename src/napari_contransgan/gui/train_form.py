"""The form of a training run: its folders, its network and its length."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QSpinBox, QToolButton, QWidget

from napari_contransgan.config import DeviceName, GeneratorName, PresetName, RecipeName, TrainSettings

SEPARATOR = ";"


class FoldersEdit(QWidget):
    """A line for one or several folders, and a button that asks for one.

    Parameters
    ----------
    several : bool
        The line may hold several folders, separated by ``;``, and the button appends.
    placeholder : str
        What the empty line says.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, *, several: bool = False, placeholder: str = "") -> None:
        super().__init__()
        self._several = several
        self._line = QLineEdit()
        self._line.setPlaceholderText(placeholder)
        self._line.textChanged.connect(lambda _text: self.valueChanged.emit())
        button = QToolButton()
        button.setText("…")
        button.setToolTip("Choose a folder")
        button.clicked.connect(self._ask)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        layout.addWidget(button)

    def value(self) -> tuple[Path, ...]:
        """Give the folders; none for an empty line."""
        parts = self._line.text().split(SEPARATOR) if self._several else [self._line.text()]
        return tuple(Path(part.strip()).expanduser() for part in parts if part.strip())

    def setValue(self, folders: Sequence[Path]) -> None:  # noqa: N802 - Qt's naming
        """Show folders."""
        self._line.setText(f"{SEPARATOR} ".join(str(folder) for folder in folders))

    def _ask(self) -> None:
        folders = self.value()
        start = str(folders[-1]) if folders else ""
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", start)
        if chosen:
            self.setValue((*folders, Path(chosen)) if self._several else (Path(chosen),))


class TrainForm(QWidget):
    """The settings of a training run, without the buttons.

    Settings that have no field keep the value that `setValue` gave them.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rest: dict[str, Any] = {}
        self.pairs = FoldersEdit(several=True, placeholder="made by the simulator")
        self.lr = FoldersEdit(placeholder="unpaired: bright-field images")
        self.phase = FoldersEdit(placeholder="unpaired: phase images")
        self.generator = _choice(get_args(GeneratorName))
        self.preset = _choice(get_args(PresetName))
        self.recipe = _choice(get_args(RecipeName))
        self.steps = _number(1, 10_000_000)
        self.batch_size = _number(1, 1024)
        self.crop_px = _number(64, 4096, step=32)
        self.device = _choice(get_args(DeviceName))

        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, field, hint in (
            ("Simulated pairs", self.pairs, "Folder that the simulator wrote; several are separated by ;"),
            ("Low-resolution images", self.lr, "TIFFs from the low-power objective; needs phase images too"),
            ("Phase images", self.phase, "Phase TIFFs in radians from the high-power objective"),
            ("Network", self.generator, "contrans joins a CNN and a Swin Transformer; unet and swin have one of them"),
            ("Size", self.preset, "tiny for a first try, published is the paper's (needs a GPU)"),
            ("Recipe", self.recipe, "semi-supervised starts on pairs; paper is the CycleGAN of the paper"),
            ("Steps", self.steps, "One step looks at one batch"),
            ("Batch size", self.batch_size, "Images a step; less needs less memory"),
            ("Crop (px)", self.crop_px, "Side of a training image, 0.325 µm a pixel; a multiple of 32"),
            ("Device", self.device, "auto takes a GPU where there is one"),
        ):
            field.setToolTip(hint)
            self.rows.addRow(label, field)
            _changed(field).connect(lambda *_: self.valueChanged.emit())
        self._show(TrainSettings.model_construct())

    def value(self) -> dict[str, Any]:
        """Give the settings as they stand, valid or not, for `TrainSettings.checked`."""
        lr, phase = self.lr.value(), self.phase.value()
        return self._rest | {
            "pairs": self.pairs.value(),
            "lr": lr[0] if lr else None,
            "phase": phase[0] if phase else None,
            "generator": self.generator.currentText(),
            "preset": self.preset.currentText(),
            "recipe": self.recipe.currentText(),
            "steps": self.steps.value(),
            "batch_size": self.batch_size.value(),
            "crop_px": self.crop_px.value(),
            "device": self.device.currentText(),
        }

    def setValue(self, settings: TrainSettings) -> None:  # noqa: N802 - Qt's naming
        """Show settings, and keep those that have no field."""
        blocked = self.blockSignals(True)
        self._show(settings)
        self.blockSignals(blocked)
        self.valueChanged.emit()

    def _show(self, settings: TrainSettings) -> None:
        self._rest = dict(settings)
        self.pairs.setValue(settings.pairs)
        self.lr.setValue([settings.lr] if settings.lr else [])
        self.phase.setValue([settings.phase] if settings.phase else [])
        for box, text in (
            (self.generator, settings.generator),
            (self.preset, settings.preset),
            (self.recipe, settings.recipe),
            (self.device, settings.device),
        ):
            box.setCurrentText(text)
        for spin, number in (
            (self.steps, settings.steps),
            (self.batch_size, settings.batch_size),
            (self.crop_px, settings.crop_px),
        ):
            spin.setValue(number)


def _choice(names: Sequence[str]) -> QComboBox:
    box = QComboBox()
    box.addItems(names)
    return box


def _number(low: int, high: int, step: int = 1) -> QSpinBox:
    spin = QSpinBox()
    spin.setRange(low, high)
    spin.setSingleStep(step)
    return spin


def _changed(field: QWidget) -> Any:
    if isinstance(field, QComboBox):
        return field.currentTextChanged
    return field.valueChanged  # type: ignore[attr-defined]
