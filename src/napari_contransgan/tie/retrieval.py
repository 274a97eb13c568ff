"""From a through-focus image to its phase, frame by frame, with its uncertainty and a report."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieMethod, TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.events import Progress
from napari_contransgan.io import Image
from napari_contransgan.optics import check_pixel_size, check_wavelength
from napari_contransgan.tie.derivative import axial_derivative
from napari_contransgan.tie.direction import NOTES, check_direction
from napari_contransgan.tie.focus_data import FocusData, Solution, SpecimenSign
from napari_contransgan.tie.planes import Planes, checked_frame, prepare_planes
from napari_contransgan.tie.preparation import Preparation, prepare
from napari_contransgan.tie.solvers import SOLVERS
from napari_contransgan.tie.transfer import Aperture

FEW_EMPTY = 0.05


@dataclass(frozen=True)
class TieFrame(Progress):
    """One finished frame.

    Parameters
    ----------
    phase : Image
        YX, float32 radians; ``settings["tie"]`` holds the settings with the numbers used in place of None and
        ``"auto"``, ``settings["tie_report"]`` what each step found.
    uncertainty : Image
        YX, standard deviation in radians.
    notes : tuple of str
        What the user should know, in plain words.
    """

    phase: Image
    uncertainty: Image
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TieResult:
    """Phase of all frames; see `TieFrame`, whose axes are YX, or TYX over time, here."""

    phase: Image
    uncertainty: Image
    notes: tuple[str, ...]


def phase_from_stack(
    zyx_stack: NDArray[np.number],
    z_um: Sequence[float],
    *,
    wavelength_um: float,
    pixel_size_um: float,
    focus_index: int,
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
        Phase and uncertainty in radians; the phase is positive where the specimen delays light. Its figures also hold
        those of the preparation, and ``direction``, see `napari_contransgan.tie.direction.check_direction`.

    Raises
    ------
    InputError
        If there are fewer than two planes, heights that do not fit them or repeat, no light in a plane, values
        that are not finite, planes that do not show the same field, no such method, or an impossible wavelength or
        pixel size.
    """
    zyx = np.asarray(zyx_stack)
    if zyx.ndim != 3 or len(zyx) < 2:
        raise InputError("TIE needs at least two planes at different focus, stacked as (Z, Y, X)")
    if len(z_um) != len(zyx) or len(set(z_um)) != len(zyx):
        raise InputError(f"heights z {tuple(z_um)} do not fit {len(zyx)} planes: give a different one for each")
    if not 0 <= focus_index < len(zyx):
        raise InputError(f"there is no plane {focus_index}: the plane in focus is one of 0 to {len(zyx) - 1}")
    if zyx.dtype.kind == "f" and not np.all(np.isfinite(zyx)):
        raise InputError("the planes hold NaN or infinite values: replace them first")
    if method not in SOLVERS:
        raise InputError(f"there is no method {method!r}: give one of {', '.join(SOLVERS)}")
    check_wavelength(wavelength_um)
    check_pixel_size(pixel_size_um, "the stack")

    prepared = prepare(zyx, focus_index, preparation or Preparation())
    heights_um = tuple(z - z_um[focus_index] for z in z_um)
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
    )
    solution = SOLVERS[method].solve(data, regularisation)
    figures = {**prepared.figures, "degrees": list(derivative.degrees), **solution.figures}
    figures["median_std_rad"] = float(np.median(solution.yx_std_rad[::4, ::4]))
    figures["direction"] = check_direction(solution.yx_phase_rad, figures, figures["median_std_rad"])
    return replace(solution, figures=figures)


