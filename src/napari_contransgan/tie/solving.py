"""From planes as plain arrays to the phase of the plane in focus."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieMethod
from napari_contransgan.errors import InputError
from napari_contransgan.optics import check_pixel_size, check_wavelength
from napari_contransgan.tie.derivative import axial_derivative, derivative_weights
from napari_contransgan.tie.direction import check_direction
from napari_contransgan.tie.focus_data import FocusData, Solution, SpecimenSign
from napari_contransgan.tie.frame_checks import planes_at_rest
from napari_contransgan.tie.preparation import Preparation, PreparedPlanes, prepare
from napari_contransgan.tie.slow_light import SlowLight
from napari_contransgan.tie.solvers import SOLVERS
from napari_contransgan.tie.transfer import Aperture


def phase_from_stack(
    zyx_stack: NDArray[np.number],
    z_um: Sequence[float],
    *,
    wavelength_um: float,
    pixel_size_um: float,
    focus_index: int,
    is_focus_halfway: bool = False,
    method: TieMethod = "anchored",
    regularisation: Literal["auto"] | float = "auto",
    aperture: Aperture | None = None,
    preparation: Preparation | None = None,
    specimen_sign: SpecimenSign = "auto",
) -> Solution:
    """Phase of the plane in focus from two or more intensity planes.

    Solves -k dI/dz = div(I grad(phi)), Eq. 1 of the paper. k is 2 pi over the vacuum wavelength: for a dry objective
    that is right for z as read from the focus drive, whatever the medium.

    Parameters
    ----------
    zyx_stack : (Z, Y, X) ndarray
        Intensities of any scale and number type; at least two planes.
    z_um : sequence of float
        Height of each plane along the light's path, all different.
    wavelength_um : float
        Vacuum wavelength.
    pixel_size_um : float
        Lateral pixel size in the specimen.
    focus_index : int
        Plane in focus; the phase is that of this plane.
    is_focus_halfway : bool
        Whether the focus is halfway between two planes, and neither is in focus.
    method : str
        Solver; see `napari_contransgan.tie.solvers.SOLVERS`.
    regularisation : "auto" or float
        In units of the square of the frame's smallest wavenumber, pi over its longer side; 0 switches it off.
        ``"auto"`` weighs noise against loss, see `napari_contransgan.tie.regularisation.choose_regularisation`.
    aperture : Aperture or None
        Objective and condenser, where known: fine structure that the planes weaken is then restored.
    preparation : Preparation or None
        What is put right beforehand; None takes the usual steps.
    specimen_sign : {"auto", "positive", "negative", "both"}
        Sign of the specimen's phase, for ``"anchored"``.

    Returns
    -------
    Solution
        Phase and uncertainty in radians; the phase is positive where the specimen delays light. Where there is no
        light, or a plane lacks data, the phase is 0 and the uncertainty infinite. Its figures also hold those of the
        preparation, and ``direction``, see `napari_contransgan.tie.direction.check_direction`.

    Raises
    ------
    InputError
        If there are fewer than two planes, heights that do not fit them or repeat, no light in a plane, values inside
        it that are not finite, planes that do not show the same field, no such method, or an impossible wavelength or
        pixel size.
    """
    zyx = np.asarray(zyx_stack)
    if zyx.ndim != 3 or len(zyx) < 2:
        raise InputError("TIE needs at least two planes at different focus, stacked as (Z, Y, X)")
    if len(z_um) != len(zyx) or len(set(z_um)) != len(zyx):
        raise InputError(f"heights z {tuple(z_um)} do not fit {len(zyx)} planes: give a different one for each")
    if not 0 <= focus_index < len(zyx):
        raise InputError(f"there is no plane {focus_index}: the plane in focus is one of 0 to {len(zyx) - 1}")
    if method not in SOLVERS:
        raise InputError(f"there is no method {method!r}: give one of {', '.join(SOLVERS)}")
    check_wavelength(wavelength_um)
    check_pixel_size(pixel_size_um, "the stack")

    prepared = prepare(zyx, focus_index, preparation or Preparation(), pixel_size_um)
    heights_um = tuple(z - z_um[focus_index] for z in z_um)
    at_rest = planes_at_rest(prepared.zyx_planes, prepared.z_noise, heights_um)
    recorded_um, reference = heights_um, focus_index
    if is_focus_halfway:
        prepared, heights_um, focus_index = _with_plane_halfway(prepared, heights_um), _centred(heights_um), 1
    derivative = axial_derivative(
        prepared.zyx_planes,
        heights_um,
        focus_index,
        pixel_size_um=pixel_size_um,
        wavelength_um=wavelength_um,
        aperture=aperture,
        z_noise=prepared.z_noise,
    )
    data = FocusData(
        zyx_planes=prepared.zyx_planes,
        z_um=heights_um,
        focus_index=focus_index,
        derivative=derivative,
        pixel_size_um=pixel_size_um,
        wavelength_um=wavelength_um,
        aperture=aperture,
        yx_unusable=prepared.yx_unusable,
        specimen_sign=specimen_sign,
        slope_light=_slope_light(
            prepared.light, recorded_um, reference, 1 if is_focus_halfway else derivative.degrees[0]
        ),
        has_background=prepared.light is None or prepared.light.has_background,
    )
    solution = SOLVERS[method].solve(data, regularisation)
    figures = {**prepared.figures, "degrees": list(derivative.degrees), **solution.figures}
    if at_rest:
        figures["planes_at_rest"] = [list(pair) for pair in at_rest]
    area = prepared.area
    yx_measured = None if area is None else ~area.yx_without_phase[area.window]
    std_rad = solution.yx_std_rad[::4, ::4] if yx_measured is None else solution.yx_std_rad[yx_measured]
    figures["median_std_rad"] = float(np.median(std_rad))
    figures["direction"] = check_direction(
        solution.yx_phase_rad, figures, figures["median_std_rad"], yx_measured, pixel_size_um
    )
    if area is None:
        return replace(solution, figures=figures)
    return Solution(
        yx_phase_rad=area.on_frame(solution.yx_phase_rad, 0.0),
        yx_std_rad=area.on_frame(solution.yx_std_rad, np.inf),
        regularisation=solution.regularisation,
        figures=figures,
    )


def _centred(heights_um: tuple[float, ...]) -> tuple[float, ...]:
    """Return the heights of two planes, and of one halfway, above the one halfway."""
    half_um = (heights_um[1] - heights_um[0]) / 2
    return -half_um, 0.0, half_um


def _with_plane_halfway(prepared: PreparedPlanes, heights_um: tuple[float, ...]) -> PreparedPlanes:
    """Put the mean of two planes between them: what the specimen delays is bright in one and dark in the other."""
    if len(heights_um) != 2:
        raise InputError(f"the focus is halfway between two planes only, not {len(heights_um)}: state the plane")
    below, above = prepared.zyx_planes
    noise_below, noise_above = prepared.z_noise
    noise = float(np.hypot(noise_below, noise_above)) / 2
    return replace(
        prepared,
        zyx_planes=np.stack([below, (below + above) / 2, above]),
        z_noise=(noise_below, noise, noise_above),
    )


def _slope_light(
    light: SlowLight | None, heights_um: Sequence[float], focus_index: int, degree: int
) -> NDArray[np.float64] | None:
    """Covariance of what the light still adds to the derivative."""
    if light is None:
        return None
    return light.slope_covariance(derivative_weights(heights_um, focus_index, degree))
