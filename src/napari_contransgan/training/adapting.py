"""Adapting a trained network to the user's microscope: one focus stack, a minute of training, an own network."""

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import torch

from napari_contransgan.config import AdaptSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from napari_contransgan.models.compute import choose_device, describe_device, precision_to_train
from napari_contransgan.progress import Progress, as_part
from napari_contransgan.threads import each_on_threads, threads_to_train
from napari_contransgan.training.adapt_card import adapted_card
from napari_contransgan.training.adapt_events import (
    AdaptEvent,
    AdaptFinished,
    AdaptPreview,
    AdaptResult,
    AdaptStarted,
    Kept,
)
from napari_contransgan.training.adapt_fields import AdaptField, field_of_stack
from napari_contransgan.training.adapt_replay import make_replay, replay_recipes
from napari_contransgan.training.adapt_split import split_fields
from napari_contransgan.training.adapt_training import train_adapted
from napari_contransgan.training.events import Preview
from napari_contransgan.training.run_folder import BEST, write_previews

SETTINGS, RESULT = "adapt.yaml", "adapt.json"
PIXEL_SIZES_AGREE = 0.02
PIXEL_SIZES_KNOWN = 0.15

Events = Generator[AdaptEvent, None, AdaptResult]


def adapt(stacks: Sequence[Image], settings: AdaptSettings, run_dir: Path) -> Events:
    """Adapt a network to the microscope that took focus stacks; close the generator to cancel, and nothing is written.

    The TIE phase of each stack is the label, its planes are the inputs. A part is kept back, both networks are scored
    on it, and the adapted one is taken only if it is better there.

    Parameters
    ----------
    stacks : sequence of Image
        Through-focus stacks of the specimen, all by the objective whose frames will be predicted.
    settings : AdaptSettings
        How.
    run_dir : Path
        Folder of the result, which must not hold one already.

    Yields
    ------
    AdaptEvent
        `AdaptStarted` follows what comes before the training, `AdaptFinished` is the last.

    Returns
    -------
    AdaptResult
        With the checkpoint to predict with.

    Raises
    ------
    InputError
        Naming the stack, if it cannot be used; for a folder that holds a network already.
    """
    if (run_dir / BEST).exists():
        raise InputError(f"{run_dir}: holds a network already: choose another folder")
    if not stacks:
        raise InputError("adapting: no focus stack is given: give at least one")
    return (yield from each_on_threads(threads_to_train(settings.threads), _adapt(stacks, settings, run_dir)))


def _adapt(stacks: Sequence[Image], settings: AdaptSettings, run_dir: Path) -> Events:
    clock = _Clock()
    loaded = load_checkpoint(find_model(settings.start_from))
    device = choose_device(settings.device)
    fields = yield from _fields(stacks, settings)
    _check_together(fields)
    split = split_fields(fields, settings.crop_px)
    clock.note("labels by TIE")
    recipes = replay_recipes(loaded.card, fields[0].pixel_size_um) if settings.replay_per_batch else []
    replay = yield from make_replay(recipes, settings.replay_images, settings.seed)
    clock.note("simulated images")
    notes = tuple(dict.fromkeys(note for field in fields for note in [*field.notes, *_doubts(field, loaded.card)]))
    if settings.replay_per_batch and not replay:
        notes += ("The card of the network does not say how its images were simulated, so it may forget other images.",)
    yield AdaptStarted(
        "paired",
        f"{len(fields)} focus stack{'s' if len(fields) > 1 else ''}; kept back: {split.description}",
        notes,
        describe_device(device, precision_to_train(device, settings.precision)),
        settings.steps,
    )
    training = train_adapted(loaded, split, replay, settings, device)
    previews: list[AdaptPreview] = []
    while True:
        try:
            event = next(training)
        except StopIteration as stop:
            adapted = stop.value
            break
        if isinstance(event, AdaptPreview):
            previews.append(event)
        yield event
    clock.note("training and scores")
    kept: Kept = "adapted" if adapted.is_better else "original"
    compared = _compared(fields, split.description)
    if kept == "original":
        notes += (
            "The adapted network was not better on the part that was kept back, so the original is kept unchanged.",
        )
    name = settings.name or run_dir.name
    card = adapted_card(
        loaded.card,
        settings,
        fields,
        name=name,
        way="paired",
        kept=kept,
        steps=adapted.steps,
        before=adapted.before,
        after=adapted.after,
        compared=compared,
    )
    result = AdaptResult(
        checkpoint=run_dir / BEST,
        name=name,
        way="paired",
        kept=kept,
        before=adapted.before,
        after=adapted.after,
        compared=compared,
        steps=adapted.steps,
        minutes=clock.minutes,
        seconds=clock.seconds,
        notes=notes,
    )
    _write(run_dir, adapted.network, card, settings, result, previews)
    yield AdaptFinished(result)
    return result


