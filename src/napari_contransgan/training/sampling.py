"""Drawing batches: which images and which part of each, rotated, mirrored and magnified at random.

Every image of a batch has its own random numbers, which depend only on (seed, step, stream, item). So a resumed run
draws the same images, and a batch can be drawn in parts or by several processes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.training.frames import FrameList, UnusableImageError

PAIRED, UNPAIRED_LR, UNPAIRED_PHASE, POOL = range(4)
"""Independent streams of random numbers within one step."""

INTERPOLATIONS = ("nearest-exact", "bilinear", "bicubic")


def draw_pairs(
    lr: FrameList,
    phase: FrameList,
    settings: TrainSettings,
    step: int,
    stream: int = PAIRED,
    items: Sequence[int] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw pairs of a batch: the same random crop, flip and quarter turn for both halves.

    Parameters
    ----------
    lr, phase : FrameList
        The halves.
    settings, step, stream
        Determine the random numbers.
    items : sequence of int, optional
        Which of the batch's images; all of them by default.

    Returns
    -------
    contrast, phase_rad : Tensor, shape (items, 1, crop, crop)

    Raises
    ------
    InputError
        If an image is unusable, or none is left.
    """
    batch = [draw_item([lr, phase], settings, step, stream, item) for item in _items(settings, items)]
    return torch.stack([pair[0] for pair in batch])[:, None], torch.stack([pair[1] for pair in batch])[:, None]


def draw_single(
    frames: FrameList, settings: TrainSettings, step: int, stream: int, items: Sequence[int] | None = None
) -> torch.Tensor:
    """Draw images of a batch from one list, as `draw_pairs` does; shape (items, 1, crop, crop)."""
    batch = [draw_item([frames], settings, step, stream, item)[0] for item in _items(settings, items)]
    return torch.stack(batch)[:, None]


def chosen_index(
    lists: Sequence[FrameList], settings: TrainSettings, step: int, stream: int, item: int
) -> tuple[int, np.random.Generator]:
    """Choose the image of a batch item from parallel lists; return it with the generator's further numbers.

    An unusable image is drawn again, so the choice depends on which images are unusable and not on when that is found.

    Raises
    ------
    InputError
        If every image is left out.
    """
    rng = np.random.default_rng([settings.seed, step, stream, item])
    count = len(lists[0])
    index = int(rng.integers(count))
    while _is_bad(lists, index):
        if all(_is_bad(lists, other) for other in range(count)):
            raise InputError("no image is left to train on: every one was left out; see the reasons given for them")
        index = int(rng.integers(count))
    return index, rng


def draw_item(
    lists: Sequence[FrameList], settings: TrainSettings, step: int, stream: int, item: int
) -> list[torch.Tensor]:
    """Draw one item of a batch from parallel lists, the same part of each; shape (crop, crop) each."""
    while True:
        index, rng = chosen_index(lists, settings, step, stream, item)
        maps = load_together(lists, index, settings.crop_px)
        if maps is not None:
            return augment(maps, settings.crop_px, rng, settings.scale_range)
        # Its list has now recorded it as unusable, so a different one is chosen.


def load_together(lists: Sequence[FrameList], index: int, crop_px: int) -> list[torch.Tensor] | None:
    """Load the images at an index of parallel lists; return None if one is left out, or must be from now on.

    Raises
    ------
    InputError
        If an image is unusable and the run does not continue without it.
    """
    try:
        return [one.load(index, crop_px) for one in lists]
    except UnusableImageError:
        return None


def augment(
    maps: Sequence[torch.Tensor],
    crop_px: int,
    rng: np.random.Generator,
    scale_range: tuple[float, float] = (1.0, 1.0),
) -> list[torch.Tensor]:
    """Cut the same square out of maps of one field of view; magnify, rotate and mirror it; keep the values.

    Parameters
    ----------
    maps : sequence of Tensor, shape (H, W)
        At least `crop_px` on each side.
    crop_px : int
        Side of the result.
    rng : Generator
        Source of random numbers.
    scale_range : (float, float)
        Range of the magnification. If a map is too small for one below 1, the largest square that fits is used.

    Returns
    -------
    list of Tensor, shape (crop, crop)
    """
    height, width = (min(m.shape[axis] for m in maps) for axis in (0, 1))
    window_px, mode = crop_px, ""
    if scale_range != (1.0, 1.0):
        window_px = min(round(crop_px / rng.uniform(*scale_range)), height, width)
        mode = INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))]
    top, left = rng.integers(height - window_px + 1), rng.integers(width - window_px + 1)
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    cut = [m[top : top + window_px, left : left + window_px] for m in maps]
    if window_px != crop_px:
        cut = [_resized(c, crop_px, mode) for c in cut]
    turned = [torch.rot90(c, turns) for c in cut]
    return [c.flip(0) if mirror else c for c in turned]


def _resized(yx: torch.Tensor, side_px: int, mode: str) -> torch.Tensor:
    smooth = {} if mode == "nearest-exact" else {"align_corners": False, "antialias": yx.shape[0] > side_px}
    resized: torch.Tensor = functional.interpolate(yx[None, None], size=(side_px, side_px), mode=mode, **smooth)
    return resized[0, 0]


def _items(settings: TrainSettings, items: Sequence[int] | None) -> Sequence[int]:
    return range(settings.batch_size) if items is None else items


def _is_bad(lists: Sequence[FrameList], index: int) -> bool:
    return any(one.is_bad(index) for one in lists)
