"""Images for training: read once, normalised, brought to the model's grid, split by source frame."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, check_pixels, find_images, read_image, to_luminance
from napari_contransgan.models.normalisation import contrast_on_model_grid, to_model_grid
from napari_contransgan.optics import check_pixel_size

CACHE_BYTES = 3 * 2**30

# Streams of chance within one step; every draw depends on (seed, step, stream) alone, so a resumed run draws the same.
PAIRED, UNPAIRED_LR, UNPAIRED_PHASE, POOL = range(4)


@dataclass
class Frames:
    """A list of image files of one kind, kept in memory as half-precision tensors up to a budget.

    Parameters
    ----------
    paths : list of Path
        The files.
    kind : {"lr", "phase"}
        Bright-field frames become contrast, phase maps stay radians.
    """

    paths: list[Path]
    kind: str
    _cache: OrderedDict[Path, torch.Tensor] = field(default_factory=OrderedDict, repr=False)
    _cached_bytes: int = 0

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int) -> torch.Tensor:
        """Frame `index` on the model's grid, float32, shape (H, W)."""
        path = self.paths[index]
        known = self._cache.get(path)
        if known is not None:
            return known.float()
        image = load_frame(path, self.kind).half()
        if self._cached_bytes < CACHE_BYTES:
            self._cache[path] = image
            self._cached_bytes += 2 * image.numel()
        # Rounded also when it is not kept: what a step sees must not depend on the cache.
        return image.float()


@dataclass(frozen=True)
class TrainingData:
    """Everything a run draws from; an empty list where there is none."""

    paired_lr: Frames
    paired_phase: Frames
    unpaired_lr: Frames
    unpaired_phase: Frames
    held_out_lr: Frames
    held_out_phase: Frames

    def describe(self) -> str:
        """Say in a line what was found."""
        return (
            f"{len(self.paired_lr)} pairs and {len(self.unpaired_lr)} + {len(self.unpaired_phase)} unpaired images "
            f"for training, {len(self.held_out_lr)} pairs held out"
        )


def load_frame(path: Path, kind: str) -> torch.Tensor:
    """Read one file for training.

    Parameters
    ----------
    path : Path
        TIFF with a pixel size.
    kind : {"lr", "phase"}
        How to normalise it.

    Returns
    -------
    Tensor, float32, shape (H, W)
        Contrast or radians on the model's grid.

    Raises
    ------
    InputError
        Naming the file, if it cannot serve.
    """
    image, _ = to_luminance(read_image(path))
    check_pixels(image) if kind == "lr" else _check_finite(image, path)
    if image.data.ndim != 2:
        raise InputError(f"{path}: training wants single frames, this has axes {image.axes}; split it with 'tile'")
    pixel_size_um = check_pixel_size(image.pixel_size_um, str(path))
    if kind == "lr":
        return contrast_on_model_grid(image.data, pixel_size_um)[0]
    return to_model_grid(torch.from_numpy(np.asarray(image.data, np.float32)), pixel_size_um)


def _check_finite(image: Image, path: Path) -> None:
    if not np.isfinite(image.data).all():
        raise InputError(f"{path}: holds NaN or infinite values; replace them before training")


