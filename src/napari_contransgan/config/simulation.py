"""Settings of the digital microscope: the specimen, and the variation from field to field."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import MAX_DEFOCUS_UM, Microscope
from napari_contransgan.config.names import SceneName, SpecimenName
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

LEAST_MARGIN_UM = 5.0
MARGIN_BEYOND_RAYS_UM = 1.5

HELD_OUT_SEEDS: Mapping[SpecimenName, int] = MappingProxyType({"hela": 900, "psm": 901})
"""Seeds of the held-out set, which no training may use."""

Range = tuple[float, float]
FactorRange = tuple[Annotated[float, Field(gt=0, le=10)], Annotated[float, Field(gt=0, le=10)]]
ShareRange = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
AberrationRange = tuple[Annotated[float, Field(ge=-1, le=1)], Annotated[float, Field(ge=-1, le=1)]]
NearOneRange = tuple[Annotated[float, Field(ge=0.8, le=1.25)], Annotated[float, Field(ge=0.8, le=1.25)]]


class Variation(BaseModel):
    """Ranges ``(low, high)`` by which fields differ; every field draws its values uniformly from them.

    Training on varied fields (domain randomisation) makes a network robust to conditions that no microscope keeps
    constant.

    Parameters
    ----------
    focus_um : (float, float)
        Added to the focus of the low-power image.
    focus_share : (float, float)
        Also added to the focus, in units of 0.25 wavelength / NA^2.
    stack_focus_um : (float, float)
        Focus error of the stack, common to its planes.
    drift_um : (float, float)
        Shift of each plane of the stack except the one in focus, along y and along x.
    spherical_um, coma_um, astigmatism_um : (float, float)
        Aberrations added to those of the low-power lens: RMS of the wavefront's Zernike terms, with coma and
        astigmatism in any direction. They are caused, for example, by thick or thin dish bottoms and by tilted beams.
    coherence_factor : (float, float)
        Factor on the microscope's S.
    exposure_factor : (float, float)
        Factor on the camera's exposure, which changes the photon noise and the counts.
    gain_factor : (float, float)
        Factor on the counts, at the same signal-to-noise ratio.
    read_noise_factor : (float, float)
        Factor on the camera's read noise.
    unevenness : (float, float)
        Slow unevenness that remains after flat-field correction, as the largest deviation from 1.
    dust_specks : (int, int)
        Number of out-of-focus dust specks near the camera.
    clutter : (float, float)
        Fine diffraction patterns of small objects outside the focal plane, as the standard deviation of the contrast.
    stray_light : (float, float)
        Fraction of the light that carries no image; it lowers all contrast.
    phase_factor : (float, float)
        Factor on the specimen's phase.
    pixel_size_factor : (float, float)
        True pixel size divided by the stated one.
    wavelength_factor : (float, float)
        True wavelength divided by the stated one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    focus_um: Range = (0.0, 0.0)
    focus_share: Range = (-0.2, 0.2)
    stack_focus_um: Range = (-0.2, 0.2)
    drift_um: Range = (0.0, 0.0)
    spherical_um: AberrationRange = (0.0, 0.0)
    coma_um: AberrationRange = (0.0, 0.0)
    astigmatism_um: AberrationRange = (0.0, 0.0)
    coherence_factor: FactorRange = (1.0, 1.0)
    exposure_factor: FactorRange = (0.6, 1.4)
    gain_factor: FactorRange = (0.85, 1.0)
    read_noise_factor: FactorRange = (0.67, 1.67)
    unevenness: ShareRange = (0.0, 0.02)
    dust_specks: tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=0, le=100)]] = (0, 0)
    clutter: ShareRange = (0.0, 0.0)
    stray_light: ShareRange = (0.0, 0.0)
    phase_factor: FactorRange = (1.0, 1.0)
    pixel_size_factor: NearOneRange = (1.0, 1.0)
    wavelength_factor: NearOneRange = (1.0, 1.0)

    @field_validator("*")
    @classmethod
    def _must_rise(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"the range ({value[0]:g}, {value[1]:g}) is in the wrong order: give the lower end first")
        return value


class SimulationSettings(Settings):
    """Settings of a simulated data set.

    Parameters
    ----------
    microscope : Microscope
        The instrument; the paper's by default.
    specimen : {"psm", "hela"}
        Polystyrene microspheres or HeLa-like cells.
    scene : str
        How crowded the fields are; ``"mixed"`` draws from all scenes, from empty to confluent.
    objective : str
        Objective of the low-resolution image, one of the microscope's.
    count, seed : int
        Number of fields, and the seed. Field i depends only on i and on these settings, except for the count.
    field_px : int
        Side of the field on the model's grid of 0.325 um.
    defocus_um : float or None
        Focus of the low-resolution image; None uses 0.25 wavelength / NA^2 (see docs/physics.md).
    max_absorption_per_um : float
        Largest absorption of cells. The amplitude is multiplied by exp(-a path), with a drawn for each field between 0
        and this value in 1/um of optical path, and a = 0 for a third of the fields. Beads do not absorb.
    inside_frame : bool
        Keep every cell clear of the field's edges, so that TIE's boundary condition holds.
    variation : Variation
        Variation from field to field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    microscope: Microscope = Microscope()
    specimen: SpecimenName = "hela"
    scene: SceneName = "mixed"
    objective: str = "10x"
    count: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    field_px: int = Field(240, ge=64)
    defocus_um: float | None = Field(None, ge=-MAX_DEFOCUS_UM, le=MAX_DEFOCUS_UM)
    max_absorption_per_um: float = Field(0.3, ge=0)
    inside_frame: bool = False
    variation: Variation = Variation()

    @model_validator(mode="after")
    def _must_fit_together(self) -> Self:
        self.microscope.lens(self.objective)
        field_um = self.field_px * MODEL_PIXEL_SIZE_UM
        if field_um < self.margin_um:
            raise ValueError(
                f"a field of {field_um:.0f} um is smaller than its margin of {self.margin_um:.0f} um from which "
                f"defocused light reaches into it: make field_px at least "
                f"{math.ceil(self.margin_um / MODEL_PIXEL_SIZE_UM)}, or defocus less"
            )
        return self

    @property
    def mean_focus_um(self) -> float:
        """Return the focus of the low-resolution image before variation."""
        return self.microscope.nominal_defocus_um(self.objective) if self.defocus_um is None else self.defocus_um

    @property
    def margin_um(self) -> float:
        """Return the margin to simulate around a field, from which defocused light reaches into it.

        The steepest ray that lens and condenser pass moves sideways by |z| (NA + NA_condenser).
        """
        share_um = self.microscope.nominal_defocus_um(self.objective)
        low_um, high_um = (
            self.mean_focus_um + um + share * share_um
            for um, share in zip(self.variation.focus_um, self.variation.focus_share, strict=True)
        )
        lr = self.microscope.lens(self.objective).numerical_aperture * (
            1 + self.microscope.coherence * self.variation.coherence_factor[1]
        )
        hr = self.microscope.lens(self.microscope.stack_objective).numerical_aperture * (
            1 + self.microscope.stack_coherence
        )
        reach_um = max(max(abs(low_um), abs(high_um)) * lr, self.microscope.stack_dz_um * hr)
        return max(LEAST_MARGIN_UM, MARGIN_BEYOND_RAYS_UM + reach_um)
