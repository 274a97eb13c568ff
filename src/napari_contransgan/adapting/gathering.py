"""The inputs of an adaptation, turned into fields with inputs and labels in one of three ways."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch

from napari_contransgan.adapting.events import Way
from napari_contransgan.adapting.fields import AdaptField, field_of_stack
from napari_contransgan.adapting.frames import Frame, paired_field, read_frames, with_label
from napari_contransgan.adapting.label_slope import label_slope
from napari_contransgan.adapting.replay import replay_recipes
from napari_contransgan.adapting.scores import Applied
from napari_contransgan.adapting.stack_fit import describe_microscope, fit_stack, guessed_aperture_note
from napari_contransgan.adapting.unpaired import fit_frames, simulated_fields
from napari_contransgan.config import AdaptSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard
from napari_contransgan.progress import Progress, as_part
from napari_contransgan.training.physics import ForwardModel

SIZES_AGREE = 0.02
PIXEL_SIZES_KNOWN = 0.15
NOISY = 0.018
"""Noise of frames, relative to the light, from which simulated fields no longer show their scale."""
UNEXPLAINED = (
    " But it leaves {:.0%} of their contrast unexplained, so do not trust the result: check pixel size, NA and "
    "wavelength, and that they show the same specimen."
)


@dataclass(frozen=True)
class Given:
    """The user's inputs; see `napari_contransgan.adapting.adapt.adapt`."""

    stacks: tuple[Image, ...]
    frames: tuple[Image, ...] = ()
    labels: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """Fields to learn from.

    Parameters
    ----------
    fields : tuple of AdaptField
        All of one pixel size.
    way : {"paired", "unpaired"}
        Whether inputs and labels were measured at the same place.
    description : str
        Description of the inputs.
    notes : tuple of str
        Notes for the user.
    microscopes : tuple of ForwardModel
        Digital microscopes that resemble the user's; empty if none does.
    z_range_um : (float, float)
        Focus positions of the frames to predict, relative to the focus of the microscopes.
    """

    fields: tuple[AdaptField, ...]
    way: Way
    description: str
    notes: tuple[str, ...]
    microscopes: tuple[ForwardModel, ...] = ()
    z_range_um: tuple[float, float] = (0.0, 0.0)


def gather_fields(
    given: Given, settings: AdaptSettings, loaded: LoadedModel, device: torch.device
) -> Generator[Progress, None, Gathered]:
    """Choose the way according to the inputs, and turn them into fields.

    Raises
    ------
    InputError
        Naming the image that cannot be used.
    """
    if not given.stacks:
        raise InputError("adapting: no focus stack: give at least one")
    if given.labels and len(given.labels) != len(given.stacks):
        raise InputError(
            f"adapting: {len(given.labels)} phase maps and {len(given.stacks)} focus stacks are given: give one phase "
            f"map for each stack, in the same order"
        )
    fields = yield from _fields_of_stacks(given, settings)
    stacks = f"{len(fields)} focus stack{'s' if len(fields) > 1 else ''}"
    notes = tuple(note for field in fields for note in field.notes)
    if not given.frames:
        _check_together([(field.name, field.pixel_size_um, field.wavelength_um) for field in fields])
        fitted = yield from _fitted(fields[0], settings, loaded.card, measures_label=not given.labels)
        fields = [replace(field, yx_label_rad=field.yx_label_rad / fitted.label_slope) for field in fields]
        if settings.planes == "focus":
            fields = [field.only(field.focus_index or 0) for field in fields]
        return Gathered(
            tuple(fields), "paired", stacks, _unique(notes + fitted.notes, fields, loaded.card), *fitted.use
        )
    frames = read_frames(given.frames)
    _check_together([(frame.name, frame.pixel_size_um, fields[0].wavelength_um) for frame in frames])
    description = f"{stacks} and {len(frames)} frame{'s' if len(frames) > 1 else ''}"
    applied = Applied(loaded.model.to(device), loaded.card.phase_ref_rad, device, settings.precision)
    if not settings.unpaired:
        paired, left_out = yield from _paired(frames, fields, applied)
        if paired:
            notes += tuple(f"{name}: does not match any stack, and is left out." for name in left_out)
            fitted = yield from _fitted(paired[0], settings, loaded.card)
            notes += fitted.notes
            return Gathered(tuple(paired), "paired", description, _unique(notes, paired, loaded.card), *fitted.use)
        notes += (
            "No frame could be registered to a stack with certainty, so they are assumed to show different places, and "
            "adapting is unpaired, which is less exact.",
        )
    found = yield from fit_frames(fields, frames, applied)
    made = simulated_fields(fields, frames, found)
    doubt = "" if found.is_trusted else UNEXPLAINED.format(found.misfit)
    notes += (
        *guessed_aperture_note(frames[0]),
        f"The frames are like those of a microscope at {describe_microscope(found.model)}.{doubt} The network learns "
        f"from frames simulated with these settings, and is scored on such frames too, not on yours.",
    )
    noise = made[0].noise
    if noise > NOISY:
        notes += (
            f"The frames are noisy ({noise:.1%} of the light), so the phase can come out one and a half times too "
            f"strong: expose longer, or adapt to a stack taken with this objective.",
        )
    microscopes = (found.model,) if settings.simulated_images else ()
    return Gathered(tuple(made), "unpaired", description, _unique(notes, made, loaded.card), microscopes)