def gather(settings: TrainSettings) -> TrainingData:
    """Find the files of a run, split them, and check that they can serve.

    Tiles of one source frame, named ``FRAME_r0c1``, never stand on both sides of the split.

    Raises
    ------
    InputError
        If a folder is missing, empty, or holds images that cannot serve.
    """
    lr: list[Path] = []
    phase: list[Path] = []
    for folder in settings.pairs:
        pair_lr, pair_phase = _pairs_in(folder)
        lr += pair_lr
        phase += pair_phase
    held = _held_out(lr, settings)
    free_lr = find_images(settings.lr) if settings.lr else []
    free_phase = find_images(settings.phase) if settings.phase else []
    kept = [i for i in range(len(lr)) if i not in held]
    paired_lr, paired_phase = [lr[i] for i in kept], [phase[i] for i in kept]
    data = TrainingData(
        Frames(paired_lr, "lr"),
        Frames(paired_phase, "phase"),
        Frames(free_lr or paired_lr, "lr"),
        Frames(free_phase or paired_phase, "phase"),
        Frames([lr[i] for i in sorted(held)], "lr"),
        Frames([phase[i] for i in sorted(held)], "phase"),
    )
    for frames in (data.unpaired_lr, data.unpaired_phase, data.paired_lr, data.paired_phase):
        if len(frames) and min(frames.load(0).shape) < settings.crop_px:
            shape = " x ".join(str(side) for side in frames.load(0).shape)
            raise InputError(
                f"{frames.paths[0]}: {shape} px on the model's grid, smaller than the training crop of "
                f"{settings.crop_px} px; choose a smaller crop_px or larger tiles"
            )
    return data


def _pairs_in(folder: Path) -> tuple[list[Path], list[Path]]:
    lr = find_images(folder / "lr")
    phase = {path.name: path for path in find_images(folder / "phase")}
    both = [path for path in lr if path.name in phase]
    if not both:
        raise InputError(f"{folder}: no file name stands in both its lr and its phase folder; write it with 'simulate'")
    return both, [phase[path.name] for path in both]


def _held_out(paths: Sequence[Path], settings: TrainSettings) -> set[int]:
    """Indices of the held-out pairs: every k-th source frame of each folder."""
    if not settings.validation_fraction or not paths:
        return set()
    sources = sorted({_source(path) for path in paths})
    stride = max(2, round(1 / settings.validation_fraction))
    chosen = set(sources[stride - 1 :: stride]) or set(sources[-1:] if len(sources) > 1 else [])
    return {index for index, path in enumerate(paths) if _source(path) in chosen}


def _source(path: Path) -> str:
    stem = path.name.split(".")[0]
    return f"{path.parent}/{re.sub(r'_r[0-9]+c[0-9]+$', '', stem)}"


def draw_pairs(
    lr: Frames, phase: Frames, settings: TrainSettings, step: int, stream: int = PAIRED
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a batch of pairs: the same random crop, flip and quarter turn for both halves.

    Returns
    -------
    contrast, phase_rad : Tensor, shape (batch, 1, crop, crop)
    """
    rng = np.random.default_rng([settings.seed, step, stream])
    batch = [_augment([lr.load(i), phase.load(i)], settings.crop_px, rng) for i in _choose(len(lr), settings, rng)]
    return torch.stack([pair[0] for pair in batch])[:, None], torch.stack([pair[1] for pair in batch])[:, None]


def draw_single(frames: Frames, settings: TrainSettings, step: int, stream: int) -> torch.Tensor:
    """Draw a batch from one list; shape (batch, 1, crop, crop)."""
    rng = np.random.default_rng([settings.seed, step, stream])
    batch = [_augment([frames.load(i)], settings.crop_px, rng)[0] for i in _choose(len(frames), settings, rng)]
    return torch.stack(batch)[:, None]


def _choose(count: int, settings: TrainSettings, rng: np.random.Generator) -> list[int]:
    return [int(i) for i in rng.integers(count, size=settings.batch_size)]


def _augment(maps: list[torch.Tensor], crop_px: int, rng: np.random.Generator) -> list[torch.Tensor]:
    height, width = (min(m.shape[axis] for m in maps) for axis in (0, 1))
    if min(height, width) < crop_px:
        raise InputError(f"a training image of {height} x {width} px is smaller than the crop of {crop_px} px")
    top, left = rng.integers(height - crop_px + 1), rng.integers(width - crop_px + 1)
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    cut = [torch.rot90(m[top : top + crop_px, left : left + crop_px], turns) for m in maps]
    return [c.flip(0) if mirror else c for c in cut]
