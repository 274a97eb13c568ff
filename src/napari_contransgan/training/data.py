"""The images of a run: found or simulated, checked, and split by source frame."""

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import find_images
from napari_contransgan.training.events import ImageSkipped
from napari_contransgan.training.file_frames import FileFrame, contents_of, describe_files, frames_of
from napari_contransgan.training.frames import BadImages, FrameCache, FrameList, Frames, Joined
from napari_contransgan.training.on_the_fly import FieldKey, PairMaker, SimulatedFrames
from napari_contransgan.training.pair_names import frame_name
from napari_contransgan.training.pairing import find_pairs
from napari_contransgan.training.recipe import is_supervised
from napari_contransgan.training.sampling import (
    PAIRED,
    UNPAIRED_LR,
    UNPAIRED_PHASE,
    chosen_index,
)
from napari_contransgan.training.survey import Survey, survey

if TYPE_CHECKING:
    from napari_contransgan.training.ready_fields import ReadyFields

AHEAD_STEPS = 4
"""Number of steps, including the next one, whose simulated pairs are made ahead."""

NAMED = 3
"""Number of left-out files that are named."""


@dataclass(frozen=True)
class TrainingData:
    """All images of a run, and what is known about them; a list is empty if there are none of its kind."""

    paired_lr: FrameList
    paired_phase: FrameList
    unpaired_lr: FrameList
    unpaired_phase: FrameList
    held_out_lr: FrameList
    held_out_phase: FrameList
    found: Survey
    wants_held_out: bool
    notes: tuple[str, ...] = ()
    maker: PairMaker | None = None
    bad: BadImages | None = None
    ready: "ReadyFields | None" = None

    def describe(self) -> str:
        """Describe in one line what was found."""
        held_out = _count_pairs(self.held_out_lr, self.held_out_phase)
        text = (
            f"{_count_pairs(self.paired_lr, self.paired_phase)} and {_count(self.unpaired_lr)} + "
            f"{_count(self.unpaired_phase)} unpaired images for training, {held_out} held out"
        )
        if self.found.on_the_fly:
            text += f"; with {self.found.on_the_fly}"
        if self.wants_held_out and not _good(self.held_out_lr, self.held_out_phase):
            text += f": nothing could be held out, since {self._why_none_is_held_out()}, so there will be no scores"
        parts = [text, *self.notes, *self.found.images, *self.found.doubts, _left_out(self.found.bad)]
        return "; ".join(filter(None, parts))

    def _why_none_is_held_out(self) -> str:
        if not len(self.paired_lr):
            return "there are no pairs"
        return "no pair is usable" if self.found.bad else "all pairs come from one source frame"

    def take_skipped(self) -> list[ImageSkipped]:
        """Return the images that were left out since the last call; those that the check found are in `describe`."""
        return [] if self.bad is None else self.bad.take_untold()

    def prepare(self, settings: TrainSettings, step: int, items: Sequence[int] | None = None) -> None:
        """Start making the simulated pairs that this step and the next ones draw, if the run simulates any.

        In a run that draws from the finished pairs, add those finished since the last call.

        Parameters
        ----------
        settings, step
            Of the run.
        items : sequence of int, optional
            Which of each batch's images are drawn here; all of them by default.
        """
        if self.ready is not None:
            self.ready.follow()
        elif self.maker is not None:
            self._prepare(self.maker, settings, step, items)

    def _prepare(self, maker: PairMaker, settings: TrainSettings, step: int, items: Sequence[int] | None) -> None:
        wanted: dict[FieldKey, None] = {}
        for ahead in range(step, min(step + AHEAD_STEPS, settings.steps)):
            for stream, lists in self._drawn_from(settings, ahead):
                for item in range(settings.batch_size) if items is None else items:
                    index, _ = chosen_index(lists, settings, ahead, stream, item)
                    wanted |= dict.fromkeys(simulated_fields(lists[0], index))
        maker.prepare(list(wanted))

    def _drawn_from(self, settings: TrainSettings, step: int) -> list[tuple[int, list[FrameList]]]:
        if is_supervised(settings, step):
            return [(PAIRED, [self.paired_lr, self.paired_phase])]
        return [(UNPAIRED_LR, [self.unpaired_lr]), (UNPAIRED_PHASE, [self.unpaired_phase])]

    def close(self) -> None:
        """Stop the processes that make pairs ahead."""
        if self.maker is not None:
            self.maker.close()


def _good(*lists: FrameList) -> list[int]:
    """Return the indices of the images of parallel lists that are not left out."""
    return [index for index in range(len(lists[0])) if not any(one.is_bad(index) for one in lists)]


def _count(frames: FrameList) -> str:
    """Return how many different images are not left out, and of which files where these hold several."""
    keys = {frames.key(index) for index in _good(frames)}
    return f"{len(keys)}{_of_files(keys)}"


def _count_pairs(lr: FrameList, phase: FrameList) -> str:
    """Return how many phase maps there are with an image, and which images these are where files hold several."""
    good = _good(lr, phase)
    return f"{len({phase.key(index) for index in good})} pairs{_of_files({lr.key(index) for index in good})}"


def _of_files(keys: Iterable[object]) -> str:
    text = describe_files([key for key in keys if isinstance(key, FileFrame)])
    return f" ({text})" if text else ""


def _left_out(bad: Mapping[Path, str]) -> str:
    """Count the files that are left out, and name the first few, with the folder above and the reason."""
    if not bad:
        return ""
    named = [reason.replace(str(path), f"{path.parent.name}/{path.name}") for path, reason in bad.items()][:NAMED]
    more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    files = "1 unusable file is" if len(bad) == 1 else f"{len(bad)} unusable files are"
    return f"{files} left out: {'; '.join(named)}{more}"