@dataclass(frozen=True)
class _Fitted:
    """The user's microscope, if one could be fitted, its range of focus, notes about it, and the slope of TIE."""

    use: tuple[tuple[ForwardModel, ...], tuple[float, float]] = ((), (0.0, 0.0))
    notes: tuple[str, ...] = ()
    label_slope: float = 1.0


def _fitted(
    field: AdaptField, settings: AdaptSettings, card: ModelCard, *, measures_label: bool = False
) -> Generator[Progress, None, _Fitted]:
    """Fit the microscope to the planes of a field, unless their positions or the network's specimens are unknown."""
    recipes = replay_recipes(card, field.pixel_size_um)
    if not (field.plane_z_um and settings.simulated_images and recipes):
        return _Fitted()
    fit = yield from fit_stack(field)
    described = describe_microscope(fit.model)
    notes = guessed_aperture_note(field)
    if not fit.is_trusted:
        share = f"{fit.misfit:.0%}"
        return _Fitted(
            notes=(
                *notes,
                f"{field.name}: no digital microscope makes such planes of this phase ({share} of the contrast is left "
                f"unexplained), so the network learns from the stack alone: check pixel size, distance of the planes, "
                f"NA and wavelength.",
            )
        )
    everywhere = (min(field.plane_z_um), max(field.plane_z_um)) if settings.planes == "all" else (0.0, 0.0)
    notes += (
        f"{field.name}: the planes are like those of a microscope at {described}; the network also learns from fields "
        f"simulated with these settings.",
    )
    slope = 1.0
    if measures_label and field.has_zero:
        slope = yield from label_slope(fit, field, recipes, settings.seed)
        notes += (
            f"{field.name}: of simulated stacks like this one, TIE gives {slope:.2f} of the true phase, so its phase "
            f"is divided by that.",
        )
    return _Fitted(((fit.model,), everywhere), notes, slope)


def _fields_of_stacks(given: Given, settings: AdaptSettings) -> Generator[Progress, None, list[AdaptField]]:
    fields = []
    for number, stack in enumerate(given.stacks):
        field = yield from as_part(field_of_stack(stack, settings.tie), number, len(given.stacks))
        if given.labels:
            field = with_label(field, given.labels[number])
        fields.append(field)
    return fields


def _paired(
    frames: Sequence[Frame], fields: Sequence[AdaptField], applied: Applied
) -> Generator[Progress, None, tuple[list[AdaptField], list[str]]]:
    """Pair frames with their stacks; several frames of one field of view become planes of one field."""
    found: dict[int, list[AdaptField]] = {}
    left_out = []
    for number, frame in enumerate(frames):
        for index, field in enumerate(fields):
            paired = paired_field(frame, field, applied)
            if paired is not None:
                found.setdefault(index, []).append(paired)
                break
        else:
            left_out.append(frame.name)
        yield Progress(number + 1, len(frames), "registering the frames")
    return [_joined(found[index]) for index in sorted(found)], left_out


def _joined(fields: Sequence[AdaptField]) -> AdaptField:
    weight = torch.stack([field.yx_weight for field in fields]).amin(dim=0)
    contrast = torch.cat([field.zyx_contrast for field in fields])
    plane_z_um = fields[0].plane_z_um if len(fields) == 1 else ()
    return replace(fields[0], zyx_contrast=contrast, yx_weight=weight, plane_z_um=plane_z_um)


def _check_together(known: Sequence[tuple[str, float, float]]) -> None:
    """Raise if images have different optics, since an adapted network is for one microscope."""
    first, *others = known
    for name, pixel_um, wavelength_um in others:
        for what, own, other in (("a pixel size", pixel_um, first[1]), ("a wavelength", wavelength_um, first[2])):
            if abs(own / other - 1) > SIZES_AGREE:
                raise InputError(
                    f"{name}: has {what} of {own:g} um, {first[0]} one of {other:g} um: a network is adapted to one "
                    f"objective and filter: give images of one kind, or state the right values"
                )


def _unique(notes: tuple[str, ...], fields: Sequence[AdaptField], card: ModelCard) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*notes, *_doubts(fields[0], card))))


def _doubts(field: AdaptField, card: ModelCard) -> tuple[str, ...]:
    known = card.input_pixel_sizes_um
    if known and all(abs(field.pixel_size_um / size - 1) > PIXEL_SIZES_KNOWN for size in known):
        sizes = ", ".join(f"{size:g}" for size in known)
        return (
            f"{field.name}: has pixels of {field.pixel_size_um:g} um, and the network knows frames of {sizes} um: "
            f"check the pixel size; adapting may still help.",
        )
    return ()
