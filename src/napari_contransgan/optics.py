"""Objectives, microscopes, and the conversions between phase, optical path and height.

All lengths are micrometres, all phases radians, all wavelengths vacuum wavelengths.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_contransgan.errors import InputError

MODEL_PIXEL_SIZE_UM = 0.325
"""Pixel of the grid on which every network works: the 40x camera pixel, binned 2 x 2."""

DEFAULT_WAVELENGTH_UM = 0.55
CAMERA_PIXEL_UM = 6.5

PLAUSIBLE_WAVELENGTH_UM = (0.2, 2.0)
PLAUSIBLE_PIXEL_SIZE_UM = (0.01, 50.0)


class Objective(BaseModel):
    """A microscope objective.

    Parameters
    ----------
    magnification : float
        Lateral magnification.
    numerical_aperture : float
        Detection numerical aperture; below 1, since the lens is dry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    magnification: float = Field(gt=0)
    numerical_aperture: float = Field(gt=0, lt=1)


OBJECTIVES = MappingProxyType(
    {
        "4x": Objective(magnification=4, numerical_aperture=0.1),
        "10x": Objective(magnification=10, numerical_aperture=0.25),
        "20x": Objective(magnification=20, numerical_aperture=0.4),
        "40x": Objective(magnification=40, numerical_aperture=0.65),
    }
)
"""The paper's four objectives."""


class Microscope(BaseModel):
    """A bright-field microscope with a condenser, a narrow-band lamp and a camera.

    Parameters
    ----------
    objective : Objective
        The detection lens.
    wavelength_um : float
        Centre vacuum wavelength.
    coherence : float
        Coherence parameter S, the condenser's numerical aperture over the objective's.
    camera_pixel_um : float
        Pixel of the camera chip, before division by the magnification.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: Objective
    wavelength_um: float = Field(DEFAULT_WAVELENGTH_UM, ge=PLAUSIBLE_WAVELENGTH_UM[0], le=PLAUSIBLE_WAVELENGTH_UM[1])
    coherence: float = Field(0.6, gt=0, le=1)
    camera_pixel_um: float = Field(CAMERA_PIXEL_UM, gt=0)

    @property
    def pixel_size_um(self) -> float:
        """Pixel size in the specimen, in micrometres."""
        return self.camera_pixel_um / self.objective.magnification

    @property
    def nominal_defocus_um(self) -> float:
        """The defocus at which a microscopist calls a phase object "in focus": 0.25 wavelength / NA^2.

        At z = 0 a pure phase object has almost no contrast and its sign cannot be seen.
        """
        return 0.25 * self.wavelength_um / self.objective.numerical_aperture**2


def objective_named(name: str) -> Objective:
    """Look an objective up by its name, such as ``"10x"``.

    Raises
    ------
    InputError
        If there is no such objective.
    """
    try:
        return OBJECTIVES[name.lower()]
    except KeyError:
        raise InputError(f"unknown objective {name!r}: use one of {', '.join(OBJECTIVES)}") from None


def path_from_phase(phase_rad: NDArray[np.floating], wavelength_um: float) -> NDArray[np.floating]:
    """Optical path difference in micrometres: phase * wavelength / (2 pi)."""
    return phase_rad * (wavelength_um / (2 * np.pi))


def height_from_phase(
    phase_rad: NDArray[np.floating], wavelength_um: float, index_contrast: float
) -> NDArray[np.floating]:
    """Height in micrometres, h = phase * wavelength / (2 pi dn), of a specimen of uniform index contrast dn.

    Raises
    ------
    InputError
        If the index contrast is zero.
    """
    if index_contrast == 0:
        raise InputError("the index contrast is 0: give the specimen's index minus the medium's, for example 0.03")
    return path_from_phase(phase_rad, wavelength_um) / index_contrast


def check_wavelength(wavelength_um: float) -> float:
    """Refuse a wavelength that cannot be one in micrometres.

    Raises
    ------
    InputError
        With a hint when the number looks like nanometres.
    """
    low, high = PLAUSIBLE_WAVELENGTH_UM
    if not low <= wavelength_um <= high:
        hint = f" (did you mean {wavelength_um / 1000:g} um?)" if low <= wavelength_um / 1000 <= high else ""
        raise InputError(f"a wavelength of {wavelength_um:g} um cannot be right{hint}: give {low:g} to {high:g} um")
    return wavelength_um


def check_pixel_size(pixel_size_um: float | None, source: str) -> float:
    """Refuse a missing or impossible pixel size.

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
        raise InputError(f"{source}: no pixel size in the file and none given: state it in um")
    low, high = PLAUSIBLE_PIXEL_SIZE_UM
    if not low <= pixel_size_um <= high:
        raise InputError(f"{source}: a pixel size of {pixel_size_um:g} um cannot be right: give {low:g} to {high:g} um")
    return pixel_size_um
