"""Settings of the digital microscope: the specimen, the field, and the variation between fields."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import MAX_DEFOCUS_UM, Microscope
from napari_contransgan.config.names import SceneName, SpecimenName
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

MOST_FIELDS = 1_000_000
LEAST_MARGIN_UM = 5.0
MARGIN_BEYOND_RAYS_UM = 1.5

HELD_OUT_SEEDS: Mapping[SpecimenName, int] = MappingProxyType({"hela": 900, "psm": 901})
"""Seeds of the fields on which networks are scored, and which no training may use."""

Range = tuple[Annotated[float, Field(ge=-1000, le=1000)], Annotated[float, Field(ge=-1000, le=1000)]]
FactorRange = tuple[Annotated[float, Field(gt=0, le=10)], Annotated[float, Field(gt=0, le=10)]]
ShareRange = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]]
AberrationRange = tuple[Annotated[float, Field(ge=-1, le=1)], Annotated[float, Field(ge=-1, le=1)]]
NearOneRange = tuple[Annotated[float, Field(ge=0.8, le=1.25)], Annotated[float, Field(ge=0.8, le=1.25)]]


class Variation(BaseModel):
    """The variation between fields, as ranges ``(low, high)`` from which each field draws uniformly.

    Training on varied fields (domain randomisation) makes a network robust to what varies in every microscope.

    Parameters
    ----------
    focus_um : (float, float)
        Added to the focus of the low-power image.
    focus_share : (float, float)
        Also added, in units of 0.25 wavelength / NA^2.
    stack_focus_um : (float, float)
        Focus error common to all planes of the stack.
    drift_um : (float, float)
        Shift of each plane of the stack except the one in focus, along y and along x.
    spherical_um, coma_um, astigmatism_um : (float, float)
        Aberrations added to those of the low-power objective: RMS of the wavefront's Zernike terms, coma and
        astigmatism in a random direction. Dish bottoms that are tilted or of the wrong thickness cause them.
    coherence_factor : (float, float)
        Factor for the microscope's S.
    exposure_factor : (float, float)
        Factor for the camera's exposure, which changes photon noise and counts.
    gain_factor : (float, float)
        Factor for the counts, with the same noise relative to the signal.
    read_noise_factor : (float, float)
        Factor for the camera's read noise.
    unevenness : (float, float)
        Slow unevenness that remains after flat-field correction, as the largest deviation from 1.
    dust_specks : (int, int)
        Number of out-of-focus dust specks near the camera.
    clutter : (float, float)
        Diffraction patterns of small out-of-focus objects, as the standard deviation of the contrast.
    stray_light : (float, float)
        Fraction of the light that forms no image and lowers all contrast.
    phase_factor : (float, float)
        Factor for the specimen's phase.
    grain_factor, fat_factor : (float, float)
        Factors for how grainy cells are (vesicles, mitochondria and texture), and for how many fat droplets they hold.
    absorption_share : (float, float)
        Absorption of cells in units of `SimulationSettings.max_absorption_per_um`; negative values count as 0.
    pixel_size_factor : (float, float)
        True pixel size divided by the stated one.
    wavelength_factor : (float, float)
        True wavelength divided by the stated one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    focus_um: Range = Field(
        (0.0, 0.0),
        title="Focus (µm)",
        description="Added to the focus of the low-power image.",
    )
    focus_share: Range = Field(
        (-0.2, 0.2),
        title="Focus (depths)",
        description="Also added to the focus of the low-power image, in units of its automatic focus, 0.25 "
        "wavelength / NA².",
    )
    stack_focus_um: Range = Field(
        (-0.2, 0.2),
        title="Stack focus (µm)",
        description="Focus error common to all planes of the stack.",
    )
    drift_um: Range = Field(
        (0.0, 0.0),
        title="Drift (µm)",
        description="Shift of each plane of the stack except the middle one, along y and along x.",
    )
    spherical_um: AberrationRange = Field(
        (0.0, 0.0),
        title="Spherical (µm RMS)",
        description="Spherical aberration added to the low-power objective, as caused by a dish bottom of the wrong "
        "thickness.",
    )
    coma_um: AberrationRange = Field(
        (0.0, 0.0),
        title="Coma (µm RMS)",
        description="Coma added to the low-power objective, in a random direction.",
    )
    astigmatism_um: AberrationRange = Field(
        (0.0, 0.0),
        title="Astigmatism (µm RMS)",
        description="Astigmatism added to the low-power objective, in a random direction.",
    )
    coherence_factor: FactorRange = Field(
        (1.0, 1.0),
        title="Condenser S (factor)",
        description="Multiplies the microscope's condenser ratio S.",
    )
    exposure_factor: FactorRange = Field(
        (0.6, 1.4),
        title="Exposure (factor)",
        description="Multiplies the camera's exposure; less light means more noise.",
    )
    gain_factor: FactorRange = Field(
        (0.85, 1.0),
        title="Gain (factor)",
        description="Multiplies the counts, with the same noise relative to the signal.",
    )
    read_noise_factor: FactorRange = Field(
        (0.67, 1.67),
        title="Read noise (factor)",
        description="Multiplies the camera's read noise.",
    )
    unevenness: ShareRange = Field(
        (0.0, 0.02),
        title="Unevenness (fraction)",
        description="Slow unevenness of the illumination: its largest deviation from 1.",
    )
    dust_specks: tuple[Annotated[int, Field(ge=0, le=100)], Annotated[int, Field(ge=0, le=100)]] = Field(
        (0, 0),
        title="Dust (specks)",
        description="Number of out-of-focus dust specks near the camera.",
    )
    clutter: ShareRange = Field(
        (0.0, 0.0),
        title="Fine clutter (contrast)",
        description="Diffraction patterns of small out-of-focus objects, as the standard deviation of the contrast.",
    )
    stray_light: ShareRange = Field(
        (0.0, 0.0),
        title="Stray light (fraction)",
        description="Fraction of the light that forms no image and lowers all contrast.",
    )
    phase_factor: FactorRange = Field(
        (1.0, 1.0),
        title="Phase (factor)",
        description="Multiplies the specimen's phase: thicker or denser specimens.",
    )
    grain_factor: FactorRange = Field(
        (1.0, 1.0),
        title="Graininess of cells (factor)",
        description="Multiplies the number of vesicles and mitochondria of cells, and the strength of their texture.",
    )
    fat_factor: FactorRange = Field(
        (1.0, 1.0),
        title="Fat droplets of cells (factor)",
        description="Multiplies the number of fat droplets, the smallest and strongest objects in cells.",
    )
    absorption_share: Range = Field(
        (-0.5, 1.0),
        title="Absorption (share)",
        description="Absorption of cells in units of the largest one; a negative share counts as none. The usual range "
        "leaves a third of the fields without absorption.",
    )
    pixel_size_factor: NearOneRange = Field(
        (1.0, 1.0),
        title="Pixel size (factor)",
        description="True pixel size divided by the stated one; 1.02 is an error of two percent.",
    )
    wavelength_factor: NearOneRange = Field(
        (1.0, 1.0),
        title="Wavelength (factor)",
        description="True wavelength divided by the stated one.",
    )

    @field_validator("*")
    @classmethod
    def _must_rise(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"the range ({value[0]:g}, {value[1]:g}) is in the wrong order: give the lower end first")
        return value