def _fields(stacks: Sequence[Image], settings: AdaptSettings) -> Generator[Progress, None, list[AdaptField]]:
    fields = []
    for number, stack in enumerate(stacks):
        field = yield from as_part(field_of_stack(stack, settings.tie), number, len(stacks))
        fields.append(field)
    return fields


class _Clock:
    """How long each part of the work took."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def note(self, part: str) -> None:
        now = time.monotonic()
        self.seconds[part] = round(now - self._last, 1)
        self._last = now

    @property
    def minutes(self) -> float:
        return round((time.monotonic() - self._began) / 60, 3)


def _check_together(fields: Sequence[AdaptField]) -> None:
    """Refuse stacks of different optics: an adapted network belongs to one."""
    first = fields[0]
    for field in fields[1:]:
        for what, own, other in (
            ("a pixel size", field.pixel_size_um, first.pixel_size_um),
            ("a wavelength", field.wavelength_um, first.wavelength_um),
        ):
            if abs(own / other - 1) > PIXEL_SIZES_AGREE:
                raise InputError(
                    f"{field.name}: has {what} of {own:g} um, {first.name} one of {other:g} um: a network is adapted "
                    f"to one objective and filter: give stacks of one kind, or state what the files should say"
                )


def _doubts(field: AdaptField, card: ModelCard) -> tuple[str, ...]:
    known = card.input_pixel_sizes_um
    if known and all(abs(field.pixel_size_um / size - 1) > PIXEL_SIZES_KNOWN for size in known):
        sizes = ", ".join(f"{size:g}" for size in known)
        return (
            f"{field.name}: has pixels of {field.pixel_size_um:g} um, and the network knows frames of {sizes} um: see "
            f"whether the pixel size is right; adapting may still help.",
        )
    return ()


def _compared(fields: Sequence[AdaptField], description: str) -> str:
    how = "whole maps" if all(field.has_zero for field in fields) else "structure of up to about 80 um"
    return f"{description}; {how}, all planes"


def _write(
    run_dir: Path,
    network: torch.nn.Module,
    card: ModelCard,
    settings: AdaptSettings,
    result: AdaptResult,
    previews: Sequence[AdaptPreview],
) -> None:
    """Write the run; the network comes last, so that a folder with one is whole."""
    for one in previews:
        shown = Preview(one.yx_input, one.yx_now_rad, None, one.yx_label_rad)
        write_previews(run_dir, one.step, (shown,))
    write_atomically(run_dir / SETTINGS, settings.to_yaml().encode())
    write_atomically(run_dir / RESULT, json.dumps(plain_result(result), indent=1).encode())
    save_checkpoint(run_dir / BEST, network, card)


def plain_result(result: AdaptResult) -> dict[str, object]:
    """Figures of a result as plain JSON values."""
    return {
        **vars(result),
        "checkpoint": str(result.checkpoint),
        "before": vars(result.before),
        "after": vars(result.after),
        "seconds": dict(result.seconds),
        "notes": list(result.notes),
    }
