"""Draw a specimen, propagate light through it once, and compute its true phase."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.beads import BEAD_INDEX_CONTRAST, bead_path_slices, scatter_beads
from napari_contransgan.simulation.cell_traits import USUAL, Culture
from napari_contransgan.simulation.cells import cell_path_map, scatter_cells
from napari_contransgan.simulation.image_formation import SpectrumOf, thin_object
from napari_contransgan.simulation.multislice import thick_object

BEAD_SLICE_UM = 0.375
BEAD_MEDIUM_INDEX = 1.56
CELL_MEDIUM_INDEX = 1.337
OBJECT_PIXEL_UM = 0.1625
INSIDE_EDGE_UM = 5.0
"""Distance that specimens inside the frame keep from the edges of the image."""


@dataclass(frozen=True)
class Specimen:
    """A specimen on a periodic grid that extends beyond the field on every side.

    Parameters
    ----------
    zyx_path_um : ndarray, shape (Z, N, N)
        Optical path within each slice; a thin specimen has a single slice.
    slice_um : float
        Distance between slices.
    absorption_per_um : float
        Absorption exponent of the amplitude per micrometre of optical path.
    medium_index : float
        Refractive index of the medium.
    pixel_size_um : float
        Pixel size stated by the microscope.
    pixel_size_factor : float
        True pixel size divided by the stated one.
    margin_px : int
        Pixels beyond the field on each side.
    wavelength_um : float
        Stated wavelength, to which the true phase refers.
    wavelength_factor : float
        True wavelength divided by the stated one.
    condenser_aperture : float
        Largest condenser NA of any image.
    largest_per_um : float
        Largest spatial frequency of any image, for lens and condenser together.
    usual_culture : Culture
        What multiplied the properties of the cells.
    device : str
        Torch device on which images are computed.
    """

    zyx_path_um: NDArray[np.float32]
    slice_um: float
    absorption_per_um: float
    medium_index: float
    pixel_size_um: float
    pixel_size_factor: float
    margin_px: int
    wavelength_um: float
    wavelength_factor: float
    condenser_aperture: float
    largest_per_um: float
    usual_culture: Culture = USUAL
    device: str = "cpu"

    @cached_property
    def waves(self) -> SpectrumOf:
        """Return the light behind the specimen, computed once for all its images."""
        zyx_path_um = torch.from_numpy(self.zyx_path_um).to(self.device)
        pixel_um = self.pixel_size_um * self.pixel_size_factor
        if len(zyx_path_um) == 1:
            absorption = torch.from_numpy(self.yx_absorption).to(self.device) if self.absorption_per_um else None
            return thin_object(zyx_path_um[0], absorption, pixel_um, self.largest_per_um)
        return thick_object(
            zyx_path_um,
            self.slice_um,
            pixel_um,
            wavelength_um=self.wavelength_um * self.wavelength_factor,
            medium_index=self.medium_index,
            condenser_aperture=self.condenser_aperture,
            largest_per_um=self.largest_per_um,
        )

    @property
    def yx_phase_rad(self) -> NDArray[np.float32]:
        """Return the phase at the stated wavelength, with the margin, shape (N, N)."""
        return np.asarray(self.zyx_path_um.sum(axis=0) * (2 * np.pi / self.wavelength_um), np.float32)

    @property
    def yx_absorption(self) -> NDArray[np.float32]:
        """Return the absorption exponent of the amplitude, with the margin, shape (N, N)."""
        return np.asarray(self.zyx_path_um.sum(axis=0) * self.absorption_per_um, np.float32)


def draw_specimen(settings: SimulationSettings, index: int, device: str = "cpu") -> Specimen:
    """Draw the specimen of field `index`.

    For the same seed it is the same for every objective, unless a large defocus needs a wider margin.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    index : int
        Number of the field.
    device : str
        Torch device for the images, such as ``"cuda"``; their last digits depend on it.
    """
    rng = np.random.default_rng([settings.seed, index, 0])
    drawn = np.random.default_rng([settings.seed, index, 4])
    variation, microscope = settings.variation, settings.microscope
    phase_factor = drawn.uniform(*variation.phase_factor)
    pixel_size_factor = drawn.uniform(*variation.pixel_size_factor)
    wavelength_factor = drawn.uniform(*variation.wavelength_factor)
    condenser_aperture, largest_aperture = _apertures(microscope, variation.coherence_factor[1])
    largest_per_um = largest_aperture / (microscope.wavelength_um * wavelength_factor - microscope.bandwidth_um)
    pixel_um = _object_pixel_um(largest_per_um, pixel_size_factor)
    margin_px, shape_px = _grid(settings, pixel_um)
    true_pixel_um = pixel_um * pixel_size_factor
    field_um = shape_px * true_pixel_um
    absorption_per_um, usual = 0.0, USUAL
    if settings.specimen == "psm":
        beads = scatter_beads(field_um, rng, scene=settings.scene)
        zyx_path_um = bead_path_slices(beads, shape_px, true_pixel_um, BEAD_SLICE_UM, BEAD_INDEX_CONTRAST)
    else:
        edge_um = margin_px * true_pixel_um + INSIDE_EDGE_UM if settings.inside_frame else None
        usual = usual_culture(variation, settings.seed, index)
        cells = scatter_cells(field_um, rng, edge_um=edge_um, scene=settings.scene, usual=usual)
        zyx_path_um = cell_path_map(cells, shape_px, true_pixel_um, rng, edge_um=edge_um)[None]
        absorption_per_um = max(0.0, drawn.uniform(*variation.absorption_share)) * settings.max_absorption_per_um
    return Specimen(
        zyx_path_um=zyx_path_um * np.float32(phase_factor),
        slice_um=BEAD_SLICE_UM,
        absorption_per_um=absorption_per_um,
        medium_index=BEAD_MEDIUM_INDEX if settings.specimen == "psm" else CELL_MEDIUM_INDEX,
        pixel_size_um=pixel_um,
        pixel_size_factor=pixel_size_factor,
        margin_px=margin_px,
        wavelength_um=microscope.wavelength_um,
        wavelength_factor=wavelength_factor,
        condenser_aperture=condenser_aperture,
        largest_per_um=largest_per_um,
        usual_culture=usual,
        device=device,
    )


def usual_culture(variation: Variation, seed: int, index: int) -> Culture:
    """Draw what multiplies the properties of the cells of field `index`.

    It has its own generator, so other draws stay the same.
    """
    rng = np.random.default_rng([seed, index, 7])
    grain, fat = rng.uniform(*variation.grain_factor), rng.uniform(*variation.fat_factor)
    return Culture(granularity=grain, roughness=grain, fat=fat)


def true_phase_map(specimen: Specimen) -> NDArray[np.float32]:
    """Compute the phase of the field at the stated wavelength, averaged over the pixels of the model's grid."""
    margin = specimen.margin_px
    return block_mean(
        specimen.yx_phase_rad[margin:-margin, margin:-margin], round(MODEL_PIXEL_SIZE_UM / specimen.pixel_size_um)
    )


def _apertures(microscope: Microscope, largest_factor: float) -> tuple[float, float]:
    coherence = min(1.0, microscope.coherence * largest_factor)
    pairs = [(lens.numerical_aperture, coherence) for lens in microscope.objectives.values()]
    pairs.append((microscope.lens(microscope.stack_objective).numerical_aperture, microscope.stack_coherence))
    return max(lens * share for lens, share in pairs), max(lens * (1 + share) for lens, share in pairs)


def _object_pixel_um(largest_per_um: float, pixel_size_factor: float) -> float:
    pixel_um = OBJECT_PIXEL_UM
    while largest_per_um > 0.5 / (pixel_um * pixel_size_factor):
        pixel_um /= 2
    return pixel_um


def _grid(settings: SimulationSettings, pixel_um: float) -> tuple[int, int]:
    """Return the margin and side of the object's grid in its pixels: whole model pixels, and fast to transform."""
    step = round(MODEL_PIXEL_SIZE_UM / pixel_um)
    margin = math.ceil(settings.margin_um / MODEL_PIXEL_SIZE_UM - 1e-9)
    while next_fast_len(shape := (settings.field_px + 2 * margin) * step) != shape:
        margin += 1
    return margin * step, shape