def simulated_fields(frames: FrameList, index: int) -> list[FieldKey]:
    """Return the simulated field at `index` of a list, or None if the image comes from a file."""
    if isinstance(frames, Joined):
        frames, index = frames.find(index)
    return [frames.fields[index]] if isinstance(frames, SimulatedFrames) else []


def gather(settings: TrainSettings) -> TrainingData:
    """Find the images of a run, split them, and check that they are usable; write nothing.

    The planes, the time points and the tiles of one source frame, named ``FRAME_r0c1``, are never divided between
    training and validation, nor is a field that is both simulated on the fly and found in a folder. Up to 500 images
    are all read. Of more, an even sample of each folder is read; an image that fails later is named at that time. The
    first simulated field is made as a test. With ``bad_images="skip"``, unusable files are left out, and so is a pair
    with one unusable half.

    Raises
    ------
    InputError
        If a folder is missing or empty, or contains unusable images (held-out ones included), or only unusable images;
        or if an image of a pair has no phase map.
    """
    skip_bad = settings.bad_images == "skip"
    pairs = [find_pairs(source, skip_bad=skip_bad) for source in settings.pairs]
    lr = [file for found in pairs for file in found.lr]
    phase = [file for found in pairs for file in found.phase]
    free_lr = _images_in(settings.lr, skip_bad=skip_bad)
    free_phase = _images_in(settings.phase, skip_bad=skip_bad)
    found = survey(pairs, [("lr", free_lr), ("phase", free_phase)], settings)
    cache, bad = FrameCache(), BadImages(dict(found.bad)) if skip_bad else None
    maker = PairMaker(settings.simulate, cache, settings.simulation_workers) if settings.simulate else None
    if maker is not None:
        _check_recipes(settings, maker)
    fields = [FieldKey(k, i) for k, recipe in enumerate(settings.simulate) for i in range(recipe.count)]
    held = _held_out(
        [*(_source(file.path) for file in lr), *map(_source_of_field, fields)], settings.validation_fraction
    )

    def frames(kind: str, every: list[FileFrame], *, held_out: bool) -> FrameList:
        kept = [i for i in range(len(every)) if (i in held) == held_out]
        if held_out:  # no draw depends on their number, so unusable ones are omitted
            kept = [i for i in kept if lr[i].path not in found.bad and phase[i].path not in found.bad]
        files = Frames([every[i] for i in kept], kind, cache, bad)
        if maker is None:
            return files
        chosen = [one for i, one in enumerate(fields, len(every)) if (i in held) == held_out]
        simulated = SimulatedFrames(chosen, kind, maker)
        return Joined([files, simulated]) if files.files else simulated

    paired_lr, paired_phase = (frames(kind, files, held_out=False) for kind, files in (("lr", lr), ("phase", phase)))
    if len(paired_lr) and not _good(paired_lr, paired_phase):
        raise InputError(f"{settings.pairs[0]}: no pair in it is usable for training; {_left_out(found.bad)}")
    return TrainingData(
        paired_lr,
        paired_phase,
        Frames(free_lr, "lr", cache, bad) if free_lr else paired_lr,
        Frames(free_phase, "phase", cache, bad) if free_phase else paired_phase,
        frames("lr", lr, held_out=True),
        frames("phase", phase, held_out=True),
        found,
        wants_held_out=settings.validation_fraction > 0,
        notes=tuple(note for one in pairs for note in one.notes),
        maker=maker,
        bad=bad,
    )


def _check_recipes(settings: TrainSettings, maker: PairMaker) -> None:
    for number, recipe in enumerate(settings.simulate):
        side_px = min(min(half.shape) for half in maker.load(FieldKey(number, 0)))
        if side_px < settings.crop_px:
            raise InputError(
                f"simulated {recipe.specimen}: fields of {side_px} px are smaller than the training crop of "
                f"{settings.crop_px} px; make field_px larger or crop_px smaller"
            )


def _images_in(folder: Path | None, *, skip_bad: bool) -> list[FileFrame]:
    paths = find_images(folder) if folder else []
    contents = contents_of(paths, skip_bad=skip_bad)
    return [file for path, one in zip(paths, contents, strict=True) for file in frames_of(path, one)]


def _held_out(sources: Sequence[tuple[str, str]], fraction: float) -> set[int]:
    """Return the indices of the held-out pairs, chosen by source frame.

    The choice depends on a source frame's name and not on its rank, so frames that are added later move none from
    training to validation. Of two or more source frames, at least one is held out and at least one is trained on.
    """
    chances = {source: zlib.crc32(source[1].encode()) / 2**32 for source in sources}
    if not fraction or len(chances) < 2:
        return set()
    by_chance = sorted(chances, key=lambda source: (chances[source], source))
    count = sum(chance < fraction for chance in chances.values())
    chosen = set(by_chance[: min(max(count, 1), len(chances) - 1)])
    return {index for index, source in enumerate(sources) if source in chosen}


def _source(path: Path) -> tuple[str, str]:
    """Return the folder and name of the frame that a file, or a tile ``FRAME_r0c1``, comes from."""
    stem = re.sub(r"(\.ome)?\.tiff?$", "", path.name, flags=re.IGNORECASE)
    frame = re.sub(r"_r[0-9]+c[0-9]+$", "", stem)
    name = frame_name(path)
    return str(path.parent), name.frame if name.tile and frame == stem else frame


def _source_of_field(field: FieldKey) -> tuple[str, str]:
    """Return the same as `_source`, with the name that ``simulate`` gives the field in a folder."""
    return f"simulated {field.recipe}", f"{field.index:04d}"
