"""Commands for napari's palette, which finds them by the words that people type."""

from napari.viewer import Viewer

from napari_contransgan.gui.shared.open import open_widget


def find_dry_mass(viewer: Viewer) -> None:
    """Open the widget that measures dry mass, area and profiles."""
    open_widget(viewer, "measure")


def find_quantitative_phase(viewer: Viewer) -> None:
    """Open the widget that computes quantitative phase from a focus stack."""
    open_widget(viewer, "tie")


def find_virtual_phase(viewer: Viewer) -> None:
    """Open the widget that predicts phase from one bright-field image."""
    open_widget(viewer, "predict")


def find_simulation(viewer: Viewer) -> None:
    """Open the digital microscope, which simulates images."""
    open_widget(viewer, "microscope")


def find_transfer_learning(viewer: Viewer) -> None:
    """Open the widget that adapts a network to the user's microscope."""
    open_widget(viewer, "adapt")
