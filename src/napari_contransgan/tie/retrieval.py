"""Phase retrieval by two Poisson solves (Teague's auxiliary function)."""

from collections.abc import Generator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress
from napari_contransgan.io import Image
from napari_contransgan.optics import check_pixel_size, check_wavelength
from napari_contransgan.tie.background import background_median
from napari_contransgan.tie.derivative import axial_derivative, equalise_sums
from napari_contransgan.tie.planes import prepare_planes
from napari_contransgan.tie.poisson import (
    cosine_transform,
    divergence,
    gradient,
    inverse_cosine_transform,
    inverse_laplacian,
)
from napari_contransgan.tie.regularisation import choose_regularisation

INTENSITY_FLOOR = 0.1
"""Pixels darker than this share of the bright level count as dark: no phase can be measured there."""


def phase_from_stack(
    zyx_stack: NDArray[np.number],
    z_um: Sequence[float],
    *,
    wavelength_um: float,
    pixel_size_um: float,
    focus_index: int,
    regularisation: Literal["auto"] | float = "auto",
) -> NDArray[np.float32]:
    """Phase of the plane in focus from two or more intensity planes.

    Solves -k dI/dz = div(I grad(phi)), Eq. 1 of the paper, by its Eq. 3,
    phi = -k lap^-1 div(I^-1 grad lap^-1 dI/dz), with no flux across the frame's border (Neumann). k is 2 pi over the
    vacuum wavelength: for a dry objective that is right for z as read from the focus drive, whatever the medium.

    Conventions: planes are scaled to equal sums first. The second inverse Laplacian carries the regularisation. In
    dark regions (below `INTENSITY_FLOOR` of the bright level) I^-1 falls back to zero instead of growing, so that
    noise there moves nothing. The constant that TIE leaves free is set so that the background's median is zero, see
    `napari_contransgan.tie.background.background_median`; dark regions are not asked.

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
    regularisation : "auto" or float
        In units of the square of the frame's smallest wavenumber, pi over its longer side; 0 switches it off.
        ``"auto"`` weighs noise against loss, see `napari_contransgan.tie.regularisation.choose_regularisation`.

    Returns
    -------
    (Y, X) ndarray of float32
        Phase in radians, positive where the specimen delays light.

    Raises
    ------
    InputError
        If there are fewer than two planes, heights that do not fit them or repeat, no light in a plane, values
        that are not finite, or an impossible wavelength or pixel size.
    """
    zyx = np.asarray(zyx_stack, dtype=np.float64)
    if zyx.ndim != 3 or len(zyx) < 2:
        raise InputError("TIE needs at least two planes at different focus, stacked as (Z, Y, X)")
    if len(z_um) != len(zyx) or len(set(z_um)) != len(zyx):
        raise InputError(f"heights z {tuple(z_um)} do not fit {len(zyx)} planes: give a different one for each")
    if not 0 <= focus_index < len(zyx):
        raise InputError(f"there is no plane {focus_index}: the plane in focus is one of 0 to {len(zyx) - 1}")
    if not np.all(np.isfinite(zyx)):
        raise InputError("the planes hold NaN or infinite values: replace them first")
    wave_number = 2 * np.pi / check_wavelength(wavelength_um)
    check_pixel_size(pixel_size_um, "the stack")

    zyx = equalise_sums(zyx, focus_index)
    level = _bright_level(zyx[focus_index])
    yx_intensity = zyx[focus_index] / level
    yx_derivative = axial_derivative(zyx, z_um, focus_index) / level
    strength = choose_regularisation(yx_derivative) if regularisation == "auto" else float(regularisation)

    potential = inverse_laplacian(cosine_transform(yx_derivative), pixel_size_um)
    y_slope, x_slope = gradient(potential, pixel_size_um)
    inverse_intensity = yx_intensity / np.maximum(yx_intensity, INTENSITY_FLOOR) ** 2
    source = divergence(inverse_intensity * y_slope, inverse_intensity * x_slope, pixel_size_um)
    solved = inverse_laplacian(source, pixel_size_um, strength)
    yx_phase_rad = -wave_number * inverse_cosine_transform(solved)
    yx_phase_rad -= background_median(yx_phase_rad[yx_intensity >= INTENSITY_FLOOR])
    return yx_phase_rad.astype(np.float32)


def _bright_level(yx_intensity: NDArray[np.float64]) -> float:
    """Median of the pixels brighter than half the 99th percentile: the open field, whatever an aperture covers."""
    return float(np.median(yx_intensity[yx_intensity > 0.5 * np.percentile(yx_intensity, 99)]))


def retrieve_phase(image: Image, settings: TieSettings) -> Generator[Progress, None, Image]:
    """Phase of a through-focus image, frame by frame.

    z grows along the light's path; planes stand in order of rising z unless `TieSettings.flip_z` says otherwise, which
    turns the sign of every height and so of the phase. Indices of planes count as the planes stand in the image. In
    focus is, unless stated, the first of two planes, else the middle one (of an even number, the lower index).

    Many files label focus planes as time or channels: axes TYX and CYX are taken as focus planes when the settings
    state dz or z, and are refused otherwise. Axes C or Z of length one are dropped.

    Parameters
    ----------
    image : Image
        Intensities with axes ZYX, or TZYX over time; any number type.
    settings : TieSettings
        What the file does not state, and what shall replace it.

    Yields
    ------
    Progress
        Before the first frame and after each one.

    Returns
    -------
    Image
        Phase in float32 radians with axes YX or TYX; ``settings["tie"]`` holds the settings with the numbers used in
        place of None and ``"auto"``. The regularisation is chosen on the first frame and kept for all, so that frames
        can be compared. ``dz_um`` stays None where planes are unevenly spaced.

    Raises
    ------
    InputError
        Naming the image, for one plane only, axes that hold no focus planes, phase instead of intensity, planes under
        16 px, constant or equal planes, NaN, no pixel size or dz anywhere, dz not above 0, heights that are not
        one for each plane and rising, a plane in focus that is not there, or a wavelength that looks like nanometres.
    """
    planes = prepare_planes(image, settings)
    total = len(planes.tzyx_stack)
    yield Progress(0, total, f"retrieving the phase of {image.name}")

    regularisation = planes.settings.regularisation
    if regularisation == "auto":
        zyx_first = equalise_sums(planes.tzyx_stack[0], planes.focus_index)
        regularisation = choose_regularisation(axial_derivative(zyx_first, planes.z_um, planes.focus_index))
    frames = []
    for index, zyx_stack in enumerate(planes.tzyx_stack):
        yx_phase_rad = phase_from_stack(
            zyx_stack,
            planes.z_um,
            wavelength_um=planes.wavelength_um,
            pixel_size_um=planes.pixel_size_um,
            focus_index=planes.focus_index,
            regularisation=regularisation,
        )
        frames.append(yx_phase_rad)
        yield Progress(index + 1, total, f"retrieved the phase of frame {index + 1} of {total}")

    used = planes.settings.model_copy(update={"regularisation": regularisation})
    return Image(
        data=np.stack(frames) if planes.is_time_lapse else frames[0],
        axes="TYX" if planes.is_time_lapse else "YX",
        pixel_size_um=planes.pixel_size_um,
        time_step_s=image.time_step_s if planes.is_time_lapse else None,
        origin_yx_um=image.origin_yx_um,
        quantity="phase",
        wavelength_um=planes.wavelength_um,
        name=f"{image.name} phase",
        settings={**image.settings, "tie": used.model_dump(mode="json")},
    )
