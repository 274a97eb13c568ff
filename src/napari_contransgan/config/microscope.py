"""The description of a user's microscope for the digital microscope: validated, with presets, in YAML."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_contransgan.config.base import Settings
from napari_contransgan.errors import InputError
from napari_contransgan.optics import (
    CAMERA_PIXEL_UM,
    DEFAULT_WAVELENGTH_UM,
    OBJECTIVES,
    PLAUSIBLE_WAVELENGTH_UM,
    Objective,
)

MAX_DEFOCUS_UM = 50.0
"""Further out of focus nothing is visible, and the waves would exceed any margin."""

MIN_BITS, MAX_BITS = 8, 16


class CameraModel(BaseModel):
    """A camera.

    Parameters
    ----------
    pixel_um : float
        Side of a square pixel on the chip.
    frame_px : int
        Side of the whole frame, of which a simulated field is a part; it determines the vignetting.
    bit_depth : int
        Bit depth of the counts; the full well corresponds to the largest count.
    full_well_e : float
        Electrons at which a pixel saturates.
    exposure : float
        Fraction of the full well that an empty field fills.
    read_noise_e : float
        Standard deviation of the read noise, in electrons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pixel_um: float = Field(
        CAMERA_PIXEL_UM,
        gt=0,
        le=50,
        title="Pixel (µm)",
        description="Side of a pixel on the sensor, not in the specimen; see the camera's data sheet.",
    )
    frame_px: int = Field(
        2048,
        ge=64,
        le=100_000,
        title="Frame side (px)",
        description="Side of the whole camera frame, of which the simulated field is a part. It determines where "
        "vignetting darkens the image.",
    )
    bit_depth: int = Field(
        12,
        ge=MIN_BITS,
        le=MAX_BITS,
        title="Bit depth (bit)",
        description="Bit depth of the counts: 8 to 16.",
    )
    full_well_e: float = Field(
        60_000.0,
        ge=100,
        le=1e9,
        title="Full well (e⁻)",
        description="Number of electrons at which a pixel saturates; see the camera's data sheet. A larger full well "
        "means less noise.",
    )
    exposure: float = Field(
        0.3,
        gt=0,
        le=1,
        title="Exposure (fraction)",
        description="Fraction of the full well that an empty field fills, 0 to 1.",
    )
    read_noise_e: float = Field(
        3.0,
        ge=0,
        le=1e6,
        title="Read noise (e⁻)",
        description="Standard deviation of the noise added when a pixel is read, in electrons.",
    )


