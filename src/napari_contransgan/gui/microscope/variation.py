"""The part of the digital microscope's form for the variation from field to field."""

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_contransgan.config import Variation
from napari_contransgan.gui.shared.rows import Rows


class VariationForm(QWidget):
    """The range of each value that varies from field to field."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = Rows(("variation",))
        for name in Variation.model_fields:
            self.rows.add_setting(Variation, name, hint="Each field draws its own number from this range.")
        self.valueChanged = self.rows.valueChanged
        self.usual_button, self.none_button = QPushButton("Default variation"), QPushButton("No variation")
        self.usual_button.setToolTip("Fills in the default ranges of a data set.")
        self.none_button.setToolTip("All fields then differ only in specimen and noise.")
        self.usual_button.clicked.connect(lambda: self.setValue(Variation()))
        self.none_button.clicked.connect(lambda: self.setValue(no_variation()))
        buttons, layout = QHBoxLayout(), QVBoxLayout(self)
        buttons.addWidget(self.usual_button)
        buttons.addWidget(self.none_button)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.rows)
        layout.addLayout(buttons)
        self.setValue(Variation())

    def value(self) -> dict[str, Any]:
        """Return all ranges as they were typed, valid or not."""
        return self.rows.value()

    def setValue(self, variation: Variation) -> None:  # noqa: N802 - Qt's naming
        """Show all ranges."""
        self.rows.setValue(variation)


def no_variation() -> Variation:
    """Return ranges with which every field has exactly the values of the microscope."""
    neutral = {name: (1, 1) if name.endswith("_factor") else (0, 0) for name in Variation.model_fields}
    return Variation.model_validate(neutral)
