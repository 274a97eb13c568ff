"""From an image and settings to focus planes that the solver may trust."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.counts import LUMINANCE_NOTE, dark_source_note, stated_dark
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image, to_luminance
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM, check_pixel_size, check_wavelength
from napari_contransgan.tie.flat_field import FlatField, light_of_flat
from napari_contransgan.tie.focus_choice import FocusChoice, default_focus_index, searched_focus, stated_focus
from napari_contransgan.tie.heights import file_says_falling, heights_of, stated_distance
from napari_contransgan.tie.lit_area import SMALLEST_SIDE_PX
from napari_contransgan.tie.preparation import Preparation
from napari_contransgan.tie.transfer import Aperture

LARGEST_COHERENCE = 0.9
"""Of a weak object, no phase is left in the images at S = 1, whatever the defocus, since rays from opposite sides of
the condenser cancel. On simulated cells the slope of the phase is 0.89 at S = 0.91, 1.09 at 0.95 and 2.5 at 0.99, with
an uncertainty that is too small by 2 to 10 times."""


@dataclass(frozen=True)
class Planes:
    """Checked focus planes.

    Parameters
    ----------
    tzyx_stack : (T, Z, Y, X) array
        Intensities as recorded, in memory or read when asked for; see `read_frame`.
    z_um : tuple of float
        Height of each plane along the light's path, in the order of the planes.
    focus : FocusChoice
        Plane in focus.
    pixel_size_um : float
        Lateral pixel size.
    wavelength_um : float
        Vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser, where both are known.
    preparation : Preparation
        Corrections made before the phase is retrieved.
    is_time_lapse : bool
        Whether the T axis was in the image.
    settings : TieSettings
        The settings with the numbers that are used in place of None.
    falls : bool
        Whether the file has its planes in order of falling z.
    notes : tuple of str
        What the user should know of the whole image.
    frames : dict
        Frames that were read already, until `read_frame` takes them.
    """

    tzyx_stack: NDArray[Any]
    z_um: tuple[float, ...]
    focus: FocusChoice
    pixel_size_um: float
    wavelength_um: float
    aperture: Aperture | None
    preparation: Preparation
    is_time_lapse: bool
    settings: TieSettings
    falls: bool = False
    notes: tuple[str, ...] = ()
    frames: dict[int, NDArray[Any]] = field(default_factory=dict)


def prepare_planes(image: Image, settings: TieSettings) -> Planes:
    """Check everything that the retrieval relies on and settle what was left open.

    Raises
    ------
    InputError
        Naming the image, what is wrong and what to do; see `napari_contransgan.tie.retrieve_phase`.
    """
    name = image.name
    if image.quantity != "intensity":
        raise InputError(f"holds {image.quantity} already: give the through-focus intensities", source=name)
    wavelength_um = settings.wavelength_um if settings.wavelength_um is not None else image.wavelength_um
    wavelength_um = check_wavelength(DEFAULT_WAVELENGTH_UM if wavelength_um is None else wavelength_um)
    image, was_rgb = to_luminance(image)
    tzyx_stack, is_time_lapse = _focus_planes(image, settings)
    count, height, width = tzyx_stack.shape[1:]
    if min(height, width) < SMALLEST_SIDE_PX:
        raise InputError(
            f"planes of {height} x {width} px are too small for TIE: give at least {SMALLEST_SIDE_PX} px a side",
            source=name,
        )

    stated_pixel_um = settings.pixel_size_um if settings.pixel_size_um is not None else image.pixel_size_um
    pixel_size_um = check_pixel_size(stated_pixel_um, name)
    if settings.focus_index is not None and not 0 <= settings.focus_index < count:
        raise InputError(
            f"there is no plane {settings.focus_index}: the plane in focus is one of 0 to {count - 1}", source=name
        )
    if not (settings.regularisation == "auto" or 0 <= settings.regularisation < np.inf):
        raise InputError(
            f"the regularisation must be 'auto' or a number from 0: not {settings.regularisation}", source=name
        )

    usual = default_focus_index(count) if settings.focus_index is None else settings.focus_index
    heights = heights_of(image, settings, count, usual)
    aperture = _aperture(image, settings)
    dark = stated_dark(settings.dark, image)
    preparation = _preparation(settings, dark, (height, width))
    frames: dict[int, NDArray[Any]] = {}

    def read(index: int) -> NDArray[Any]:
        frames[index] = np.asarray(tzyx_stack[index])
        return frames[index]

    if settings.focus_index is not None:
        focus = stated_focus(settings.focus_index)
    else:
        focus = searched_focus(
            read,
            len(tzyx_stack),
            heights.rising_um,
            name=name,
            dark=dark,
            pixel_size_um=pixel_size_um,
            wavelength_um=wavelength_um,
            aperture=aperture,
            drift=settings.drift,
        )
    if focus.index != usual:
        heights = heights_of(image, settings, count, focus.index)
    resolved = settings.model_copy(
        update={
            "wavelength_um": wavelength_um,
            "z_um": heights.rising_um,
            "dz_um": heights.step_um,
            "pixel_size_um": pixel_size_um,
            "focus_index": None if focus.is_halfway else focus.index,
            "numerical_aperture": None if aperture is None else aperture.numerical_aperture,
            "coherence": None if aperture is None else aperture.coherence,
            "dark": settings.dark if isinstance(settings.dark, Path) else dark,
        }
    )
    return Planes(
        tzyx_stack=tzyx_stack,
        z_um=tuple(-z if settings.flip_z else z for z in heights.rising_um),
        focus=focus,
        pixel_size_um=pixel_size_um,
        wavelength_um=wavelength_um,
        aperture=aperture,
        preparation=preparation,
        is_time_lapse=is_time_lapse,
        settings=resolved,
        falls=file_says_falling(image),
        notes=(
            *image.notes,
            *([LUMINANCE_NOTE] if was_rgb else []),
            *dark_source_note(settings.dark, image),
            *heights.notes,
            *focus.notes,
        ),
        frames=frames,
    )


def read_frame(planes: Planes, index: int) -> NDArray[Any]:
    """Read one time point's planes.

    Raises
    ------
    InputError
        If the file is damaged or was changed since it was opened.
    """
    frame = planes.frames.pop(index, None)
    return np.asarray(planes.tzyx_stack[index]) if frame is None else frame


def _aperture(image: Image, settings: TieSettings) -> Aperture | None:
    """Return objective and condenser; None unless both are known and the NA is below 1.

    Raises
    ------
    InputError
        If the condenser is so wide open that the images hardly contain phase.
    """
    aperture = settings.numerical_aperture if settings.numerical_aperture is not None else image.numerical_aperture
    coherence = settings.coherence if settings.coherence is not None else image.coherence
    if aperture is None or coherence is None or aperture >= 1:
        return None
    if coherence > LARGEST_COHERENCE:
        raise InputError(
            f"the condenser was open almost as wide as the objective or wider (S = {coherence:g}), and such images "
            f"hardly contain phase: close its diaphragm to an S of at most {LARGEST_COHERENCE:g}, best 0.3 to 0.6, and "
            f"take the stack again; if S was smaller, state it",
            source=image.name,
        )
    return Aperture(aperture, coherence)


def _preparation(settings: TieSettings, dark: float | NDArray[np.float32], shape_yx: tuple[int, int]) -> Preparation:
    flat_field: FlatField = None
    if isinstance(settings.flat_field, Path):
        picture = read_image(settings.flat_field)
        if picture.axes != "YX":
            raise InputError(f"axes {picture.axes} are no flat field: give one YX picture", source=settings.flat_field)
        flat_field = picture.data
        light_of_flat(flat_field, dark, shape_yx)  # here, and not frame by frame
    elif settings.flat_field == "estimate":
        flat_field = "estimate"
    return Preparation(
        dark=dark,
        dead_pixels=settings.dead_pixels,
        saturation=settings.saturation,
        flat_field=flat_field,
        drift=settings.drift,
        magnification=settings.magnification,
        light=settings.light_correction,
        equal_sums=settings.equal_sums,
    )


def _focus_planes(image: Image, settings: TieSettings) -> tuple[NDArray[Any], bool]:
    """Return the pixels with axes TZYX, or raise with the reason why that is impossible."""
    if image.data.ndim != len(image.axes):
        raise InputError(f"axes {image.axes} do not fit {image.data.ndim}-dimensional pixels", source=image.name)
    image = _without_single(_without_single(image, "C"), "Z")
    axes = image.axes
    if axes == "YX":
        raise InputError("one plane given to TIE: it needs at least two planes at different focus", source=image.name)
    if axes in {"TYX", "CYX"}:
        if settings.dz_um is None and settings.z_um is None:
            stated = stated_distance(image)
            evidence = f", although the file states {stated}" if stated else ""
            raise InputError(
                f"axes {axes} hold no focus axis Z{evidence}: if axis {axes[0]} counts focus planes, "
                "state their distance dz or heights z in um",
                source=image.name,
            )
        axes = "ZYX"
    if axes not in {"ZYX", "TZYX"}:
        raise InputError(
            f"axes {axes} cannot be read as focus planes: give one channel as ZYX, or TZYX over time", source=image.name
        )
    tzyx_stack = image.data if axes == "TZYX" else image.data[None]
    if tzyx_stack.shape[1] < 2:
        raise InputError("one plane given to TIE: it needs at least two planes at different focus", source=image.name)
    return tzyx_stack, axes == "TZYX"


def _without_single(image: Image, axis: str) -> Image:
    """Drop an axis of length one."""
    position = image.axes.find(axis)
    if position < 0 or image.data.shape[position] != 1:
        return image
    return replace(image, data=image.data[(slice(None),) * position + (0,)], axes=image.axes.replace(axis, ""))
