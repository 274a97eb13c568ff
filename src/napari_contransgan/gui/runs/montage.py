"""Previews as montages: the samples below each other, one montage for each kind of map."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TrainSettings
from napari_contransgan.training.events import Preview
from napari_contransgan.training.recipe import warm_start_steps
from napari_contransgan.unlit import opened

Kind = Literal["input", "output", "label", "cycled"]

TITLES: Mapping[Kind, str] = {
    "input": "input contrast",
    "output": "output phase (rad)",
    "label": "true phase (rad)",
    "cycled": "contrast made again",
}
"""Titles of the columns, from the left."""

PHASES: tuple[Kind, ...] = ("output", "label")

GAP_PX = 8
"""Gap between samples, and between columns."""


def montages(previews: Sequence[Preview]) -> dict[Kind, NDArray[np.float32]]:
    """Arrange the samples of each kind below each other.

    Parameters
    ----------
    previews : sequence of Preview
        One for each sample.

    Returns
    -------
    dict
        Pictures of one shape (rows, columns), float32, of the kinds that a sample has; nan between the samples, in
        place of a sample that lacks the kind, and where a sample got no light.
    """
    dark = [_without_light(preview) for preview in previews]
    maps = {kind: [_map(preview, kind) for preview in previews] for kind in TITLES}
    heights = [preview.yx_input.shape[0] for preview in previews]
    width = max((preview.yx_input.shape[1] for preview in previews), default=0)
    tops = np.cumsum([0, *(height + GAP_PX for height in heights)])
    pictures: dict[Kind, NDArray[np.float32]] = {}
    for kind, samples in maps.items():
        if all(sample is None for sample in samples):
            continue
        picture = np.full((int(tops[-1]) - GAP_PX, width), np.nan, np.float32)
        for top, sample, yx_dark in zip(tops, samples, dark, strict=False):
            if sample is not None:
                picture[top : top + sample.shape[0], : sample.shape[1]] = np.where(yx_dark, np.nan, sample)
        pictures[kind] = picture
    return pictures


def blank_previews(settings: TrainSettings) -> list[Preview]:
    """Make empty previews of a run, as many and of the kinds that its settings imply."""
    blank = np.zeros((settings.crop_px, settings.crop_px), np.float32)
    turned_back = blank if warm_start_steps(settings) < settings.steps else None
    label = blank if settings.has_pairs and settings.validation_fraction else None
    return [Preview(blank, blank, turned_back, label)] * settings.previews


def columns(pictures: Mapping[Kind, NDArray[np.float32]]) -> dict[Kind, int]:
    """Return the first pixel of each kind's column, with the columns side by side."""
    places: dict[Kind, int] = {}
    left = 0
    for kind in TITLES:
        if kind in pictures:
            places[kind] = left
            left += pictures[kind].shape[-1] + GAP_PX
    return places


def _map(preview: Preview, kind: Kind) -> NDArray[np.float32] | None:
    return {
        "input": preview.yx_input,
        "output": preview.yx_output_rad,
        "label": preview.yx_label_rad,
        "cycled": preview.yx_cycled,
    }[kind]


def _without_light(preview: Preview) -> NDArray[np.bool_]:
    """Return where a sample got no light: its contrast is set to exactly 0 there, unless all of it is empty."""
    yx_dark = opened(preview.yx_input == 0)
    return yx_dark & ~yx_dark.all()
