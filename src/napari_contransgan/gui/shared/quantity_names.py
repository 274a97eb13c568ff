"""What quantities and their units are called in the window."""

from collections.abc import Mapping

from napari_contransgan.io import QUANTITY_UNITS, Quantity

NAMES: Mapping[Quantity, str] = {
    "intensity": "intensity",
    "phase": "phase",
    "phase-std": "uncertainty",
    "path": "optical path",
    "height": "height",
    "dry-mass": "dry mass",
}


def unit_text(quantity: Quantity) -> str:
    """Return the unit of a quantity as it is printed, such as µm."""
    return QUANTITY_UNITS[quantity].replace("um", "µm").replace("^2", "²")


def label_of(quantity: Quantity) -> str:
    """Return the name of a quantity with its unit; that of an intensity is left out."""
    return NAMES[quantity] if quantity == "intensity" else f"{NAMES[quantity]} ({unit_text(quantity)})"
