"""The plane in focus that a retrieval uses: the stated one, the one found, or the usual one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.counts import take_dark
from napari_contransgan.errors import InputError
from napari_contransgan.tie.focus_search import FocusFound, find_focus
from napari_contransgan.tie.frame_checks import checked_frame
from napari_contransgan.tie.lit_area import lit_area, without_borders
from napari_contransgan.tie.transfer import Aperture

_MOST_FRAMES = 5
"""Unusable frames of a series, such as those without light, that are skipped."""

_HALFWAY = 2
_ROUNDING = 1 / np.sqrt(12)


@dataclass(frozen=True)
class FocusChoice:
    """The plane in focus.

    Parameters
    ----------
    index : int
        Index of the plane; 0 if the focus is halfway between two planes.
    is_halfway : bool
        Whether the focus is halfway between two planes.
    report : dict
        The choice as plain JSON values.
    notes : tuple of str
        What the user should know of it.
    """

    index: int
    is_halfway: bool
    report: dict[str, Any]
    notes: tuple[str, ...] = ()


def default_focus_index(count: int) -> int:
    """Return the usual plane in focus: the first of two, else the middle one (of an even number, the lower)."""
    return 0 if count == 2 else (count - 1) // 2


def stated_focus(index: int) -> FocusChoice:
    """Return the choice of a user."""
    return FocusChoice(index, False, {"plane": index, "from": "stated"})


def searched_focus(
    read: Callable[[int], NDArray[Any]],
    total: int,
    z_um: tuple[float, ...],
    *,
    name: str,
    dark: float | NDArray[np.float32],
    pixel_size_um: float,
    wavelength_um: float,
    aperture: Aperture | None,
    drift: bool,
) -> FocusChoice:
    """Search the focus in the first usable frame, and fall back to the usual plane where it cannot be found.

    Parameters
    ----------
    read : callable
        Return the (Z, Y, X) intensities of a frame, as recorded.
    total : int
        Number of frames.
    z_um : tuple of float
        Height of each plane, rising.
    name : str
        Name of the image, for errors.
    dark : float or (Y, X) ndarray
        Dark level.
    pixel_size_um, wavelength_um, aperture, drift
        As for `napari_contransgan.tie.focus_search.find_focus`.
    """
    usual = default_focus_index(len(z_um))
    found: FocusFound | None = None
    for index in range(min(total, _MOST_FRAMES)):
        try:
            frame = read(index)
            zyx = _lit_part(checked_frame(frame, usual, name, dark), usual, dark)
        except InputError:
            continue  # reported when its turn comes
        found = find_focus(
            zyx,
            z_um,
            pixel_size_um=pixel_size_um,
            wavelength_um=wavelength_um,
            aperture=aperture,
            drift=drift,
            least_noise=_ROUNDING if frame.dtype.kind in "ui" else 0.0,
        )
        break
    return _choice(found, usual, len(z_um))


def _choice(found: FocusFound | None, usual: int, count: int) -> FocusChoice:
    if found is None or not found.is_sure:
        report = {"plane": usual, "from": "usual"}
        if found is not None:
            report["chance"] = round(found.chances[usual], 3)
        what = "the first one" if count == 2 else "the middle one"
        note = (
            f"The planes do not show clearly which of them is in focus: plane {usual}, {what}, was used. If it is "
            "another, state the plane in focus."
        )
        return FocusChoice(usual, False, report, (note,))
    chance = {"from": "found", "chance": round(found.chance, 3)}
    if count == 2 and found.place == _HALFWAY:
        note = (
            f"Neither plane is in focus: the focus was found halfway between them ({found.chance:.0%} sure), and the "
            "phase is given there."
        )
        return FocusChoice(0, True, {"plane": "halfway", **chance}, (note,))
    notes = () if found.place == usual else (_found_note(found, usual, count),)
    return FocusChoice(found.place, False, {"plane": found.place, **chance}, notes)


def _found_note(found: FocusFound, usual: int, count: int) -> str:
    what = "the first one" if count == 2 else "the middle one"
    note = f"Plane {found.place} was found to be in focus ({found.chance:.0%} sure), and not plane {usual}, {what}."
    if count > 2 and found.place in (0, count - 1):
        note += " It is at the end of the stack, where the phase is less exact: record planes on both sides of focus."
    return note


def _lit_part(
    zyx_stack: NDArray[np.number], usual: int, dark: float | NDArray[np.float32]
) -> NDArray[np.float32] | NDArray[np.number]:
    """Return the light in the part of the frame that can be solved."""
    zyx_stack, missing = without_borders(zyx_stack)
    light = np.array(zyx_stack, np.float32)
    take_dark(light, dark)
    area = lit_area(light, missing, usual)
    return light if area is None else light[:, *area.window]
