"""From an image and settings to focus planes that the solver may trust."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels, read_image
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM, check_pixel_size, check_wavelength
from napari_contransgan.tie.preparation import Preparation
from napari_contransgan.tie.transfer import Aperture

SMALLEST_SIDE_PX = 16


@dataclass(frozen=True)
class Planes:
    """Checked focus planes.

    Parameters
    ----------
    tzyx_stack : (T, Z, Y, X) array
        Intensities as recorded, in memory or read when asked for; see `checked_frame`.
    z_um : tuple of float
        Height of each plane along the light's path, in the order of the planes.
    focus_index : int
        Plane in focus.
    pixel_size_um : float
        Lateral pixel size.
    wavelength_um : float
        Vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser, where both are known.
    preparation : Preparation
        What is put right before the phase is retrieved.
    is_time_lapse : bool
        Whether the T axis was in the image.
    settings : TieSettings
        The settings with the numbers that are used in place of None.
    """

    tzyx_stack: NDArray[Any]
    z_um: tuple[float, ...]
    focus_index: int
    pixel_size_um: float
    wavelength_um: float
    aperture: Aperture | None
    preparation: Preparation
    is_time_lapse: bool
    settings: TieSettings


def default_focus_index(count: int) -> int:
    """Plane in focus where none is stated: the first of two, else the middle one (of an even number, the lower)."""
    return 0 if count == 2 else (count - 1) // 2


def prepare_planes(image: Image, settings: TieSettings) -> Planes:
    """Check everything that the retrieval relies on and settle what was left open.

    Raises
    ------
    InputError
        Naming the image, what is wrong and what to do; see `napari_contransgan.tie.retrieve_phase`.
    """
    name = image.name
    if image.quantity != "intensity":
        raise InputError(f"{name}: holds {image.quantity} already: give the through-focus intensities")
    wavelength_um = settings.wavelength_um if settings.wavelength_um is not None else image.wavelength_um
    wavelength_um = check_wavelength(DEFAULT_WAVELENGTH_UM if wavelength_um is None else wavelength_um)
    tzyx_stack, is_time_lapse = _focus_planes(image, settings)
    count, height, width = tzyx_stack.shape[1:]
    if min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(
            f"{name}: planes of {height} x {width} px are too small for TIE: give at least {SMALLEST_SIDE_PX} px a side"
        )

    stated_pixel_um = settings.pixel_size_um if settings.pixel_size_um is not None else image.pixel_size_um
    pixel_size_um = check_pixel_size(stated_pixel_um, name)
    focus_index = default_focus_index(count) if settings.focus_index is None else settings.focus_index
    if not 0 <= focus_index < count:
        raise InputError(f"{name}: there is no plane {focus_index}: the plane in focus is one of 0 to {count - 1}")
    if not (settings.regularisation == "auto" or 0 <= settings.regularisation < np.inf):
        raise InputError(f"{name}: the regularisation must be 'auto' or a number from 0: not {settings.regularisation}")

    rising_z_um, dz_um = _heights(image, settings, count, focus_index)
    aperture = _aperture(image, settings)
    resolved = settings.model_copy(
        update={
            "wavelength_um": wavelength_um,
            "z_um": rising_z_um,
            "dz_um": dz_um,
            "pixel_size_um": pixel_size_um,
            "focus_index": focus_index,
            "numerical_aperture": None if aperture is None else aperture.numerical_aperture,
            "coherence": None if aperture is None else aperture.coherence,
        }
    )
    return Planes(
        tzyx_stack=tzyx_stack,
        z_um=tuple(-z if settings.flip_z else z for z in rising_z_um),
        focus_index=focus_index,
        pixel_size_um=pixel_size_um,
        wavelength_um=wavelength_um,
        aperture=aperture,
        preparation=_preparation(settings),
        is_time_lapse=is_time_lapse,
        settings=resolved,
    )


def checked_frame(planes: Planes, index: int, name: str) -> NDArray[Any]:
    """Read one time point's planes, and refuse what no phase can come from.

    Raises
    ------
    InputError
        For NaN, blank, constant or equal planes.
    """
    zyx_stack = np.asarray(planes.tzyx_stack[index])
    check_pixels(Image(zyx_stack, "ZYX", name=name))
    _check_planes(zyx_stack, planes.focus_index, name)
    return zyx_stack


def _aperture(image: Image, settings: TieSettings) -> Aperture | None:
    """Objective and condenser; a single one of the two numbers tells nothing."""
    aperture = settings.numerical_aperture if settings.numerical_aperture is not None else image.numerical_aperture
    coherence = settings.coherence if settings.coherence is not None else image.coherence
    if aperture is None or coherence is None or aperture >= 1:
        return None
    return Aperture(aperture, coherence)


def _preparation(settings: TieSettings) -> Preparation:
    flat_field: NDArray[np.floating] | Literal["estimate"] | None = None
    if isinstance(settings.flat_field, Path):
        picture = read_image(settings.flat_field)
        if picture.axes != "YX":
            raise InputError(f"{settings.flat_field}: axes {picture.axes} are no flat field: give one YX picture")
        flat_field = picture.data
    elif settings.flat_field == "estimate":
        flat_field = "estimate"
    return Preparation(
        dead_pixels=settings.dead_pixels,
        saturation=settings.saturation,
        flat_field=flat_field,
        drift=settings.drift,
        magnification=settings.magnification,
        equal_sums=settings.equal_sums,
    )


def _focus_planes(image: Image, settings: TieSettings) -> tuple[NDArray[Any], bool]:
    """Bring the image's axes to TZYX, or say why that cannot be done."""
    if image.data.ndim != len(image.axes):
        raise InputError(f"{image.name}: axes {image.axes} do not fit {image.data.ndim}-dimensional pixels")
    image = _without_single(_without_single(image, "C"), "Z")
    axes = image.axes
    if axes == "YX":
        raise InputError(f"{image.name}: one plane given to TIE: it needs at least two planes at different focus")
    if axes in {"TYX", "CYX"}:
        if settings.dz_um is None and settings.z_um is None:
            raise InputError(
                f"{image.name}: axes {axes} hold no focus axis Z: if axis {axes[0]} counts focus planes, "
                "state their distance dz or heights z in um"
            )
        axes = "ZYX"
    if axes not in {"ZYX", "TZYX"}:
        raise InputError(
            f"{image.name}: axes {axes} cannot be read as focus planes: give one channel as ZYX, or TZYX over time"
        )
    tzyx_stack = image.data if axes == "TZYX" else image.data[None]
    if tzyx_stack.shape[1] < 2:
        raise InputError(f"{image.name}: one plane given to TIE: it needs at least two planes at different focus")
    return tzyx_stack, axes == "TZYX"