def retrieve_frames(image: Image, settings: TieSettings) -> Generator[Progress, None, None]:
    """Phase of a through-focus image, one frame at a time: nothing but the frame at hand is held.

    z grows along the light's path; planes stand in order of rising z unless `TieSettings.flip_z` says otherwise, which
    turns the sign of every height and so of the phase. Indices of planes count as the planes stand in the image. In
    focus is, unless stated, the first of two planes, else the middle one (of an even number, the lower index).

    Many files label focus planes as time or channels: axes TYX and CYX are taken as focus planes when the settings
    state dz or z, and are refused otherwise. Axes C or Z of length one are dropped.

    Parameters
    ----------
    image : Image
        Intensities with axes ZYX, or TZYX over time; any number type. Pixels that are read lazily are read when their
        turn comes.
    settings : TieSettings
        What the file does not state, and what shall replace it.

    Yields
    ------
    Progress
        Before the first frame; then a `TieFrame` for each. Regularisation and the specimen's sign are chosen on the
        first frame and kept for all, so that frames can be compared. ``dz_um`` stays None where planes are unevenly
        spaced.

    Raises
    ------
    InputError
        Naming the image, for one plane only, axes that hold no focus planes, phase instead of intensity, planes under
        16 px, constant or equal planes, NaN, no pixel size or dz anywhere, dz not above 0, heights that are not
        one for each plane and rising, a plane in focus that is not there, planes that do not show the same field, a
        flat field that does not fit, or a wavelength that looks like nanometres.
    """
    planes = prepare_planes(image, settings)
    total = len(planes.tzyx_stack)
    yield Progress(0, total, f"retrieving the phase of {image.name}")
    regularisation, sign = planes.settings.regularisation, planes.settings.specimen_sign
    for index in range(total):
        try:
            solution = phase_from_stack(
                checked_frame(planes, index, image.name),
                planes.z_um,
                wavelength_um=planes.wavelength_um,
                pixel_size_um=planes.pixel_size_um,
                focus_index=planes.focus_index,
                method=planes.settings.method,
                regularisation=regularisation,
                aperture=planes.aperture,
                preparation=planes.preparation,
                specimen_sign=sign,
            )
        except InputError as error:
            where = f"{image.name}: frame {index + 1} of {total}" if total > 1 else image.name
            raise InputError(f"{where}: {str(error).removeprefix(f'{image.name}: ')}") from error
        frame = _frame(planes, image, solution, index, total, sign)
        regularisation = solution.regularisation
        if sign == "auto" and solution.figures.get("specimen_sign"):
            sign = "positive" if solution.figures["specimen_sign"] > 0 else "negative"
        yield frame


def retrieve_phase(image: Image, settings: TieSettings) -> Generator[Progress, None, TieResult]:
    """Phase of a through-focus image, all frames together; see `retrieve_frames`.

    Yields
    ------
    Progress
        Before the first frame and after each one.

    Returns
    -------
    TieResult
        Report and notes are those of the first frame.
    """
    frames: list[TieFrame] = []
    for event in retrieve_frames(image, settings):
        if isinstance(event, TieFrame):
            frames.append(event)
        yield Progress(event.step, event.total, event.message)
    first = frames[0]
    if "T" not in first.phase.settings["tie_report"]["axes"]:
        return TieResult(first.phase, first.uncertainty, first.notes)
    phase = np.stack([frame.phase.data for frame in frames])
    uncertainty = np.stack([frame.uncertainty.data for frame in frames])
    return TieResult(
        over_time(first.phase, phase, image), over_time(first.uncertainty, uncertainty, image), first.notes
    )


def over_time(frame: Image, tyx_values: NDArray[np.floating], image: Image) -> Image:
    """Make an image over time of values that belong to `frame`, with the time step of the stack they came from."""
    return replace(frame, data=tyx_values, axes="TYX", time_step_s=image.time_step_s)


def _frame(planes: Planes, image: Image, solution: Solution, index: int, total: int, sign: SpecimenSign) -> TieFrame:
    used = planes.settings.model_copy(update={"regularisation": solution.regularisation})
    report: dict[str, Any] = {"axes": "TYX" if planes.is_time_lapse else "YX", **solution.figures}
    phase = Image(
        data=solution.yx_phase_rad,
        axes="YX",
        pixel_size_um=planes.pixel_size_um,
        origin_yx_um=image.origin_yx_um,
        quantity="phase",
        wavelength_um=planes.wavelength_um,
        name=f"{image.name} phase",
        settings={**image.settings, "tie": used.model_dump(mode="json"), "tie_report": report},
    )
    uncertainty = replace(
        phase, data=np.ascontiguousarray(solution.yx_std_rad), quantity="phase-std", name=f"{phase.name} uncertainty"
    )
    message = f"retrieved the phase of frame {index + 1} of {total}"
    return TieFrame(index + 1, total, message, phase, uncertainty, _notes(planes, image, solution.figures, sign))


def _notes(planes: Planes, image: Image, figures: dict[str, Any], sign: SpecimenSign) -> tuple[str, ...]:
    """What the user should know of a result for which the specimen had this sign."""
    notes = []
    direction = figures["direction"]
    if direction in NOTES and (sign == "auto" or (direction, sign) == ("contradicts", "positive")):
        notes.append(NOTES[direction])
    if image.z_falls and not planes.settings.flip_z:
        notes.append("The file says that its planes stand in order of falling z: flip z (--flip-z).")
    if figures.get("empty_share", 1.0) < FEW_EMPTY:
        notes.append(
            "Hardly any empty background was found, so the zero of the phase and its slow changes are uncertain: "
            "look at the uncertainty map."
        )
    drift = max((abs(value) for shift in figures.get("drift_yx_px", []) for value in shift), default=0.0)
    if drift > 1.0:
        notes.append(f"The planes had drifted by up to {drift:.1f} px, which was undone.")
    if figures.get("saturated_pixels"):
        notes.append(f"{figures['saturated_pixels']} pixels are saturated and only roughly known: expose less.")
    return tuple(notes)