class Microscope(Settings):
    """A bright-field microscope with a condenser, a lamp with a filter, and a camera.

    Parameters
    ----------
    name : str
        Name of the microscope.
    objectives : dict
        Its dry objectives, by name.
    wavelength_um : float
        Centre vacuum wavelength of the light.
    bandwidth_um : float
        Full width at half maximum of the filter; 0 for a laser.
    coherence : float
        S of the low-resolution image: condenser NA over objective NA.
    stack_objective : str
        Objective of the through-focus stack, one of `objectives`.
    stack_coherence, stack_dz_um : float
        S of the stack, and the distance between its planes.
    camera : CameraModel
        The camera.
    vignetting : float
        Fraction of the light lost at the corners of the camera's frame.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(
        "inverted bright-field, 550 nm",
        title="Name",
        description="Your name for this microscope.",
    )
    objectives: dict[str, Objective] = Field(default_factory=lambda: dict(OBJECTIVES), min_length=1)
    wavelength_um: float = Field(
        DEFAULT_WAVELENGTH_UM,
        title="Wavelength (µm)",
        description="Centre wavelength of the light, in vacuum. Green light has 0.55 µm.",
    )
    bandwidth_um: float = Field(
        0.01,
        ge=0,
        title="Bandwidth (µm)",
        description="Full width at half maximum of the filter or the LED; 0 for a laser.",
    )
    coherence: float = Field(
        0.6,
        title="Condenser ratio S",
        description="NA of the condenser as its diaphragm is set, divided by the objective's NA, for the low-power "
        "image. Small values give strong contrast with fringes; values near 1 give fine detail with weak "
        "contrast.",
    )
    stack_objective: str = Field(
        "40x",
        title="Stack objective",
        description="Objective of the focus stack, from which TIE computes the phase.",
    )
    stack_coherence: float = Field(
        0.3,
        title="Stack ratio S",
        description="Condenser ratio S while the focus stack is acquired; TIE works best with a small one.",
    )
    stack_dz_um: float = Field(
        3.0,
        gt=0,
        le=MAX_DEFOCUS_UM,
        title="Plane distance (µm)",
        description="Distance between neighbouring planes of the three-plane focus stack.",
    )
    camera: CameraModel = CameraModel()
    vignetting: float = Field(
        0.03,
        ge=0,
        le=0.9,
        title="Vignetting (fraction)",
        description="Fraction of the light lost at the corners of the camera's frame, 0 to 0.9.",
    )

    @field_validator("wavelength_um")
    @classmethod
    def _must_be_a_wavelength(cls, value: float) -> float:
        low, high = PLAUSIBLE_WAVELENGTH_UM
        if not low <= value <= high:
            hint = f" (did you mean {value / 1000:g}?)" if low <= value / 1000 <= high else ""
            raise ValueError(f"{value:g} um is not a valid wavelength{hint}: give {low:g} to {high:g} um")
        return value

    @field_validator("coherence", "stack_coherence")
    @classmethod
    def _must_be_a_condenser(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(
                f"S = {value:g} lets no light through: it is the condenser's NA over the objective's, above 0"
            )
        if value > 1:
            raise ValueError(f"S = {value:g} would be dark field at the edge of the pupil: give at most 1")
        return value

    @model_validator(mode="after")
    def _must_fit_together(self) -> Self:
        if self.stack_objective not in self.objectives:
            raise ValueError(
                f"stack_objective {self.stack_objective!r} is not one of the objectives: use one of "
                f"{', '.join(self.objectives)}"
            )
        if self.bandwidth_um > 0.5 * self.wavelength_um:
            raise ValueError(
                f"a bandwidth of {self.bandwidth_um:g} um is white light: put a filter of at most half the "
                f"wavelength into the path"
            )
        return self

    def lens(self, objective: str) -> Objective:
        """Return an objective by its name, ignoring case.

        Raises
        ------
        InputError
            If there is no objective of that name.
        """
        for name, lens in self.objectives.items():
            if name.lower() == objective.lower():
                return lens
        raise InputError(f"unknown objective {objective!r}: use one of {', '.join(self.objectives)}")

    def pixel_size_um(self, objective: str) -> float:
        """Return the pixel size in the specimen, in micrometres."""
        return self.camera.pixel_um / self.lens(objective).magnification

    def nominal_defocus_um(self, objective: str) -> float:
        """Return the defocus at which a microscopist calls a phase object "in focus": 0.25 wavelength / NA^2.

        At z = 0 a pure phase object has almost no contrast, and the sign of its phase cannot be seen.
        """
        return 0.25 * self.wavelength_um / self.lens(objective).numerical_aperture ** 2

    def coarsest_pixel_um(self, objective: str, coherence: float) -> float:
        """Return the largest pixel that samples everything the objective transmits: wavelength / (2 NA (1 + S))."""
        return self.wavelength_um / (2 * self.lens(objective).numerical_aperture * (1 + coherence))

    def advice(self) -> tuple[str, ...]:
        """Return advice on objectives whose images the camera undersamples, one sentence each.

        The limit is `coarsest_pixel_um`, with S of the image that the objective takes.
        """
        notes = []
        for name in self.objectives:
            uses = [("", self.coherence)] + ([("stack ", self.stack_coherence)] if name == self.stack_objective else [])
            for use, coherence in uses:
                pixel_um, limit_um = self.pixel_size_um(name), self.coarsest_pixel_um(name, coherence)
                if pixel_um > limit_um * (1 + 1e-9):
                    notes.append(
                        f"{name}: {use}pixels of {pixel_um:.3g} um are larger than the {limit_um:.3g} um needed to "
                        f"sample what this objective transmits at S = {coherence:g}; fine detail is lost or aliased"
                    )
        return tuple(notes)


PRESETS: Mapping[str, Microscope] = MappingProxyType(
    {
        "paper": Microscope(),
        "led": Microscope(
            name="small upright stand, green LED, 3.45 um camera",
            objectives={
                "4x": Objective(magnification=4, numerical_aperture=0.1),
                "10x": Objective(magnification=10, numerical_aperture=0.25),
                "20x": Objective(magnification=20, numerical_aperture=0.45),
                "40x": Objective(magnification=40, numerical_aperture=0.65),
            },
            wavelength_um=0.525,
            bandwidth_um=0.03,
            camera=CameraModel(pixel_um=3.45, frame_px=2048, full_well_e=10_500.0, exposure=0.6, read_noise_e=2.4),
            vignetting=0.05,
        ),
    }
)
"""Microscopes to start from; ``paper`` has the paper's four objectives."""


def preset_named(name: str) -> Microscope:
    """Return a preset by its name.

    Raises
    ------
    InputError
        If there is no such preset.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise InputError(f"unknown microscope {name!r}: use one of {', '.join(PRESETS)}, or a YAML file") from None
