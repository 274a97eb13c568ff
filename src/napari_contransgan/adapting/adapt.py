"""Adapting a trained network to the user's microscope, with one focus stack and a minute of training."""

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import torch

from napari_contransgan.adapting.card import adapted_card
from napari_contransgan.adapting.error_factor import error_factor
from napari_contransgan.adapting.events import (
    AdaptEvent,
    AdaptFinished,
    AdaptPreview,
    AdaptResult,
    AdaptStarted,
    AdaptStep,
    Kept,
    Way,
)
from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.adapting.gathering import Given, gather_fields
from napari_contransgan.adapting.replay import Pair, make_replay, replay_recipes
from napari_contransgan.adapting.scores import Applied
from napari_contransgan.adapting.simulated import make_simulated
from napari_contransgan.adapting.split import split_fields
from napari_contransgan.adapting.training import Adapted, Material, train_adapted
from napari_contransgan.config import AdaptSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.io.locking import folder_locked
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from napari_contransgan.models.compute import choose_device, describe_device, precision_to_train
from napari_contransgan.optics import KnownOptics
from napari_contransgan.progress import mapped
from napari_contransgan.threads import each_on_threads, threads_to_train
from napari_contransgan.training.events import Preview
from napari_contransgan.training.run_folder import ADAPT_CONFIG, BEST, METRICS, SPEED, record_line, write_previews

RESULT = "adapt.json"
HELD_OUT_FIELDS = 12
"""Number of simulated fields of the user's microscope that the networks are scored on and do not learn from."""

Events = Generator[AdaptEvent, None, AdaptResult]


def adapt(
    stacks: Sequence[Image],
    settings: AdaptSettings,
    run_dir: Path,
    *,
    frames: Sequence[Image] = (),
    labels: Sequence[Image] = (),
) -> Events:
    """Adapt a network to the microscope that took focus stacks; close the generator to cancel, and nothing is written.

    The TIE phase of each stack is the label. Both networks are scored on a held-out part, and the adapted one is used
    only if it is better there.

    Parameters
    ----------
    stacks : sequence of Image
        Through-focus stacks of the specimen. Without `frames`, their planes are the inputs, so they must be taken by
        the objective whose frames will be predicted.
    settings : AdaptSettings
        How the network is adapted.
    run_dir : Path
        Folder of the result, which must not contain a network already.
    frames : sequence of Image
        Bright-field frames from another objective. Frames of a stack's field of view are registered to it. If there are
        none, or the settings request it, adapting is unpaired, see `napari_contransgan.adapting.unpaired`.
    labels : sequence of Image
        A phase map for each stack, in place of its TIE phase.

    Yields
    ------
    AdaptEvent
        `AdaptStarted` follows the preparation, and `AdaptFinished` is the last event.

    Returns
    -------
    AdaptResult
        With the checkpoint for prediction.

    Raises
    ------
    InputError
        Naming the image, if it cannot be used; or if the folder contains a network already.
    """
    given = Given(tuple(stacks), tuple(frames), tuple(labels))
    with folder_locked(run_dir, "training"):
        if (run_dir / BEST).exists():
            raise InputError(f"{run_dir}: holds a network already: choose another folder")
        return (yield from each_on_threads(threads_to_train(settings.threads), _adapt(given, settings, run_dir)))


