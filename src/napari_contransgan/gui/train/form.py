"""The form of a training run: its folders, its network and its length."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_contransgan.config import PairFolders, TrainSettings, pair_folders
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.fields import Choice, Tick, WholeNumber
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.shared.form import Fold
from napari_contransgan.gui.shared.hints import RESUME
from napari_contransgan.gui.shared.preferences import fill_in, preferences
from napari_contransgan.gui.shared.rows import Rows, align_rows
from napari_contransgan.io import find_images
from napari_contransgan.training.pair_names import match_names

PAIRS = "with lr and phase, or images"
PAIRS_HINT = (
    "A folder that contains the folders lr and phase, as the digital microscope writes it; or a folder of images, "
    "planes or tiles, with the folder of their phase maps in the next field. Separate several folders with ;"
)
PAIRS_PHASE_HINT = (
    "Folder of the phase maps that belong to the images above. The files have the same names, or the names that TIE "
    "gives them. Leave this empty if the folder above contains lr and phase."
)
BASIC = ("generator", "preset", "steps", "minutes")
ADVANCED = (
    *("recipe", "batch_size", "accumulate", "crop_px", "learning_rate"),
    *("validate_every", "save_every", "previews"),
    *("lambda_cycle", "lambda_gan", "lambda_physics", "gradient_penalty", "cycle_noise"),
    *("device", "threads", "bad_images"),
)
"""Names of settings, from the top: learning, validation, weights of the losses, computer and data."""


class TrainForm(QWidget):
    """The settings of a training run and its folder, without the buttons.

    Settings that have no field keep the value that `setValue` gave them.
    """

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rest: dict[str, Any] = {}
        self.folders, self.basic, self.run, self.advanced = Rows(), Rows(), Rows(), Rows()
        self.pairs = self.folders.add("pairs", "Pairs", FoldersEdit(several=True, placeholder=PAIRS), PAIRS_HINT)
        self.pairs_phase = self.folders.add(
            *("pairs_phase", "Phase of the pairs"),
            FoldersEdit(several=True, placeholder="only for a folder of images"),
            PAIRS_PHASE_HINT,
        )
        self.lr = self.folders.add(
            *("lr", "Low-power images", FoldersEdit(placeholder="unpaired: bright-field images")),
            "Folder of TIFFs from the low-power objective. It needs phase images too.",
        )
        self.phase = self.folders.add(
            *("phase", "Phase images", FoldersEdit(placeholder="unpaired: phase images")),
            "Folder of phase TIFFs in radians, from the high-power objective.",
        )
        self.basic.add_settings(TrainSettings, *BASIC)
        self.advanced.add_settings(TrainSettings, *ADVANCED)
        self.generator: Choice = self.basic["generator"]
        self.preset: Choice = self.basic["preset"]
        self.steps: WholeNumber = self.basic["steps"]
        self.run_folder = self.run.add(
            *("run_folder", "Run folder", FoldersEdit(placeholder="where the network is saved", for_results=True)),
            "A new folder for the network, its settings, curves and previews.",
        )
        self.resume = self.run.add(*("resume", "", Tick(RESUME)), "Shows the settings that the run was started with.")
        self.advanced_fold = Fold(
            "Advanced", tooltip="Settings that a first run can leave as they are", body=self.advanced
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for part in (self.folders, self.basic, self.run, self.advanced_fold):
            layout.addWidget(part)
        for rows in (self.folders, self.basic, self.advanced):
            rows.valueChanged.connect(self.valueChanged)
        align_rows(self.folders, self.basic, self.run, self.advanced)
        self._show(TrainSettings.model_construct())
        fill_in(self.advanced, preferences().changed("device", "threads"))

    def value(self) -> dict[str, Any]:
        """Return the settings as they were typed, valid or not, for `TrainSettings.checked`.

        Raises
        ------
        InputError
            If there are more or fewer folders of phase maps than of images.
        """
        lr, phase = self.lr.value(), self.phase.value()
        folders = {
            "pairs": pair_folders(self.pairs.value(), self.pairs_phase.value()),
            "lr": lr[0] if lr else None,
            "phase": phase[0] if phase else None,
        }
        return self._rest | folders | self.basic.value() | self.advanced.value()

    def setValue(self, settings: TrainSettings) -> None:  # noqa: N802 - Qt's naming
        """Show settings, and keep those that have no field."""
        blocked = self.blockSignals(True)
        self._show(settings)
        self.blockSignals(blocked)
        self.valueChanged.emit()

    def take_folder(self, path: Path, *, is_phase: bool) -> bool:
        """Fill in a folder of images or of phase maps, and return whether it now belongs to pairs.

        It does if the folder of its other half is filled in and each image has a phase map by its name.
        """
        images, phase = (self.lr.value(), (path,)) if is_phase else ((path,), self.phase.value())
        if images and phase and self._may_add_pairs() and _fit_together(images[0], phase[0]):
            self.pairs.setValue([*self.pairs.value(), images[0]])
            self.pairs_phase.setValue([*self.pairs_phase.value(), phase[0]])
            self.lr.setValue([])
            self.phase.setValue([])
            return True
        if path in (self.pairs_phase if is_phase else self.pairs).value():
            return True
        if is_phase and self.pairs.value() and not self.pairs_phase.value():
            self.pairs_phase.setValue([path])
            return True
        (self.phase if is_phase else self.lr).setValue([path])
        return False

    def _may_add_pairs(self) -> bool:
        """Return whether all pairs are in two folders, so that two more can be named."""
        return len(self.pairs.value()) == len(self.pairs_phase.value())

    def _show(self, settings: TrainSettings) -> None:
        self._rest = dict(settings)
        self._show_pairs(settings)
        self.lr.setValue([settings.lr] if settings.lr else [])
        self.phase.setValue([settings.phase] if settings.phase else [])
        self.basic.setValue(settings)
        self.advanced.setValue(settings)

    def _show_pairs(self, settings: TrainSettings) -> None:
        """Show one folder for the images and one for the phase maps if any of the pairs needs two."""
        whole = [source for source in settings.pairs if isinstance(source, Path)]
        both = [
            one if isinstance(one, PairFolders) else PairFolders(lr=one / "lr", phase=one / "phase")
            for one in settings.pairs
        ]
        single = len(whole) == len(both)
        self.pairs.setValue(whole if single else [one.lr for one in both])
        self.pairs_phase.setValue([] if single else [one.phase for one in both])
        self.pairs.set_placeholder(
            f"simulated on the fly, {len(settings.simulate)} kinds" if settings.simulate else PAIRS
        )


def _fit_together(images: Path, phase: Path) -> bool:
    """Return whether each image in a folder has a phase map of its name in another one."""
    try:
        pairs, lone, _ = match_names(find_images(images), find_images(phase))
    except InputError:
        return False
    return bool(pairs) and not lone
