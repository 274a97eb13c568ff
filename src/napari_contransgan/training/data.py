"""The images of a run: found or simulated, checked, split by source frame, and drawn in batches."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import find_images
from napari_contransgan.training.frames import FrameCache, FrameList, Frames, Joined
from napari_contransgan.training.on_the_fly import FieldKey, PairMaker, SimulatedFrames
from napari_contransgan.training.schedule import is_supervised
from napari_contransgan.training.survey import Survey, survey

# Streams of chance within one step; every draw depends on (seed, step, stream) alone, so a resumed run draws the same.
PAIRED, UNPAIRED_LR, UNPAIRED_PHASE, POOL = range(4)

AHEAD_STEPS = 4
"""Simulated pairs of so many steps, the next one among them, are made ahead."""


@dataclass(frozen=True)
class TrainingData:
    """Everything a run draws from, and what its images say; an empty list where there is none."""

    paired_lr: FrameList
    paired_phase: FrameList
    unpaired_lr: FrameList
    unpaired_phase: FrameList
    held_out_lr: FrameList
    held_out_phase: FrameList
    found: Survey
    wants_held_out: bool
    maker: PairMaker | None = None

    def describe(self) -> str:
        """Say in a line what was found."""
        text = (
            f"{len(self.paired_lr)} pairs and {len(self.unpaired_lr)} + {len(self.unpaired_phase)} unpaired images "
            f"for training, {len(self.held_out_lr)} pairs held out"
        )
        if self.found.on_the_fly:
            text += f"; with {self.found.on_the_fly}"
        if not self.wants_held_out or len(self.held_out_lr):
            return text
        reason = "all pairs come from one source frame" if len(self.paired_lr) else "there are no pairs"
        return f"{text}: nothing could be held out, since {reason}, so there will be no scores"

    def prepare(self, settings: TrainSettings, step: int) -> None:
        """Let simulated pairs that this step and the next ones draw be made ahead, where there are any."""
        if self.maker is None:
            return
        wanted: dict[FieldKey, None] = {}
        for ahead in range(step, min(step + AHEAD_STEPS, settings.steps)):
            for stream, frames in self._drawn_from(settings, ahead):
                rng = np.random.default_rng([settings.seed, ahead, stream])
                for index in _choose(len(frames), settings, rng):
                    wanted |= dict.fromkeys(_simulated(frames, index))
        self.maker.prepare(list(wanted))

    def _drawn_from(self, settings: TrainSettings, step: int) -> list[tuple[int, FrameList]]:
        if is_supervised(settings, step):
            return [(PAIRED, self.paired_lr)]
        return [(UNPAIRED_LR, self.unpaired_lr), (UNPAIRED_PHASE, self.unpaired_phase)]

    def close(self) -> None:
        """End the processes that make pairs ahead."""
        if self.maker is not None:
            self.maker.close()


def _simulated(frames: FrameList, index: int) -> list[FieldKey]:
    if isinstance(frames, Joined):
        frames, index = frames.find(index)
    return [frames.fields[index]] if isinstance(frames, SimulatedFrames) else []


def gather(settings: TrainSettings) -> TrainingData:
    """Find the images of a run, split them, and check that they can serve; nothing is written.

    Tiles of one source frame, named ``FRAME_r0c1``, never stand on both sides of the split, nor does a field that is
    simulated on the fly and lies in a folder too. Up to 500 files are all read; of more, an even sample of each folder,
    and a file that fails later is named then. Of simulated fields the first is made.

    Raises
    ------
    InputError
        If a folder is missing, empty, or holds images that cannot serve, held-out ones included.
    """
    pairs = [_pairs_in(folder) for folder in settings.pairs]
    lr = [path for pair_lr, _ in pairs for path in pair_lr]
    phase = [path for _, pair_phase in pairs for path in pair_phase]
    free_lr = find_images(settings.lr) if settings.lr else []
    free_phase = find_images(settings.phase) if settings.phase else []
    file_lists = [part for pair_lr, pair_phase in pairs for part in (("lr", pair_lr), ("phase", pair_phase))]
    file_lists += [(kind, paths) for kind, paths in (("lr", free_lr), ("phase", free_phase)) if paths]
    parents = [folder.parent for folder in (settings.lr, settings.phase) if folder]
    found = survey(file_lists, settings.pairs, parents, settings.simulate, crop_px=settings.crop_px)
    cache = FrameCache()
    maker = PairMaker(settings.simulate, cache, settings.simulation_workers) if settings.simulate else None
    if maker is not None:
        _check_recipes(settings, maker)
    fields = [FieldKey(k, i) for k, recipe in enumerate(settings.simulate) for i in range(recipe.count)]
    held = _held_out([*map(_source, lr), *map(_source_of_field, fields)], settings.validation_fraction)

    def frames(kind: str, paths: list[Path], *, held_out: bool) -> FrameList:
        files = Frames([path for i, path in enumerate(paths) if (i in held) == held_out], kind, cache)
        if maker is None:
            return files
        chosen = [one for i, one in enumerate(fields, len(paths)) if (i in held) == held_out]
        simulated = SimulatedFrames(chosen, kind, maker)
        return Joined([files, simulated]) if files.paths else simulated

    paired_lr, paired_phase = (frames(kind, paths, held_out=False) for kind, paths in (("lr", lr), ("phase", phase)))
    return TrainingData(
        paired_lr,
        paired_phase,
        Frames(free_lr, "lr", cache) if free_lr else paired_lr,
        Frames(free_phase, "phase", cache) if free_phase else paired_phase,
        frames("lr", lr, held_out=True),
        frames("phase", phase, held_out=True),
        found,
        wants_held_out=settings.validation_fraction > 0,
        maker=maker,
    )


def _check_recipes(settings: TrainSettings, maker: PairMaker) -> None:
    for number, recipe in enumerate(settings.simulate):
        side_px = min(min(half.shape) for half in maker.load(FieldKey(number, 0)))
        if side_px < settings.crop_px:
            raise InputError(
                f"simulated {recipe.specimen}: fields of {side_px} px are smaller than the training crop of "
                f"{settings.crop_px} px; make field_px larger or crop_px smaller"
            )


def _pairs_in(folder: Path) -> tuple[list[Path], list[Path]]:
    lr = find_images(folder / "lr")
    phase = {path.name: path for path in find_images(folder / "phase")}
    both = [path for path in lr if path.name in phase]
    if not both:
        raise InputError(f"{folder}: no file name stands in both its lr and its phase folder; write it with 'simulate'")
    return both, [phase[path.name] for path in both]


def _held_out(sources: Sequence[tuple[str, str]], fraction: float) -> set[int]:
    """Indices of the held-out pairs, by the source frame that each comes from.

    A source frame's own name decides, not its rank: frames that join later move none from training to validation. Of
    two source frames or more, one at least is held out and one at least is trained on.
    """
    chances = {source: zlib.crc32(source[1].encode()) / 2**32 for source in sources}
    if not fraction or len(chances) < 2:
        return set()
    by_chance = sorted(chances, key=lambda source: (chances[source], source))
    count = sum(chance < fraction for chance in chances.values())
    chosen = set(by_chance[: min(max(count, 1), len(chances) - 1)])
    return {index for index, source in enumerate(sources) if source in chosen}


def _source(path: Path) -> tuple[str, str]:
    """Folder and name of the frame that a file, or a tile ``FRAME_r0c1``, comes from."""
    stem = re.sub(r"(\.ome)?\.tiff?$", "", path.name, flags=re.IGNORECASE)
    return str(path.parent), re.sub(r"_r[0-9]+c[0-9]+$", "", stem)


def _source_of_field(field: FieldKey) -> tuple[str, str]:
    """As `_source`, with the name that the field has in a folder that ``simulate`` writes."""
    return f"simulated {field.recipe}", f"{field.index:04d}"


def draw_pairs(
    lr: FrameList, phase: FrameList, settings: TrainSettings, step: int, stream: int = PAIRED
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch of pairs: the same random crop, flip and quarter turn for both halves.

    Returns
    -------
    contrast, phase_rad : Tensor, shape (batch, 1, crop, crop)
    """
    rng = np.random.default_rng([settings.seed, step, stream])
    crop_px = settings.crop_px
    batch = [
        _augment([lr.load(i, crop_px), phase.load(i, crop_px)], crop_px, rng) for i in _choose(len(lr), settings, rng)
    ]
    return torch.stack([pair[0] for pair in batch])[:, None], torch.stack([pair[1] for pair in batch])[:, None]


def draw_single(frames: FrameList, settings: TrainSettings, step: int, stream: int) -> torch.Tensor:
    """Draw a batch from one list; shape (batch, 1, crop, crop)."""
    rng = np.random.default_rng([settings.seed, step, stream])
    crop_px = settings.crop_px
    batch = [_augment([frames.load(i, crop_px)], crop_px, rng)[0] for i in _choose(len(frames), settings, rng)]
    return torch.stack(batch)[:, None]


def _choose(count: int, settings: TrainSettings, rng: np.random.Generator) -> list[int]:
    return [int(i) for i in rng.integers(count, size=settings.batch_size)]


def _augment(maps: list[torch.Tensor], crop_px: int, rng: np.random.Generator) -> list[torch.Tensor]:
    height, width = (min(m.shape[axis] for m in maps) for axis in (0, 1))
    top, left = rng.integers(height - crop_px + 1), rng.integers(width - crop_px + 1)
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    cut = [torch.rot90(m[top : top + crop_px, left : left + crop_px], turns) for m in maps]
    return [c.flip(0) if mirror else c for c in cut]
