"""The input and the output of every solver."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.counts import LIGHT_FLOOR
from napari_contransgan.tie.derivative import Derivative
from napari_contransgan.tie.transfer import Aperture

SpecimenSign = Literal["auto", "positive", "negative", "both"]

INTENSITY_FLOOR = LIGHT_FLOOR
"""Pixels darker than this share of the bright level count as dark: no phase can be measured there."""


@dataclass(frozen=True)
class FocusData:
    """Prepared planes around focus, relative to the bright level of the plane in focus.

    Parameters
    ----------
    zyx_planes : (Z, Y, X) ndarray of float32
        Intensities; 1 is the open field.
    z_um : tuple of float
        Height of each plane above the one in focus, along the light's path.
    focus_index : int
        Plane in focus.
    derivative : Derivative
        Slope of intensity along z in the plane in focus.
    pixel_size_um, wavelength_um : float
        Lateral pixel size; vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser, where known.
    yx_unusable : (Y, X) ndarray of bool or None
        Unusable pixels, such as saturated ones; None if there are none.
    specimen_sign : {"auto", "positive", "negative", "both"}
        Sign of the specimen's phase, where the solver makes use of it.
    slope_light : (10, 10) ndarray or None
        Covariance of what slow light may still add to the derivative, in the terms of
        `napari_contransgan.tie.slow_light.TERMS`; None for nothing.
    has_background : bool
        False where too little of the frame is known to be empty.
    """

    zyx_planes: NDArray[np.float32]
    z_um: tuple[float, ...]
    focus_index: int
    derivative: Derivative
    pixel_size_um: float
    wavelength_um: float
    aperture: Aperture | None = None
    yx_unusable: NDArray[np.bool_] | None = None
    specimen_sign: SpecimenSign = "auto"
    slope_light: NDArray[np.float64] | None = None
    has_background: bool = True

    @property
    def yx_intensity(self) -> NDArray[np.float32]:
        """Return the plane in focus."""
        yx_intensity: NDArray[np.float32] = self.zyx_planes[self.focus_index]
        return yx_intensity

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Return height and width in pixels."""
        return self.zyx_planes.shape[1], self.zyx_planes.shape[2]

    @property
    def wave_number(self) -> float:
        """Return 2 pi / wavelength, in rad/um, valid for z read from the focus drive of a dry lens, in any medium."""
        return 2 * np.pi / self.wavelength_um

    def yx_lit(self) -> NDArray[np.bool_]:
        """Return the pixels in which phase can be measured."""
        lit = self.yx_intensity >= INTENSITY_FLOOR
        return lit if self.yx_unusable is None else lit & ~self.yx_unusable


@dataclass(frozen=True)
class Solution:
    """Output of a solver.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray of float32
        Phase, positive where the specimen delays light; its background is at 0.
    yx_std_rad : (Y, X) ndarray of float32
        Standard deviation that the noise of the camera leaves, and, where the solver knows of it, what it could not
        determine about the light that crosses the frame's border.
    regularisation : float
        That was used, in units of the square of the frame's smallest wavenumber.
    figures : dict
        What else the solver found, as plain JSON values.
    """

    yx_phase_rad: NDArray[np.float32]
    yx_std_rad: NDArray[np.float32]
    regularisation: float
    figures: dict[str, Any] = field(default_factory=dict)
