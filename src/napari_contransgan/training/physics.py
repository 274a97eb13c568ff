"""Physics consistency: the simulated image of a phase, compared with the recorded image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from napari_contransgan.config import PhysicsSettings, SimulationSettings, TrainSettings
from napari_contransgan.models.normalisation import CONTRAST_REF, to_model_grid
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, Aberrations
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, through_focus_images, transmission
from napari_contransgan.simulation.source import SourceSampling

PHYSICS_SOURCE = SourceSampling(2, 6)
"""The error with twelve points is 1-2 % of the contrast at S = 0.6, far below the error of a network."""


@dataclass(frozen=True)
class ForwardModel:
    """Image formation of a thin specimen.

    Parameters
    ----------
    optics : Optics
        Lens, condenser and filter.
    focus_um : float
        Focus of the image.
    camera_pixel_um : float
        Camera pixel size at the specimen.
    absorption_per_rad : float
        Exponent by which the amplitude falls for each radian of phase; 0 for a clear specimen.
    source : SourceSampling
        Points of the condenser.
    """

    optics: Optics
    focus_um: float
    camera_pixel_um: float
    absorption_per_rad: float = 0.0
    source: SourceSampling = PHYSICS_SOURCE

    @property
    def border_px(self) -> int:
        """Return how far, on the model's grid, light from the opposite side of a periodic field reaches."""
        reach_um = abs(self.focus_um) * self.optics.numerical_aperture * (1 + self.optics.coherence)
        return math.ceil((reach_um + self.optics.wavelength_um / self.optics.numerical_aperture) / MODEL_PIXEL_SIZE_UM)

    def contrast(self, phase_rad: torch.Tensor, absorption_per_rad: torch.Tensor | None = None) -> torch.Tensor:
        """Compute a network's input contrast from phase; (B, 1, H, H) each, on the model's grid.

        Another absorption, which may have a gradient, replaces the model's own.
        """
        return self.through_focus(phase_rad, (self.focus_um,), absorption_per_rad)

    def through_focus(
        self, phase_rad: torch.Tensor, z_um: Sequence[float], absorption_per_rad: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute the contrast at several focus positions, (B, Z, H, H), from phase, (B, 1, H, H).

        The images are as `napari_contransgan.simulation` forms them, on camera pixels no finer than the model's grid,
        and are smaller than the phase if whole camera pixels do not fill it.
        """
        finer = self._finer()
        fine = functional.interpolate(phase_rad, scale_factor=finer, mode="bicubic") if finer > 1 else phase_rad
        pixel_um = max(self.camera_pixel_um, MODEL_PIXEL_SIZE_UM)
        side_px = int(phase_rad.shape[-1] * MODEL_PIXEL_SIZE_UM / pixel_um + 1e-6)
        absorption = self.absorption_per_rad if absorption_per_rad is None else absorption_per_rad
        intensity = through_focus_images(
            transmission(fine[:, 0], fine[:, 0].clamp(min=0) * absorption),
            MODEL_PIXEL_SIZE_UM / finer,
            self.optics,
            PixelGrid(pixel_um, side_px),
            z_um=z_um,
            source=self.source,
        )
        planes = [to_model_grid(image, pixel_um) for image in ((intensity - 1) / CONTRAST_REF).flatten(0, 1)]
        stacked = torch.stack(planes)
        return stacked.reshape(-1, len(z_um), *stacked.shape[1:])

    def _finer(self) -> int:
        steepest_per_um = self.optics.numerical_aperture * (1 + self.optics.coherence) / self.optics.wavelength_um
        # A tenth more than the mean wavelength needs, for the short side of the filter's band.
        return math.ceil(1.1 * steepest_per_um * 2 * MODEL_PIXEL_SIZE_UM)


def physics_loss(model: ForwardModel, phase_rad: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of simulated and recorded contrast; (B, 1, H, H) each."""
    made = model.contrast(phase_rad)
    border, end = model.border_px, made.shape[-1] - model.border_px
    inner = (..., slice(border, end), slice(border, end))
    return functional.l1_loss(made[inner], contrast[inner])


def forward_model(settings: TrainSettings, simulated: Sequence[SimulationSettings]) -> ForwardModel | None:
    """Return the optics of a run's low-resolution images, stated by its settings or its simulated images.

    Parameters
    ----------
    settings : TrainSettings
        Of the run.
    simulated : sequence of SimulationSettings
        Settings of those of its images that were simulated.

    Returns
    -------
    ForwardModel or None
        None if nothing is stated, the images were taken with different optics, or they are magnified at random.
    """
    if settings.scale_range != (1.0, 1.0):
        return None  # a magnified image does not fit the microscope's model
    stated = [settings.physics] if settings.physics else [_physics_of(one) for one in simulated]
    if not stated or any(one != stated[0] for one in stated):
        return None
    return model_of(stated[0])


def model_of(known: PhysicsSettings) -> ForwardModel:
    """Return the forward model that settings describe."""
    microscope = known.microscope
    lens = microscope.lens(known.objective)
    nominal_um = microscope.nominal_defocus_um(known.objective)
    return ForwardModel(
        Optics(
            numerical_aperture=lens.numerical_aperture,
            wavelength_um=microscope.wavelength_um,
            coherence=microscope.coherence,
            # Effects with a direction do not fit images that are rotated and mirrored.
            aberrations=Aberrations(spherical_um=lens.aberrations.spherical_um),
        ),
        focus_um=nominal_um if known.focus_um is None else known.focus_um,
        camera_pixel_um=microscope.pixel_size_um(known.objective),
    )


def _physics_of(simulated: SimulationSettings) -> PhysicsSettings:
    return PhysicsSettings(
        microscope=simulated.microscope, objective=simulated.objective, focus_um=simulated.mean_focus_um
    )
