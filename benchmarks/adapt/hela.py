"""Adapt on one half of the real 20x HeLa pair, score the other half, and draw it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from benchmarks.adapt.running import adapted
from benchmarks.real.hela import STACK, load_pair
from benchmarks.specimens.pictures import save_small
from benchmarks.specimens.real import HELA_WAVELENGTH_UM
from benchmarks.training.timing import print_head, print_row
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from napari_contransgan.config import AdaptSettings, PredictSettings, TieSettings
from napari_contransgan.evaluation import band_agreement
from napari_contransgan.evaluation.scores import correlation
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.models.normalisation import to_model_grid
from napari_contransgan.progress import result_of

MARGIN_PX = 24
"""Gap between the halves, in camera pixels."""

Maps = Sequence[NDArray[np.floating]]


def score_halves(picture: Path | None = None) -> None:
    """Print the agreement with TIE on the half that was not adapted on, for both planes.

    Parameters
    ----------
    picture : Path, optional
        PNG to write, with the maps of the right half.
    """
    if not STACK.is_file():
        print(f"(skipped: {STACK.name} is not under ../shared/data)")
        return
    pair = load_pair()
    bundled = load_checkpoint(find_model(DEFAULT_MODEL))
    middle = pair.stack.data.shape[-1] // 2
    halves = {"left": np.s_[: middle - MARGIN_PX], "right": np.s_[middle + MARGIN_PX :]}
    print_head(
        "adapted on", "scored on", "plane", "band correlation", "band slope", "whole-map correlation", "kept", "s"
    )
    for learnt, scored in (("left", "right"), ("right", "left")):
        stack = replace(pair.stack, data=pair.stack.data[:, :, halves[learnt]])
        loaded, result = adapted(
            [stack], AdaptSettings(planes="all", tie=TieSettings(wavelength_um=HELA_WAVELENGTH_UM))
        )
        rows: dict[str, Maps] = {}
        for plane, name in enumerate(("in focus", "+2.5 um")):
            frame = replace(pair.stack, data=pair.stack.data[plane], axes="YX", z_step_um=None)
            figures, maps_rad = [], []
            for network in (bundled, loaded):
                yx_phase_rad = result_of(predict(frame, PredictSettings(), network)).data
                here = _columns(halves[scored], pair.stack, yx_phase_rad.shape)
                inside, tie = pair.inside[:, here], pair.yx_tie_rad[:, here]
                found = band_agreement(yx_phase_rad[:, here], tie, inside)
                whole = correlation(yx_phase_rad[:, here][inside], tie[inside])
                figures.append((found.correlation, found.slope, whole))
                maps_rad.append(np.where(inside, yx_phase_rad[:, here], np.nan))
            rows[name] = (*maps_rad, np.where(inside, tie, np.nan))
            print_row(
                learnt,
                scored,
                name,
                *(f"{before:.2f} -> {after:.2f}" for before, after in zip(*figures, strict=True)),
                result.kept,
                f"{60 * result.minutes:.0f}",
            )
        if picture is not None and scored == "right":
            _draw(picture, rows)


def _draw(path: Path, rows: dict[str, Maps]) -> None:
    """Draw phase before and after adapting next to TIE, a row for each plane, from 0 to 3 rad."""
    figure, axes = plt.subplots(len(rows), 3, figsize=(7.4, 7.6), layout="constrained")
    for (name, maps_rad), line in zip(rows.items(), axes, strict=True):
        for axis, yx_phase_rad, title in zip(line, maps_rad, ("before", "after", "TIE"), strict=True):
            lit = np.flatnonzero(np.isfinite(yx_phase_rad).any(axis=1))
            shown = axis.imshow(yx_phase_rad[lit[0] : lit[-1] : 2, ::2], cmap="viridis", vmin=0, vmax=3)
            axis.set(title=f"{title}, {name}" if title != "TIE" else title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, label="phase, rad", shrink=0.5)
    save_small(figure, path)


def _columns(half: slice, stack: Image, shape: tuple[int, ...]) -> slice:
    """Return the columns on the model's grid that belong to a half."""
    mask = np.zeros(stack.data.shape[-2:], np.float32)
    mask[:, half] = 1
    on_grid = to_model_grid(torch.from_numpy(mask), stack.pixel_size_um or 0.0).numpy()[:, : shape[1]] > 0.5
    columns = np.flatnonzero(on_grid[on_grid.shape[0] // 2])
    return slice(int(columns[0]), int(columns[-1]) + 1)
