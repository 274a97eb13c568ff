"""From a through-focus image to its phase, frame by frame, with its uncertainty and a report."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.counts import bright_level, other_light_note
from napari_contransgan.errors import Hint, InputError, UnusableFrameError
from napari_contransgan.io import Image
from napari_contransgan.notes import doubts_added, join_notes
from napari_contransgan.progress import Progress
from napari_contransgan.tie.focus_data import Solution, SpecimenSign
from napari_contransgan.tie.frame_checks import checked_frame
from napari_contransgan.tie.notes import hints_of, notes_of
from napari_contransgan.tie.planes import Planes, prepare_planes, read_frame
from napari_contransgan.tie.solving import phase_from_stack


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
    hints : tuple of Hint
        The settings that the notes ask the user to change.
    is_left_out : bool
        Whether nothing could be computed: the phase is 0 then, the uncertainty infinite, and the report that of the
        first frame with a phase.
    """

    phase: Image
    uncertainty: Image
    notes: tuple[str, ...]
    hints: tuple[Hint, ...] = ()
    is_left_out: bool = False


@dataclass(frozen=True)
class TieResult:
    """Phase of all frames; see `TieFrame`, whose axes are YX, or TYX over time, here."""

    phase: Image
    uncertainty: Image
    notes: tuple[str, ...]
    hints: tuple[Hint, ...] = ()


def retrieve_frames(image: Image, settings: TieSettings) -> Generator[Progress, None, None]:
    """Retrieve the phase of a through-focus image, one frame at a time, with only that frame in memory.

    z grows along the light's path; planes are in order of rising z unless `TieSettings.flip_z` says otherwise, which
    turns the sign of every height and so of the phase. Indices of planes count as the planes stand in the image. The
    plane in focus is searched unless it is stated, see `napari_contransgan.tie.focus_search`; where it cannot be found,
    it is the first of two planes, else the middle one (of an even number, the lower index).

    An RGB image is turned into its luminance. Many files label focus planes as time or channels: axes TYX and CYX are
    taken as focus planes when the settings state dz or z, and are refused otherwise. Axes C or Z of length one are
    dropped.

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
        first frame and kept for all, so that frames can be compared. Frames of a series from which nothing can be
        computed are left out, see `TieFrame`; those before the first good one come with it. ``dz_um`` stays None
        where planes are unevenly spaced.

    Raises
    ------
    InputError
        Naming the image, for one plane only, axes that hold no focus planes, phase instead of intensity, planes under
        16 px, planes of which no frame can be used (constant or equal ones, masks, NaN, different fields), no pixel
        size or dz anywhere, dz not above 0, heights that are not one for each plane and rising, a plane in focus that
        is not there, a flat field or a dark level that does not fit, or a wavelength that looks like nanometres.
    """
    with doubts_added(image.notes):
        planes = prepare_planes(image, settings)
    total = len(planes.tzyx_stack)
    yield Progress(0, total, f"retrieving the phase of {image.name}")
    kept = _Kept(planes.settings.regularisation, planes.settings.specimen_sign)
    waiting: list[tuple[int, InputError]] = []  # frames before the first with a phase
    for index in range(total):
        zyx_stack = read_frame(planes, index)
        frame: TieFrame | None = None
        try:
            frame = _retrieved(planes, image, zyx_stack, index, kept)
        except UnusableFrameError as error:
            waiting.append((index, error.named(image.name)))  # without the traceback, which holds pixels
        except InputError as error:
            raise _named(error, image.name, index, total) from error
        if kept.first is not None:
            for number, refusal in waiting:
                yield _left_out(kept.first, number, refusal.reason)
            waiting.clear()
        if frame is not None:
            yield frame
    if kept.first is None:
        raise _named(waiting[0][1], image.name, 0, total)


@dataclass
class _Kept:
    """What frames take over from those before."""

    regularisation: Literal["auto"] | float
    sign: SpecimenSign
    first: TieFrame | None = None  # without its pixels
    level: float = 0.0


