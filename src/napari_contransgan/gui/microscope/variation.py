"""The part of the digital microscope's form that says how fields differ from each other."""

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_contransgan.config import Variation
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.value_fields import RangeLine

LABELS = {
    "focus_um": ("Focus (µm)", "Added to the focus of the low-power image."),
    "focus_share": (
        "Focus (depths)",
        "Added to the focus of the low-power image too, as a share of its automatic focus, 0.25 wavelength / NA².",
    ),
    "stack_focus_um": ("Stack focus (µm)", "How far all planes of the stack are out of focus together."),
    "drift_um": ("Drift (µm)", "How far each plane of the stack but the middle one is shifted, along y and along x."),
    "spherical_um": (
        "Spherical (µm)",
        "Spherical aberration added to the low-power lens, root mean square: a dish bottom too thick or too thin.",
    ),
    "coma_um": ("Coma (µm)", "Coma added to the low-power lens in any direction, root mean square."),
    "astigmatism_um": (
        "Astigmatism (µm)",
        "Astigmatism added to the low-power lens in any direction, root mean square.",
    ),
    "coherence_factor": ("S (times)", "Times the microscope's condenser ratio S."),
    "exposure_factor": ("Exposure (times)", "Times the camera's exposure; less light means more noise."),
    "gain_factor": ("Gain (times)", "Times the counts, with the same noise relative to the signal."),
    "read_noise_factor": ("Read noise (times)", "Times the camera's read noise."),
    "unevenness": ("Unevenness (share)", "Slow unevenness of the light: its largest deviation from 1."),
    "dust_specks": ("Dust (specks)", "Number of specks of dust near the camera, out of focus."),
    "clutter": (
        "Fine clutter (contrast)",
        "Diffraction patterns of small things out of focus, as the standard deviation of the contrast.",
    ),
    "stray_light": ("Stray light (share)", "Share of the light that carries no image and lowers every contrast."),
    "phase_factor": ("Phase (times)", "Times the specimen's phase: thicker or denser specimens."),
    "pixel_size_factor": ("Pixel size (times)", "True pixel size over the stated one; 1.02 is two percent off."),
    "wavelength_factor": ("Wavelength (times)", "True wavelength over the stated one."),
}
"""Label and explanation of each range."""


class VariationForm(QWidget):
    """A low and a high end for everything that varies."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = Rows(("variation",))
        for name in Variation.model_fields:
            label, hint = LABELS.get(name, (name.replace("_", " "), ""))
            hint = f"{hint} Every field draws a number of its own between the two."
            self.rows.add(name, label, RangeLine(), hint.strip())
        self.edited = self.rows.edited
        self.usual_button, self.none_button = QPushButton("Usual variation"), QPushButton("No variation")
        self.usual_button.setToolTip("Fills in the ranges that every data set has unless you say otherwise.")
        self.none_button.setToolTip("Makes every field the same but for its specimen and its noise.")
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
        """Give all ranges as they stand, right or wrong."""
        return self.rows.values()

    def setValue(self, variation: Variation) -> None:  # noqa: N802 - Qt's naming
        """Show all ranges."""
        self.rows.show_values(variation)


def no_variation() -> Variation:
    """Ranges that leave everything as the microscope states it."""
    neutral = {name: (1, 1) if name.endswith("_factor") else (0, 0) for name in Variation.model_fields}
    return Variation.model_validate(neutral)
