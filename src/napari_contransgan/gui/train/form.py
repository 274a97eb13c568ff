"""The form of a training run: its folders, its network and its length."""

from pathlib import Path
from typing import Any, get_args

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_contransgan.config import GeneratorName, PairFolders, PresetName, TrainSettings, pair_folders
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.value_fields import Choice, WholeNumber
from napari_contransgan.gui.train.advanced import AdvancedFields, add_row

PAIRS = "folder with lr and phase, or images"
PAIRS_HINT = (
    "Folder with the folders lr and phase in it, as the digital microscope writes it; or a folder of images, planes or "
    "tiles, and below it the folder of their phase. Several are separated by ;"
)
PAIRS_PHASE_HINT = (
    "Folder of the phase maps of the images above, with the same names, or the names that TIE gives them; leave it "
    "empty if the folder above has lr and phase in it"
)


class TrainForm(QWidget):
    """The settings of a training run, without the buttons.

    Settings that have no field keep the value that `setValue` gave them.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rest: dict[str, Any] = {}
        self.pairs = FoldersEdit(several=True, placeholder=PAIRS)
        self.pairs_phase = FoldersEdit(several=True, placeholder="only for a folder of images")
        self.lr = FoldersEdit(placeholder="unpaired: bright-field images")
        self.phase = FoldersEdit(placeholder="unpaired: phase images")
        self.generator = Choice((name, name) for name in get_args(GeneratorName))
        self.preset = Choice((name, name) for name in get_args(PresetName))
        self.steps = WholeNumber(1, 10_000_000)
        self.advanced = AdvancedFields()
        self.advanced_fold = Fold(
            "Advanced", tooltip="Settings that a first run can leave as they are", body=self.advanced
        )

        basic = QWidget()
        self.rows = QFormLayout(basic)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setVerticalSpacing(3)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for label, field, hint in (
            ("Pairs", self.pairs, PAIRS_HINT),
            ("Phase of the pairs", self.pairs_phase, PAIRS_PHASE_HINT),
            ("Low-power images", self.lr, "TIFFs from the low-power objective; needs phase images too"),
            ("Phase images", self.phase, "Phase TIFFs in radians from the high-power objective"),
            ("Network", self.generator, "contrans joins a CNN and a Swin Transformer; unet and swin have one of them"),
            ("Size", self.preset, "tiny for a first try, published is the paper's (needs a GPU)"),
            ("Steps", self.steps, "One step looks at a few images and changes the network a little"),
        ):
            add_row(self.rows, label, field, hint)
        for signal in (
            *(folders.valueChanged for folders in (self.pairs, self.pairs_phase, self.lr, self.phase)),
            *(field.edited for field in (self.generator, self.preset, self.steps)),
            self.advanced.valueChanged,
        ):
            signal.connect(lambda *_: self.valueChanged.emit())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(basic)
        layout.addWidget(self.advanced_fold)
        self._show(TrainSettings.model_construct())

    def value(self) -> dict[str, Any]:
        """Give the settings as they stand, valid or not, for `TrainSettings.checked`.

        Raises
        ------
        InputError
            If there are more or fewer folders of phase than of images.
        """
        lr, phase = self.lr.value(), self.phase.value()
        return (
            self._rest
            | {
                "pairs": pair_folders(self.pairs.value(), self.pairs_phase.value()),
                "lr": lr[0] if lr else None,
                "phase": phase[0] if phase else None,
                "generator": self.generator.value(),
                "preset": self.preset.value(),
                "steps": self.steps.value(),
            }
            | self.advanced.value()
        )

    def setValue(self, settings: TrainSettings) -> None:  # noqa: N802 - Qt's naming
        """Show settings, and keep those that have no field."""
        blocked = self.blockSignals(True)
        self._show(settings)
        self.blockSignals(blocked)
        self.valueChanged.emit()

    def _show(self, settings: TrainSettings) -> None:
        self._rest = dict(settings)
        self._show_pairs(settings)
        self.lr.setValue([settings.lr] if settings.lr else [])
        self.phase.setValue([settings.phase] if settings.phase else [])
        self.generator.setValue(settings.generator)
        self.preset.setValue(settings.preset)
        self.steps.setValue(settings.steps)
        self.advanced.setValue(settings)

    def _show_pairs(self, settings: TrainSettings) -> None:
        """Show one folder for the images and one for the phase as soon as one of the pairs needs two."""
        whole = [source for source in settings.pairs if isinstance(source, Path)]
        both = [
            one if isinstance(one, PairFolders) else PairFolders(lr=one / "lr", phase=one / "phase")
            for one in settings.pairs
        ]
        single = len(whole) == len(both)
        self.pairs.setValue(whole if single else [one.lr for one in both])
        self.pairs_phase.setValue([] if single else [one.phase for one in both])
        self.pairs.set_placeholder(f"made on the fly, {len(settings.simulate)} kinds" if settings.simulate else PAIRS)
