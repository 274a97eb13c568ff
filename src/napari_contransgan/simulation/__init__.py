"""The digital microscope: specimens, image formation, camera, and the data sets they make."""

from napari_contransgan.simulation.dataset import write_dataset
from napari_contransgan.simulation.fields import SimulatedField, lr_optics, simulate_field, simulate_pair
from napari_contransgan.simulation.samples import sample_frame, sample_stack

__all__ = [
    "SimulatedField",
    "lr_optics",
    "sample_frame",
    "sample_stack",
    "simulate_field",
    "simulate_pair",
    "write_dataset",
]
