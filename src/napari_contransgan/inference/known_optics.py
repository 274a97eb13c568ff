"""What is known of how an image was taken, for networks that can be told it."""

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import ModelCard
from napari_contransgan.models.optics_aware import APERTURES, COHERENCES, FOCUS_DEPTHS, is_known_aperture, nearest
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM, KnownOptics


def known_optics(image: Image, settings: PredictSettings) -> KnownOptics:
    """Return the optics that the settings state, and those of the file for the others.

    Raises
    ------
    InputError
        If one focus is stated for several planes.
    """
    if settings.focus_um is not None and "Z" in image.axes and image.data.shape[image.axes.index("Z")] > 1:
        raise InputError(
            "the planes of a stack differ in focus, and one focus is stated: give one plane, or leave it out",
            source=image.name,
        )
    return KnownOptics(
        image.numerical_aperture if settings.numerical_aperture is None else settings.numerical_aperture,
        image.coherence if settings.coherence is None else settings.coherence,
        settings.focus_um,
        image.wavelength_um or DEFAULT_WAVELENGTH_UM,
    )


def told_notes(known: KnownOptics, settings: PredictSettings, card: ModelCard) -> list[str]:
    """Return notes on statements that a network cannot use."""
    if not card.takes_optics:
        stated = {
            "the objective's NA": settings.numerical_aperture,
            "the condenser ratio S": settings.coherence,
            "the focus": settings.focus_um,
        }
        unused = [name for name, value in stated.items() if value is not None]
        return [f"this network cannot be told {', '.join(unused)}: not used"] if unused else []
    notes = []
    if known.numerical_aperture is not None and not is_known_aperture(known):
        notes.append(
            f"the network does not know objectives of NA {known.numerical_aperture:g}, only of {_range(APERTURES)}: "
            "the NA was not used"
        )
    if known.focus_um is not None and not is_known_aperture(known):
        notes.append("the focus was not used, since it says little without the objective's NA: state that too")
    elif known.focus_depths is not None and nearest(known.focus_depths, FOCUS_DEPTHS) != known.focus_depths:
        notes.append(f"a focus of {known.focus_um:g} um is further than this network knows: its numbers may be wrong")
    if known.coherence is not None and nearest(known.coherence, COHERENCES) != known.coherence:
        notes.append(
            f"S = {known.coherence:g} is outside of what this network knows, {_range(COHERENCES)}: its numbers may be "
            "wrong"
        )
    return notes


def _range(span: tuple[float, float]) -> str:
    return f"{span[0]:g} to {span[1]:g}"
