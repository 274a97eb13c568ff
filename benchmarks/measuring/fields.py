"""Simulated fields with their true phase, and their phase by TIE on the same pixels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.camera import Camera
from napari_contransgan.simulation.fields import image_stack, true_phase
from napari_contransgan.simulation.specimen import Specimen, draw_specimen
from napari_contransgan.tie import retrieve_phase

CAMERA = Camera(photo_electrons=2e4, read_noise_e=3.0, background_counts=1300.0)
SMALLEST_STD_RAD = 0.03
"""Fields with a smaller phase contain nothing to measure."""


@dataclass(frozen=True)
class SimulatedPhase:
    """The true phase of a field, its phase by TIE, and the uncertainty of that."""

    truth: Image
    phase: Image
    uncertainty: Image


def simulated_phases(settings: SimulationSettings) -> Iterator[SimulatedPhase]:
    """Simulate fields one after the other, and leave out those that are almost empty."""
    index = 0
    while True:
        specimen = draw_specimen(settings, index)
        if true_phase(specimen, settings, index).data.std() >= SMALLEST_STD_RAD:
            yield phase_of(specimen, settings, index)
        index += 1


def phase_of(specimen: Specimen, settings: SimulationSettings, index: int) -> SimulatedPhase:
    """Image a specimen at 40x with the noise and focus error of field `index`, and retrieve its phase."""
    truth = true_phase(specimen, settings, index)
    result = result_of(retrieve_phase(image_stack(specimen, settings, index, CAMERA), TieSettings()))
    phase, uncertainty = (
        replace(one, data=block_mean(one.data, 2), pixel_size_um=truth.pixel_size_um)
        for one in (result.phase, result.uncertainty)
    )
    return SimulatedPhase(truth, phase, uncertainty)
