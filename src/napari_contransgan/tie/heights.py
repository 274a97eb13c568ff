"""Heights of the planes: stated by the user, or by the file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_contransgan.config import TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image

USUAL_STEP_UM = (0.01, 100.0)


@dataclass(frozen=True)
class Heights:
    """Heights of the planes.

    Parameters
    ----------
    rising_um : tuple of float
        Height of each plane, rising.
    step_um : float or None
        Their distance, where it is even.
    notes : tuple of str
        What is doubtful about them.
    """

    rising_um: tuple[float, ...]
    step_um: float | None
    notes: tuple[str, ...]


def heights_of(image: Image, settings: TieSettings, count: int, focus_index: int) -> Heights:
    """Settle the heights of `count` planes: the settings', else the file's, turned round where they fall.

    Raises
    ------
    InputError
        Naming the image, if nobody states them or they cannot be right.
    """
    name, file_um = image.name, image.z_um
    notes = []
    if settings.z_um is not None:
        rising_um, step_um = _checked(name, settings.z_um, settings.dz_um, count)
    elif settings.dz_um is None and file_um is not None:
        rising_um, step_um = _from_file(name, file_um, count)
    else:
        step_um = settings.dz_um if settings.dz_um is not None else image.z_step_um
        if step_um is None:
            raise InputError("no distance of the planes in the file and none given: state dz in um", source=name)
        if not 0 < step_um < np.inf:
            advice = "give it positive, and flip z if the planes are in order of falling z"
            advice = advice if step_um < 0 else "state a distance above 0"
            raise InputError(
                f"planes cannot be dz = {step_um:g} um apart: {advice}",
                source=name,
                hint="flip_z" if step_um < 0 else None,
            )
        rising_um = tuple((index - focus_index) * step_um for index in range(count))
    if file_um is not None and not _alike(rising_um, file_um):
        notes.append(f"The stated heights were used, and not those in the file, {listed(file_um)} um.")
    smallest_um, largest_um = min(np.diff(rising_um)), max(np.diff(rising_um))
    for odd_um in (smallest_um, largest_um):
        if not USUAL_STEP_UM[0] <= odd_um <= USUAL_STEP_UM[1]:
            low, high = USUAL_STEP_UM
            notes.append(
                f"Two planes are {odd_um:.3g} um apart, and {low:g} to {high:g} um is usual: "
                "check the distance of the planes and its unit."
            )
            break
    return Heights(rising_um, step_um, tuple(notes))


def file_says_falling(image: Image) -> bool:
    """Return whether the file has its planes in order of falling z."""
    return image.z_falls or (image.z_um is not None and len(image.z_um) > 1 and image.z_um[-1] < image.z_um[0])


def stated_distance(image: Image) -> str:
    """Describe the heights that a file without a Z axis states; empty if it states none."""
    if image.z_um is not None:
        return f"heights of {listed(image.z_um)} um"
    return f"planes {image.z_step_um:g} um apart" if image.z_step_um is not None else ""


def listed(z_um: Sequence[float]) -> str:
    """Write heights one after the other, long lists only from both ends."""
    texts = [f"{z:.6g}" for z in z_um]
    return ", ".join(texts if len(texts) <= 8 else [*texts[:4], "...", *texts[-2:]])


def _alike(rising_um: Sequence[float], file_um: Sequence[float]) -> bool:
    """Return whether two lists of heights have the same distances, in either order of the file's."""
    return len(rising_um) == len(file_um) and bool(
        np.allclose(np.diff(rising_um), np.abs(np.diff(file_um)), rtol=1e-4, atol=1e-9)
    )


def _from_file(name: str, file_um: Sequence[float], count: int) -> tuple[tuple[float, ...], float | None]:
    if len(file_um) != count:
        raise InputError(
            f"the file states {len(file_um)} heights for {count} planes: state the distance dz or the heights z",
            source=name,
        )
    steps_um = np.diff(file_um)
    if not (np.all(np.isfinite(file_um)) and (np.all(steps_um > 0) or np.all(steps_um < 0))):
        raise InputError(
            f"the heights in the file, {listed(file_um)} um, neither rise nor fall from plane to plane: "
            "sort the planes, or state the heights z",
            source=name,
        )
    sign = 1.0 if steps_um[0] > 0 else -1.0
    return _checked(name, [sign * z for z in file_um], None, count)


def _checked(
    name: str, z_um: Sequence[float], dz_um: float | None, count: int
) -> tuple[tuple[float, ...], float | None]:
    if len(z_um) != count:
        raise InputError(f"{len(z_um)} heights z given for {count} planes: give one for each plane", source=name)
    steps_um = np.diff(z_um)
    if not np.all(np.isfinite(z_um)):
        raise InputError("the heights z must be finite numbers in um", source=name)
    if np.all(steps_um < 0):
        raise InputError(
            "the heights z fall: give them rising (each with the opposite sign) and flip z", source=name, hint="flip_z"
        )
    if not np.all(steps_um > 0):
        raise InputError("the heights z must rise from plane to plane without repeats: sort the planes", source=name)
    even = bool(np.allclose(steps_um, steps_um.mean(), rtol=1e-6))
    if dz_um is not None and not (even and np.isclose(dz_um, steps_um.mean(), rtol=1e-6)):
        raise InputError(f"dz = {dz_um:g} um contradicts the heights z: give one of the two", source=name)
    return tuple(float(z) for z in z_um), float(steps_um.mean()) if even else None