def _adapt(given: Given, settings: AdaptSettings, run_dir: Path) -> Events:
    clock = _Clock()
    loaded = load_checkpoint(find_model(settings.start_from)).told(KnownOptics())  # its planes differ in focus
    device = choose_device(settings.device)
    gathered = yield from gather_fields(given, settings, loaded, device)
    fields, way = gathered.fields, gathered.way
    split = split_fields(fields, settings.crop_px)
    clock.note("labels")
    recipes = replay_recipes(loaded.card, fields[0].pixel_size_um)
    replay_count = settings.replay_images if settings.replay_per_batch else 0
    replay = yield from make_replay(recipes, replay_count, settings.seed)
    simulated: list[Pair] = []
    if gathered.microscopes and settings.simulated_per_batch:
        count = settings.simulated_images + HELD_OUT_FIELDS
        simulated = yield from make_simulated(
            gathered.microscopes, gathered.z_range_um, fields, recipes, count, settings.seed
        )
    clock.note("simulated images")
    notes = gathered.notes
    if settings.replay_per_batch and not replay:
        notes += ("The card of the network does not say how its images were simulated, so it may forget other images.",)
    yield AdaptStarted(
        way,
        f"{gathered.description}; kept back: {split.description}",
        notes,
        describe_device(device, precision_to_train(device, settings.precision)),
        settings.steps,
    )
    material = Material(replay, simulated[HELD_OUT_FIELDS:], simulated[:HELD_OUT_FIELDS], way == "paired")
    course: list[AdaptStep | AdaptPreview] = []

    def noted(event: AdaptStep | AdaptPreview) -> AdaptEvent:
        course.append(event)
        return event

    training: Generator[AdaptEvent, None, Adapted] = mapped(
        train_adapted(loaded, split, material, settings, device), noted
    )
    adapted = yield from training
    clock.note("training and scores")
    kept: Kept = "adapted" if adapted.is_better else "original"
    if kept == "original":
        notes += ("The adapted network was not better, so the original is kept unchanged.",)
    applied = Applied(adapted.network.to(device), loaded.card.phase_ref_rad, device, settings.precision, adapted.gain)
    name, compared = settings.name or run_dir.name, _compared(fields, split.description, way)
    card = adapted_card(
        loaded.card,
        settings,
        fields,
        name=name,
        way=way,
        kept=kept,
        steps=adapted.steps,
        before=adapted.before,
        after=adapted.after,
        compared=compared,
        error_factor=error_factor(split.kept_back, applied),
        gain=adapted.gain,
    )
    adapted.network.cpu()
    result = AdaptResult(
        checkpoint=run_dir / BEST,
        name=name,
        way=way,
        kept=kept,
        before=adapted.before,
        after=adapted.after,
        compared=compared,
        steps=adapted.steps,
        minutes=clock.minutes,
        seconds=clock.seconds,
        notes=notes,
    )
    _write(run_dir, adapted.network, card, settings, result, course)
    yield AdaptFinished(result)
    return result


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


def _compared(fields: Sequence[AdaptField], description: str, way: Way) -> str:
    how = "whole maps" if all(field.has_zero for field in fields) else "structure of up to about 80 um"
    planes = "all planes" if len(fields[0].zyx_contrast) > 1 else "the plane in focus"
    what = planes if way == "paired" else "frames that were simulated of its phase"
    return f"{description}; {how}, {what}"


def _write(
    run_dir: Path,
    network: torch.nn.Module,
    card: ModelCard,
    settings: AdaptSettings,
    result: AdaptResult,
    course: Sequence[AdaptStep | AdaptPreview],
) -> None:
    """Write the run; the network comes last, so that a folder with one is whole."""
    for one in course:
        if isinstance(one, AdaptPreview):
            shown = Preview(one.yx_input, one.yx_now_rad, None, one.yx_label_rad)
            write_previews(run_dir, one.step, (shown,))
    write_atomically(run_dir / METRICS, b"".join(map(_line, course)))
    write_atomically(run_dir / ADAPT_CONFIG, settings.to_yaml().encode())
    write_atomically(run_dir / RESULT, json.dumps(plain_result(result), indent=1).encode())
    save_checkpoint(run_dir / BEST, network, card)


def _line(event: AdaptStep | AdaptPreview) -> bytes:
    """Return the line of a run's metrics about an event."""
    if isinstance(event, AdaptPreview):
        return record_line({"step": event.step, "validation": {"slope": event.scores.slope}})
    if not event.images_per_s:  # no step of the training
        return b""
    return record_line({"step": event.step, "label": event.loss, SPEED: event.images_per_s})


def plain_result(result: AdaptResult) -> dict[str, object]:
    """Return the figures of a result as plain JSON values."""
    return {
        **vars(result),
        "checkpoint": str(result.checkpoint),
        "before": vars(result.before),
        "after": vars(result.after),
        "seconds": dict(result.seconds),
        "notes": list(result.notes),
    }
