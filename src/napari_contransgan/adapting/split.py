"""The training parts and the held-out parts of an adaptation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.errors import InputError
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

MARGIN_PX = 48
"""Distance between training and held-out parts: 16 um, about as far as defocused light reaches."""
STRIP_PX = 224
STRIP_SHARE = 0.25
LEAST_STRIP_PX = 48
LONGEST_STRIP_PX = 5 * 224
"""Longer strips improve the scores little, and take longer to predict."""


@dataclass(frozen=True)
class Part:
    """A rectangle of a field, with all its planes.

    Parameters
    ----------
    field : AdaptField
        The field.
    rows, columns : slice
        On the model's grid.
    """

    field: AdaptField
    rows: slice
    columns: slice

    @property
    def shape_yx(self) -> tuple[int, int]:
        """Return height and width in pixels."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def zyx_contrast(self) -> torch.Tensor:
        """Return the contrast of each plane, shape (Z, Y, X)."""
        return self.field.zyx_contrast[:, self.rows, self.columns]

    @property
    def yx_label_rad(self) -> torch.Tensor:
        """Return the TIE phase, shape (Y, X)."""
        return self.field.yx_label_rad[self.rows, self.columns]

    @property
    def yx_weight(self) -> torch.Tensor:
        """Return the reliability of the label, shape (Y, X)."""
        return self.field.yx_weight[self.rows, self.columns]


@dataclass(frozen=True)
class Split:
    """Training parts and held-out parts.

    Parameters
    ----------
    learnt, kept_back : tuple of Part
        No pixel is in both, and pixels of one field are a margin apart.
    description : str
        Description of the held-out parts.
    """

    learnt: tuple[Part, ...]
    kept_back: tuple[Part, ...]
    description: str


def split_fields(fields: Sequence[AdaptField], crop_px: int) -> Split:
    """Hold out whole fields if there are several, else a strip at one side of the field.

    Of several fields, the most typical quarter is held out; of a single field, the most typical side. A part is typical
    if its label varies as much as that of the others. Scores on a part that is not typical would not apply to the rest.

    Parameters
    ----------
    fields : sequence of AdaptField
        All fields.
    crop_px : int
        Side of a training image.

    Raises
    ------
    InputError
        If a field is too small for a crop, or a single field is too small for a crop and a strip.
    """
    for field in fields:
        height, width = field.yx_label_rad.shape
        if min(height, width) < crop_px:
            raise _too_small(field, crop_px)
    if len(fields) > 1:
        count = max(1, len(fields) // 4)
        typical = np.argsort(_oddness([_longest(_whole(field)) for field in fields]), kind="stable")[:count]
        kept = [_longest(_whole(fields[index])) for index in sorted(typical)]
        learnt = [_whole(field) for index, field in enumerate(fields) if index not in typical]
        names = ", ".join(part.field.name for part in kept)
        return Split(tuple(learnt), tuple(kept), f"{names} (of {len(fields)} fields)")
    return _with_strip(fields[0], crop_px)


def _with_strip(field: AdaptField, crop_px: int) -> Split:
    height, width = field.yx_label_rad.shape
    candidates = []
    for axis, side_px in ((0, height), (1, width)):
        strip_px = min(STRIP_PX, int(side_px * STRIP_SHARE))
        rest_px = side_px - strip_px - MARGIN_PX
        if strip_px < LEAST_STRIP_PX or rest_px < crop_px:
            continue
        for strip, rest in (
            (slice(0, strip_px), slice(side_px - rest_px, side_px)),
            (slice(side_px - strip_px, side_px), slice(0, rest_px)),
        ):
            candidates.append((axis, strip, rest))
    if not candidates:
        raise _too_small(field, crop_px)

    def parts(candidate: tuple[int, slice, slice]) -> tuple[Part, Part]:
        axis, strip, rest = candidate
        if axis == 0:
            return Part(field, strip, slice(0, width)), Part(field, rest, slice(0, width))
        return Part(field, slice(0, height), strip), Part(field, slice(0, height), rest)

    pairs = [(_longest(kept), learnt) for kept, learnt in map(parts, candidates)]
    kept, learnt = pairs[int(np.argmin(_oddness([kept for kept, _ in pairs])))]
    size = " x ".join(f"{side * MODEL_PIXEL_SIZE_UM:.0f}" for side in kept.shape_yx)
    where = _where(kept, learnt)
    return Split((learnt,), (kept,), f"a strip of {size} um at the {where} of {field.name}")


def _where(kept: Part, learnt: Part) -> str:
    if kept.rows.stop <= learnt.rows.start:
        return "top"
    if kept.rows.start >= learnt.rows.stop:
        return "bottom"
    return "left" if kept.columns.stop <= learnt.columns.start else "right"


def _whole(field: AdaptField) -> Part:
    height, width = field.yx_label_rad.shape
    return Part(field, slice(0, height), slice(0, width))


def _longest(part: Part) -> Part:
    """Return the middle of a long part, which is enough to be scored on."""
    spans = []
    budget_px = STRIP_PX * LONGEST_STRIP_PX
    height, width = part.shape_yx
    largest = (min(height, max(STRIP_PX, budget_px // max(1, min(width, LONGEST_STRIP_PX)))), LONGEST_STRIP_PX)
    if height > width:
        largest = (LONGEST_STRIP_PX, min(width, max(STRIP_PX, budget_px // min(height, LONGEST_STRIP_PX))))
    for span, most_px in zip((part.rows, part.columns), largest, strict=True):
        excess_px = max(0, span.stop - span.start - most_px)
        spans.append(slice(span.start + excess_px // 2, span.stop - (excess_px - excess_px // 2)))
    return Part(part.field, *spans)


def _oddness(parts: Sequence[Part]) -> NDArray[np.float64]:
    """Return each part's distance from the median signal; infinite if hardly anything is known."""
    signals = np.array([_signal(part) for part in parts])
    usable = signals > 0
    if not usable.any():
        return np.zeros(len(parts))
    logs = np.log(np.where(usable, signals, 1.0))
    return np.where(usable, np.abs(logs - np.median(logs[usable])), np.inf)


def _signal(part: Part) -> float:
    """Return the standard deviation of the cell-sized structure of the label, where the label is known."""
    label_rad, known = part.yx_label_rad.numpy(), part.yx_weight.numpy() > 0
    if np.mean(known) < 0.2:
        return 0.0
    band_rad = ndimage.gaussian_filter(label_rad, 2.0) - ndimage.gaussian_filter(label_rad, 40.0)
    return float(band_rad[known].std())


def _too_small(field: AdaptField, crop_px: int) -> InputError:
    height, width = field.yx_label_rad.shape
    needed = (crop_px + MARGIN_PX) / (1 - STRIP_SHARE) * MODEL_PIXEL_SIZE_UM
    return InputError(
        f"{field.name}: {height * MODEL_PIXEL_SIZE_UM:.0f} x {width * MODEL_PIXEL_SIZE_UM:.0f} um are too small to "
        f"learn from and to keep a part back: give a stack of at least {needed:.0f} um a side, or several stacks"
    )