def _retrieved(planes: Planes, image: Image, zyx_stack: NDArray[Any], index: int, kept: _Kept) -> TieFrame:
    solution = phase_from_stack(
        checked_frame(zyx_stack, planes.focus.index, image.name, planes.preparation.dark),
        planes.z_um,
        wavelength_um=planes.wavelength_um,
        pixel_size_um=planes.pixel_size_um,
        focus_index=planes.focus.index,
        is_focus_halfway=planes.focus.is_halfway,
        method=planes.settings.method,
        regularisation=kept.regularisation,
        aperture=planes.aperture,
        preparation=planes.preparation,
        specimen_sign=kept.sign,
    )
    frame = _frame(planes, image, solution, index, kept.sign)
    if planes.is_time_lapse:
        level = bright_level(zyx_stack[planes.focus.index]) - float(np.mean(planes.preparation.dark))
        kept.level = kept.level or level
        frame = replace(frame, notes=(*frame.notes, *other_light_note(level, kept.level)))
    if kept.first is None:
        nothing = np.broadcast_to(np.float32(0), frame.phase.data.shape)
        kept.first = replace(
            frame, phase=replace(frame.phase, data=nothing), uncertainty=replace(frame.uncertainty, data=nothing)
        )
    kept.regularisation = solution.regularisation
    if kept.sign == "auto" and solution.figures.get("specimen_sign"):
        kept.sign = "positive" if solution.figures["specimen_sign"] > 0 else "negative"
    return frame


def retrieve_phase(image: Image, settings: TieSettings) -> Generator[Progress, None, TieResult]:
    """Retrieve the phase of a through-focus image, all frames together; see `retrieve_frames`.

    Yields
    ------
    Progress
        Before the first frame and after each one.

    Returns
    -------
    TieResult
        The report is that of the first frame with a phase; the notes are those of all frames, see
        `napari_contransgan.notes.join_notes`.
    """
    frames: list[TieFrame] = []
    for event in retrieve_frames(image, settings):
        if isinstance(event, TieFrame):
            frames.append(event)
        yield Progress(event.step, event.total, event.message)
    first = next(frame for frame in frames if not frame.is_left_out)
    notes = join_notes([frame.notes for frame in frames], [frame.is_left_out for frame in frames])
    hints = tuple(dict.fromkeys(hint for frame in frames for hint in frame.hints))
    if "T" not in first.phase.settings["tie_report"]["axes"]:
        return TieResult(first.phase, first.uncertainty, notes, hints)
    phase = np.stack([frame.phase.data for frame in frames])
    uncertainty = np.stack([frame.uncertainty.data for frame in frames])
    return TieResult(
        over_time(first.phase, phase, image), over_time(first.uncertainty, uncertainty, image), notes, hints
    )


def over_time(frame: Image, tyx_values: NDArray[np.floating], image: Image) -> Image:
    """Make an image over time of values that belong to `frame`, with the time step of the stack they came from."""
    return replace(frame, data=tyx_values, axes="TYX", time_step_s=image.time_step_s)


def _frame(planes: Planes, image: Image, solution: Solution, index: int, sign: SpecimenSign) -> TieFrame:
    total = len(planes.tzyx_stack)
    used = planes.settings.model_copy(update={"regularisation": solution.regularisation})
    report: dict[str, Any] = {
        "axes": "TYX" if planes.is_time_lapse else "YX",
        "focus": planes.focus.report,
        **solution.figures,
    }
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
    notes = notes_of(planes, solution.figures, sign, float(np.ptp(solution.yx_phase_rad)))
    hints = hints_of(planes, solution.figures, sign)
    return TieFrame(index + 1, total, message, phase, uncertainty, notes, hints)


def _left_out(first: TieFrame, index: int, reason: str) -> TieFrame:
    """Stand in for a frame from which nothing can be computed."""
    settings = {**first.phase.settings, "tie_report": {**first.phase.settings["tie_report"], "left_out": reason}}
    shape = first.phase.data.shape
    return TieFrame(
        index + 1,
        first.total,
        f"left out frame {index + 1} of {first.total}",
        replace(first.phase, data=np.zeros(shape, np.float32), settings=settings),
        replace(first.uncertainty, data=np.full(shape, np.inf, np.float32), settings=settings),
        (f"Left out, since {reason}. The phase is 0 there and its uncertainty unbounded.",),
        is_left_out=True,
    )


def _named(error: InputError, name: str, index: int, total: int) -> InputError:
    named = error.named(name)
    if total == 1:
        return named
    return InputError(f"frame {index + 1} of {total}: {named.reason}", source=name, hint=named.hint)
