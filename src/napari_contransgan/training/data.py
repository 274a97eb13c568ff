"""The images of a run: found, checked, split by source frame, and drawn in batches."""

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
from napari_contransgan.training.frames import FrameCache, Frames
from napari_contransgan.training.survey import Survey, survey

# Streams of chance within one step; every draw depends on (seed, step, stream) alone, so a resumed run draws the same.
PAIRED, UNPAIRED_LR, UNPAIRED_PHASE, POOL = range(4)


@dataclass(frozen=True)
class TrainingData:
    """Everything a run draws from, and what its files say; an empty list where there is none."""

    paired_lr: Frames
    paired_phase: Frames
    unpaired_lr: Frames
    unpaired_phase: Frames
    held_out_lr: Frames
    held_out_phase: Frames
    found: Survey
    wants_held_out: bool

    def describe(self) -> str:
        """Say in a line what was found."""
        text = (
            f"{len(self.paired_lr)} pairs and {len(self.unpaired_lr)} + {len(self.unpaired_phase)} unpaired images "
            f"for training, {len(self.held_out_lr)} pairs held out"
        )
        if not self.wants_held_out or len(self.held_out_lr):
            return text
        reason = "all pairs come from one source frame" if len(self.paired_lr) else "there are no pairs"
        return f"{text}: nothing could be held out, since {reason}, so there will be no scores"


def gather(settings: TrainSettings) -> TrainingData:
    """Find the files of a run, split them, and check that they can serve; nothing is written.

    Tiles of one source frame, named ``FRAME_r0c1``, never stand on both sides of the split. Up to 500 files are all
    read; of more, an even sample of each folder, and a file that fails later is named then.

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
    found = survey(file_lists, settings.pairs, parents, crop_px=settings.crop_px)
    held = _held_out(lr, settings.validation_fraction)
    kept = [i for i in range(len(lr)) if i not in held]
    paired_lr, paired_phase = [lr[i] for i in kept], [phase[i] for i in kept]
    cache = FrameCache()
    return TrainingData(
        Frames(paired_lr, "lr", cache),
        Frames(paired_phase, "phase", cache),
        Frames(free_lr or paired_lr, "lr", cache),
        Frames(free_phase or paired_phase, "phase", cache),
        Frames([lr[i] for i in sorted(held)], "lr", cache),
        Frames([phase[i] for i in sorted(held)], "phase", cache),
        found,
        wants_held_out=settings.validation_fraction > 0,
    )


def _pairs_in(folder: Path) -> tuple[list[Path], list[Path]]:
    lr = find_images(folder / "lr")
    phase = {path.name: path for path in find_images(folder / "phase")}
    both = [path for path in lr if path.name in phase]
    if not both:
        raise InputError(f"{folder}: no file name stands in both its lr and its phase folder; write it with 'simulate'")
    return both, [phase[path.name] for path in both]


def _held_out(paths: Sequence[Path], fraction: float) -> set[int]:
    """Indices of the held-out pairs.

    A source frame's own name decides, not its rank: files that join later move none from training to validation. Of
    two source frames or more, one at least is held out and one at least is trained on.
    """
    chances = {_source(path): zlib.crc32(_source(path)[1].encode()) / 2**32 for path in paths}
    if not fraction or len(chances) < 2:
        return set()
    by_chance = sorted(chances, key=lambda source: (chances[source], source))
    count = sum(chance < fraction for chance in chances.values())
    chosen = set(by_chance[: min(max(count, 1), len(chances) - 1)])
    return {index for index, path in enumerate(paths) if _source(path) in chosen}


def _source(path: Path) -> tuple[str, str]:
    """Folder and name of the frame that a file, or a tile ``FRAME_r0c1``, comes from."""
    stem = re.sub(r"(\.ome)?\.tiff?$", "", path.name, flags=re.IGNORECASE)
    return str(path.parent), re.sub(r"_r[0-9]+c[0-9]+$", "", stem)


def draw_pairs(
    lr: Frames, phase: Frames, settings: TrainSettings, step: int, stream: int = PAIRED
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


def draw_single(frames: Frames, settings: TrainSettings, step: int, stream: int) -> torch.Tensor:
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
