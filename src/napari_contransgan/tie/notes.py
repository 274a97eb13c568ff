"""What the user should know of a retrieved phase, in plain words."""

from typing import Any

from napari_contransgan.counts import clipped_note
from napari_contransgan.errors import Hint
from napari_contransgan.notes import share_text
from napari_contransgan.tie.direction import NOTES
from napari_contransgan.tie.focus_data import SpecimenSign
from napari_contransgan.tie.planes import Planes

FEW_EMPTY = 0.05
LARGEST_SPAN_RAD = 50.0
NOTED_LIGHT = 0.002


def notes_of(planes: Planes, figures: dict[str, Any], sign: SpecimenSign, span_rad: float) -> tuple[str, ...]:
    """Say what the user should know of a frame.

    Parameters
    ----------
    planes : Planes
        What it was retrieved from.
    figures : dict
        What the retrieval found.
    sign : SpecimenSign
        Sign of the specimen for which it was retrieved.
    span_rad : float
        From the smallest to the largest phase.
    """
    notes = list(planes.notes)
    if _is_direction_doubtful(figures, sign):
        notes.append(NOTES[figures["direction"]])
    if _file_contradicts(planes):
        notes.append("The file says that its planes stand in order of falling z: flip z.")
    if span_rad > LARGEST_SPAN_RAD:
        notes.append(
            f"The phase spans {span_rad:.0f} rad, more than {LARGEST_SPAN_RAD:.0f}: check the pixel size, the distance "
            "of the planes and the wavelength."
        )
    if figures.get("empty_share", 1.0) < FEW_EMPTY:
        notes.append(
            "Hardly any empty background was found, so the zero of the phase and its slow changes are uncertain: "
            "look at the uncertainty map."
        )
    drift = max((abs(value) for shift in figures.get("drift_yx_px", []) for value in shift), default=0.0)
    if drift > 1.0:
        notes.append(f"The planes had drifted by up to {drift:.1f} px, which was undone.")
    if figures.get("drift_at_border"):
        notes.append(
            "All structure is at the frame's border, where drift between the planes cannot be measured: the planes "
            "were not moved. If they had drifted, the phase there is wrong."
        )
    if figures.get("saturated_pixels"):
        notes.append(f"{figures['saturated_pixels']} pixels are saturated and only roughly known: expose less.")
    return (*notes, *_notes_on_light(figures))


def hints_of(planes: Planes, figures: dict[str, Any], sign: SpecimenSign) -> tuple[Hint, ...]:
    """Return the settings that the notes of a frame ask the user to change; the parameters are those of `notes_of`."""
    return ("flip_z",) if _is_direction_doubtful(figures, sign) or _file_contradicts(planes) else ()


def _is_direction_doubtful(figures: dict[str, Any], sign: SpecimenSign) -> bool:
    direction = figures["direction"]
    return direction in NOTES and (sign == "auto" or (direction, sign) == ("contradicts", "positive"))


def _file_contradicts(planes: Planes) -> bool:
    """Whether the file says that its planes are in order of falling z, and the settings do not."""
    return planes.falls and not planes.settings.flip_z


def _notes_on_light(figures: dict[str, Any]) -> list[str]:
    notes = []
    if figures.get("plateau_note"):
        notes.append(figures["plateau_note"])
    if "below_dark_share" in figures:
        notes.append(clipped_note(figures["below_dark_share"]))
    if figures.get("without_phase_share"):
        why = "lies in a border without data" if figures["lacks_data"] else "got no light"
        notes.append(
            f"{share_text(figures['without_phase_share'])} of the frame {why}: the phase there is 0 and its "
            "uncertainty unbounded."
        )
    notes += _notes_on_slow_light(figures)
    for one, two in figures.get("planes_at_rest", []):
        notes.append(
            f"Planes {one} and {two} differ by no more than their noise, unlike the others: see whether the stage "
            "moved between them. If it did not, the phase is wrong."
        )
    return notes


def _notes_on_slow_light(figures: dict[str, Any]) -> list[str]:
    if "light_change" not in figures:
        return []
    notes = []
    changed = [(plane, share) for plane, share in enumerate(figures["light_change"]) if share >= NOTED_LIGHT]
    if changed:
        planes = ", ".join(f"{share:.1%} in plane {plane}" for plane, share in changed)
        notes.append(
            f"The lighting changed slowly between the planes: by up to {planes}, relative to the plane in focus. This "
            "change was removed."
        )
    if not figures["light_from_background"]:
        notes.append(
            "Too little empty background was found to separate slow changes of the lighting from a specimen that "
            "fills the frame: the zero of the phase is arbitrary, and its slow changes are as uncertain as the "
            "uncertainty map shows."
        )
    return notes
