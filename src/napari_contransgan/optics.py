"""Objectives, and conversions between phase, optical path and height.

All lengths are in micrometres and all phases in radians; all wavelengths are vacuum wavelengths.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from napari_contransgan.errors import InputError

MODEL_PIXEL_SIZE_UM = 0.325
"""Pixel size of the grid of all networks: the 40x camera pixel, binned 2 x 2."""

DEFAULT_WAVELENGTH_UM = 0.55
CAMERA_PIXEL_UM = 6.5

PLAUSIBLE_WAVELENGTH_UM = (0.2, 2.0)
PLAUSIBLE_PIXEL_SIZE_UM = (0.01, 50.0)
LEAST_APERTURE, MOST_APERTURE = 0.005, 1.7
LEAST_PHASE_REF_RAD, MOST_PHASE_REF_RAD = 0.01, 1000.0


class Aberrations(BaseModel):
    """Aberrations of a lens, as root-mean-square wavefront errors in micrometres.

    Each is the coefficient of a Zernike polynomial normalised after Noll, J. Opt. Soc. Am. 66, 207 (1976). Defocus is
    not included; it is set by the focus position.

    Parameters
    ----------
    astigmatism_0_um : float
        Astigmatism along the axes.
    astigmatism_45_um : float
        Astigmatism along the diagonals.
    coma_y_um : float
        Coma with tails along y.
    coma_x_um : float
        Coma with tails along x.
    spherical_um : float
        Spherical aberration, as from a cover glass of the wrong thickness.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    astigmatism_0_um: float = Field(0.0, ge=-1, le=1)
    astigmatism_45_um: float = Field(0.0, ge=-1, le=1)
    coma_y_um: float = Field(0.0, ge=-1, le=1)
    coma_x_um: float = Field(0.0, ge=-1, le=1)
    spherical_um: float = Field(0.0, ge=-1, le=1)


NO_ABERRATIONS = Aberrations()


class Objective(BaseModel):
    """A microscope objective.

    Parameters
    ----------
    magnification : float
        Lateral magnification.
    numerical_aperture : float
        Detection numerical aperture; below 1, since the lens is dry.
    aberrations : Aberrations
        Aberrations of the lens; none by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    magnification: float = Field(ge=0.01, le=10_000)
    numerical_aperture: float = Field(ge=LEAST_APERTURE)
    aberrations: Aberrations = NO_ABERRATIONS

    @field_validator("numerical_aperture")
    @classmethod
    def _must_be_dry(cls, value: float) -> float:
        if value >= 1:
            raise ValueError(f"a dry lens cannot have an NA of {value:g}: give less than 1")
        return value


OBJECTIVES = MappingProxyType(
    {
        "4x": Objective(magnification=4, numerical_aperture=0.1),
        "10x": Objective(magnification=10, numerical_aperture=0.25),
        "20x": Objective(magnification=20, numerical_aperture=0.4),
        "40x": Objective(magnification=40, numerical_aperture=0.65),
    }
)
"""The paper's four objectives."""


@dataclass(frozen=True)
class KnownOptics:
    """What is known of how a bright-field frame was taken; None is unknown.

    Parameters
    ----------
    numerical_aperture : float or None
        NA of the objective.
    coherence : float or None
        S, NA of the condenser divided by that of the objective.
    focus_um : float or None
        Position of the focus relative to the specimen; z grows along the light's path.
    wavelength_um : float
        Vacuum wavelength of the light.
    """

    numerical_aperture: float | None = None
    coherence: float | None = None
    focus_um: float | None = None
    wavelength_um: float = DEFAULT_WAVELENGTH_UM

    @property
    def focus_depths(self) -> float | None:
        """Return the focus in units of wavelength / NA^2; None if it or the aperture is unknown."""
        if self.focus_um is None or self.numerical_aperture is None:
            return None
        return self.focus_um * self.numerical_aperture**2 / self.wavelength_um


def path_from_phase(phase_rad: NDArray[np.floating], wavelength_um: float) -> NDArray[np.floating]:
    """Return the optical path difference in micrometres: phase * wavelength / (2 pi)."""
    return phase_rad * (wavelength_um / (2 * np.pi))


def height_from_phase(
    phase_rad: NDArray[np.floating], wavelength_um: float, index_contrast: float
) -> NDArray[np.floating]:
    """Return the height in micrometres, phase * wavelength / (2 pi dn), of a specimen of uniform index contrast dn.

    Raises
    ------
    InputError
        If the index contrast is zero.
    """
    if index_contrast == 0:
        raise InputError("the index contrast is 0: give the specimen's index minus the medium's, for example 0.03")
    return path_from_phase(phase_rad, wavelength_um) / index_contrast


def check_wavelength(wavelength_um: float) -> float:
    """Return the wavelength, and raise an error if it is not plausible in micrometres.

    Raises
    ------
    InputError
        If it is not plausible; with a hint if the number looks like nanometres.
    """
    low, high = PLAUSIBLE_WAVELENGTH_UM
    if not low <= wavelength_um <= high:
        hint = f" (did you mean {wavelength_um / 1000:g} um?)" if low <= wavelength_um / 1000 <= high else ""
        raise InputError(f"a wavelength of {wavelength_um:g} um cannot be right{hint}: give {low:g} to {high:g} um")
    return wavelength_um


def check_pixel_size(pixel_size_um: float | None, source: str) -> float:
    """Return the pixel size, and raise an error if it is missing or impossible.

    Parameters
    ----------
    pixel_size_um : float or None
        Pixel size in the specimen.
    source : str
        The file or layer, for the message.

    Raises
    ------
    InputError
        If it is missing or outside 0.01 to 50 um.
    """
    if pixel_size_um is None:
        raise InputError("no pixel size in the file and none given: state it in um", source=source)
    low, high = PLAUSIBLE_PIXEL_SIZE_UM
    if not low <= pixel_size_um <= high:
        raise InputError(
            f"a pixel size of {pixel_size_um:g} um cannot be right: give {low:g} to {high:g} um", source=source
        )
    return pixel_size_um