class SimulationSettings(Settings):
    """What the digital microscope simulates.

    Parameters
    ----------
    microscope : Microscope
        The microscope; by default that of the paper.
    specimen : {"psm", "hela"}
        Polystyrene microspheres or HeLa-like cells.
    scene : str
        How densely the fields are filled; ``"mixed"`` draws from all scenes, from empty to confluent.
    objective : str
        Objective of the low-resolution image, one of the microscope's.
    count, seed : int
        Number of fields, and the seed. Field i depends only on i and on these settings except the count.
    field_px : int
        Side of the field on the network's grid of 0.325 um.
    defocus_um : float or None
        Focus of the low-resolution image; None means 0.25 wavelength / NA^2 (see docs/physics.md).
    max_absorption_per_um : float
        Cells absorb light: the amplitude falls by exp(-a path). Each field draws a between 0 and this value, in 1/um of
        optical path; for a third of the fields it is 0. Beads do not absorb.
    inside_frame : bool
        Whether every cell keeps away from the field's edges, so that TIE's boundary condition holds.
    variation : Variation
        Variation between fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    microscope: Microscope = Microscope()
    specimen: SpecimenName = Field(
        "hela",
        title="Specimen",
        description="Kind of specimen that is simulated.",
        json_schema_extra={"choices": {"hela": "HeLa-like cells", "psm": "Beads (polystyrene, 3 µm)"}},
    )
    scene: SceneName = Field(
        "mixed",
        title="Scene",
        description="How densely a field is filled.",
        json_schema_extra={
            "choices": {
                "mixed": "Mixed (all of these)",
                "empty": "Empty",
                "sparse": "Sparse",
                "dense": "Dense",
                "confluent": "Confluent",
            }
        },
    )
    objective: str = Field(
        "10x",
        title="Low-power objective",
        description="Objective of the low-power image.",
    )
    count: int = Field(
        1,
        ge=1,
        le=MOST_FIELDS,
        title="Number of fields",
        description="Fields 0, 1, 2 … of the seed above.",
    )
    seed: int = Field(
        0,
        ge=0,
        title="Seed",
        description="Another seed gives other specimens of the same kind.",
    )
    field_px: int = Field(
        240,
        ge=64,
        le=8192,
        title="Field side (px)",
        description="Side of the field, in pixels of the phase image, which are 0.325 µm wide.",
    )
    defocus_um: float | None = Field(
        None,
        ge=-MAX_DEFOCUS_UM,
        le=MAX_DEFOCUS_UM,
        title="Focus (µm)",
        description="Defocus of the low-power image. Empty: 0.25 wavelength / NA², where a specimen that does not "
        "absorb just becomes visible; at 0 it would have almost no contrast.",
        json_schema_extra={"empty": "automatic"},
    )
    max_absorption_per_um: float = Field(
        0.3,
        ge=0,
        le=100,
        title="Absorption (1/µm)",
        description="Cells absorb light: the amplitude falls by exp(-a × optical path), and each field draws its own "
        "a between 0 and this value. Beads do not absorb.",
    )
    inside_frame: bool = Field(
        False,
        title="All cells inside the frame",
        description="Keeps every cell away from the field's edges.",
    )
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
        """Return the margin to simulate around a field, from which defocused light reaches the field.

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