def _without_single(image: Image, axis: str) -> Image:
    """Drop an axis of length one."""
    position = image.axes.find(axis)
    if position < 0 or image.data.shape[position] != 1:
        return image
    return replace(image, data=image.data[(slice(None),) * position + (0,)], axes=image.axes.replace(axis, ""))


def _check_planes(zyx_stack: NDArray[Any], focus_index: int, name: str) -> None:
    """Refuse blank and doubled planes. In focus, a clean phase object may well look constant."""
    if all(np.array_equal(zyx_stack[0], yx_plane) for yx_plane in zyx_stack[1:]):
        raise InputError(f"{name}: all planes are the same image: TIE needs planes at different focus")
    for index, yx_plane in enumerate(zyx_stack):
        if yx_plane.mean() <= 0:
            raise InputError(f"{name}: plane {index} carries no light: give intensities as the camera recorded them")
        if index != focus_index and yx_plane.min() == yx_plane.max():
            raise InputError(
                f"{name}: plane {index} is constant ({yx_plane.min():g}): take it out of the stack and "
                "give the heights z of the others"
            )


def _heights(
    image: Image, settings: TieSettings, count: int, focus_index: int
) -> tuple[tuple[float, ...], float | None]:
    """Rising heights of the planes, and their distance where it is even."""
    name = image.name
    if settings.z_um is not None:
        return _checked_heights(name, settings.z_um, settings.dz_um, count)
    dz_um = settings.dz_um if settings.dz_um is not None else image.z_step_um
    if dz_um is None:
        raise InputError(f"{name}: no distance of the planes in the file and none given: state dz in um")
    if not 0 < dz_um < np.inf:
        hint = ": give it positive and switch flip-z on for planes in order of falling z" if dz_um < 0 else ""
        raise InputError(f"{name}: planes cannot be dz = {dz_um:g} um apart{hint or ': state a distance above 0'}")
    return tuple((index - focus_index) * dz_um for index in range(count)), dz_um


def _checked_heights(
    name: str, z_um: Sequence[float], dz_um: float | None, count: int
) -> tuple[tuple[float, ...], float | None]:
    if len(z_um) != count:
        raise InputError(f"{name}: {len(z_um)} heights z given for {count} planes: give one for each plane")
    steps_um = np.diff(z_um)
    if not np.all(np.isfinite(z_um)):
        raise InputError(f"{name}: the heights z must be finite numbers in um")
    if np.all(steps_um < 0):
        raise InputError(
            f"{name}: the heights z fall: give them rising (each with the opposite sign) and switch flip-z on"
        )
    if not np.all(steps_um > 0):
        raise InputError(f"{name}: the heights z must rise from plane to plane without repeats: sort the planes")
    even = bool(np.allclose(steps_um, steps_um.mean(), rtol=1e-6))
    if dz_um is not None and not (even and np.isclose(dz_um, steps_um.mean(), rtol=1e-6)):
        raise InputError(f"{name}: dz = {dz_um:g} um contradicts the heights z: give one of the two")
    return tuple(float(z) for z in z_um), float(steps_um.mean()) if even else None
