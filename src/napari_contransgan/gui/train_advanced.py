"""The settings of a training run that a first one can leave as they are."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_contransgan.config import DeviceName, RecipeName, TrainSettings
from napari_contransgan.gui.microscope_fields import Choice, NumberLine, WholeNumber

BAD_IMAGES = (("stop and name it", "refuse"), ("leave it out and name it", "skip"))


class AdvancedFields(QWidget):
    """Recipe, batch, computer, and weights of the losses."""

    valueChanged = Signal()  # noqa: N815 - Qt's naming

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(12, 0, 0, 0)
        layout.setVerticalSpacing(3)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, label, field, hint in _rows():
            field.edited.connect(self.valueChanged)
            self.fields[name] = field
            add_row(layout, label, field, hint)

    def value(self) -> dict[str, Any]:
        """Give the values as they stand, right or wrong."""
        return {name: field.value() for name, field in self.fields.items()}

    def setValue(self, settings: TrainSettings) -> None:  # noqa: N802 - Qt's naming
        """Show settings."""
        values: Mapping[str, Any] = dict(settings)
        for name, field in self.fields.items():
            field.setValue(values[name])


def add_row(layout: QFormLayout, label: str, field: QWidget, hint: str) -> None:
    """Add a field, whose explanation is shown over its label too."""
    name = QLabel(label)
    for widget in (name, field):
        widget.setToolTip(hint)
    layout.addRow(name, field)


def _rows() -> Iterator[tuple[str, str, Any, str]]:
    yield (
        *("recipe", "Recipe", Choice((name, name) for name in get_args(RecipeName))),
        "semi-supervised learns from pairs first, then from unpaired images too; paper is the CycleGAN of the paper",
    )
    yield "batch_size", "Images a step", WholeNumber(1, 1024), "More make steadier steps and need more memory"
    yield (
        *("accumulate", "Parts of a step", WholeNumber(1, 1024)),
        "Divides the images of a step into so many parts, one after the other, to need less memory; the images a step "
        "must be a multiple of it",
    )
    yield (
        *("crop_px", "Crop (px)", WholeNumber(64, 4096, step=32)),
        "Side of a training image, in pixels of 0.325 µm; a multiple of 32. Less needs less memory",
    )
    yield (
        *("device", "Computed on", Choice((name, name) for name in get_args(DeviceName))),
        "auto takes the graphics card where there is one that serves; cpu is the processor",
    )
    yield (
        *("threads", "Threads", NumberLine("automatic")),
        "Processor cores that the training keeps busy; automatic leaves one free for other programs",
    )
    yield (
        *("bad_images", "A bad image", Choice(BAD_IMAGES)),
        "What to do about a file that is damaged, too small or of the wrong kind",
    )
    yield (
        *("learning_rate", "Learning rate", NumberLine("the recipe's own")),
        "How far one step changes the network; less is slower and safer",
    )
    yield (
        *("validate_every", "Steps between trials", WholeNumber(1, 1_000_000)),
        "After so many steps the network is tried on images that it does not learn from, and the preview is renewed",
    )
    yield "save_every", "Steps between saves", WholeNumber(1, 1_000_000), "After so many steps the run is saved"
    yield (
        *("previews", "Samples in the preview", WholeNumber(1, 12)),
        "Images that are shown after each trial, and kept in the run's folder",
    )
    yield (
        *("lambda_cycle", "Weight: round trip", NumberLine()),
        "How much it counts that turning an image into the other kind and back gives the same image",
    )
    yield (
        *("lambda_gan", "Weight: realism", NumberLine("the recipe's own")),
        "How much it counts that made images look like real ones",
    )
    yield (
        *("lambda_physics", "Weight: optics", NumberLine("the recipe's own")),
        "How much it counts that the microscope would make the image at hand from the predicted phase",
    )
    yield (
        *("gradient_penalty", "Discriminators' damping", NumberLine("the recipe's own")),
        "Keeps the networks that tell real from made images from becoming too sure of themselves",
    )
    yield (
        *("cycle_noise", "Noise on the way back", NumberLine("the recipe's own")),
        "Keeps the networks from hiding the image in details of a made one that no eye sees",
    )
