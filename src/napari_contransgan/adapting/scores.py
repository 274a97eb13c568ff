"""A network's phase on the held-out part, its scores against TIE, and the final scale factor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from napari_contransgan.adapting.events import PartScores
from napari_contransgan.adapting.losses import blur_px
from napari_contransgan.adapting.split import Part
from napari_contransgan.config import PrecisionName
from napari_contransgan.evaluation.band import band_pass
from napari_contransgan.models.compute import autocast
from napari_contransgan.models.tile_gain import TileGain
from napari_contransgan.tiles import blend_window, cover

FloatMap = NDArray[np.float32]

TILE_PX, OVERLAP_PX = 224, 32
LEAST_WEIGHT = 0.1
"""Pixels with a lower reliability are left out of the scores."""
SCALE_RANGE, LEAST_SLOPE = (0.5, 2.0), 0.01
MOST_WINDOWS = 16
"""Number of windows of the training parts to which the scale is fitted, if they have more; planes count one by one."""
OWN_SHARE = 2 / 3
"""Weight of the user's field in the scale, against fields simulated with the fitted microscope."""
SIMULATED_SHARE = 2 / 3
"""Share of the correction that simulated fields alone give: their cells are not those of the user."""


@dataclass(frozen=True)
class Applied:
    """A network on a device.

    Parameters
    ----------
    network : Module
        From contrast to phase in units of `phase_ref_rad`.
    phase_ref_rad : float
        Reference phase of its card.
    device : torch.device
        Where it is.
    precision : {"auto", "fp32", "bf16"}
        Numerical precision.
    gain : TileGain or None
        Factor for each tile.
    """

    network: nn.Module
    phase_ref_rad: float
    device: torch.device
    precision: PrecisionName = "fp32"
    gain: TileGain | None = None

    def phase_rad(self, yx_contrast: torch.Tensor) -> FloatMap:
        """Return the phase of one contrast map, computed in overlapping tiles; shape (Y, X) each."""
        contrast = yx_contrast.numpy()
        height, width = contrast.shape
        missing = ((0, max(0, TILE_PX - height)), (0, max(0, TILE_PX - width)))
        padded = np.pad(contrast, missing, mode="symmetric")
        shape = (padded.shape[0], padded.shape[1])
        total, weights = np.zeros_like(padded), np.zeros_like(padded)
        self.network.eval()
        for tile in cover(shape, TILE_PX, OVERLAP_PX):
            batch = torch.from_numpy(np.ascontiguousarray(padded[tile.slices]))[None, None].to(self.device)
            with torch.inference_mode(), autocast(self.device, self.precision):
                output = self.network(batch.contiguous(memory_format=torch.channels_last))
            yx_output = output[0, 0].float().cpu().numpy()
            if self.gain is not None:
                yx_output = yx_output * self.gain.factor(padded[tile.slices], yx_output)
            weight = blend_window(tile, shape, OVERLAP_PX)
            total[tile.slices] += weight * yx_output
            weights[tile.slices] += weight
        return np.asarray((total / weights)[:height, :width] * self.phase_ref_rad, np.float32)

    def planes_rad(self, part: Part) -> FloatMap:
        """Return the phase from each plane of a part, shape (Z, Y, X)."""
        return np.stack([self.phase_rad(plane) for plane in part.zyx_contrast])


@dataclass(frozen=True)
class Phases:
    """A network's phase of everything that it is scored on.

    Parameters
    ----------
    kept_back, learnt : tuple of ndarray, shape (Z, Y, X)
        Of the held-out parts, and of windows of the training parts.
    simulated : tuple of ndarray, shape (Y, X)
        Of held-out simulated fields.
    """

    kept_back: tuple[FloatMap, ...]
    learnt: tuple[FloatMap, ...]
    simulated: tuple[FloatMap, ...]

    def times(self, factor: float) -> "Phases":
        """Return all phases multiplied by a factor."""
        values = (self.kept_back, self.learnt, self.simulated)
        return Phases(*(tuple(factor * phase for phase in phases) for phases in values))


def levelled_square(yx_phase_rad: FloatMap, yx_truth_rad: FloatMap) -> float:
    """Return the mean squared difference after the medians were made equal."""
    height, width = (min(sides) for sides in zip(yx_phase_rad.shape, yx_truth_rad.shape, strict=True))
    difference = yx_phase_rad[:height, :width] - yx_truth_rad[:height, :width]
    level = np.median(yx_phase_rad[:height, :width]) - np.median(yx_truth_rad[:height, :width])
    return float(np.mean((difference - level) ** 2))


def score(parts: Sequence[Part], phases_rad: Sequence[FloatMap]) -> PartScores:
    """Compare phases with the TIE phase of parts, all planes and parts together.

    Both are blurred as in training, so that fine structure that TIE cannot show does not count. Where TIE does not
    determine the zero of the phase, maps are compared within a band of spatial frequencies.

    Parameters
    ----------
    parts : sequence of Part
        The held-out parts.
    phases_rad : sequence of ndarray, shape (Z, Y, X)
        Phase from each plane of each part.
    """
    pairs = []
    for part, zyx_phase_rad in zip(parts, phases_rad, strict=True):
        for yx_phase_rad, count in zip(zyx_phase_rad, part.field.plane_counts, strict=True):
            pairs += [comparable(part, yx_phase_rad)] * count
    difference = np.concatenate([phase - label for phase, label in pairs])
    phase = np.concatenate([phase - phase.mean() for phase, _ in pairs])
    label = np.concatenate([label - label.mean() for _, label in pairs])
    power, own, both = float(np.sum(label**2)), float(np.sum(phase**2)), float(np.sum(phase * label))
    return PartScores(
        slope=both / power if power > 0 else 0.0,
        correlation=both / float(np.sqrt(power * own)) if power * own > 0 else 0.0,
        rmse_rad=float(np.sqrt(np.mean(difference**2))),
    )


def comparable(part: Part, yx_phase_rad: FloatMap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return phase and label where the label is reliable, blurred and levelled; one dimension each."""
    known = part.yx_weight.numpy() >= LEAST_WEIGHT
    label_rad = part.yx_label_rad.numpy()
    if not known.any():
        return np.zeros(0), np.zeros(0)
    if not part.field.has_zero:
        sigma = max(2.0, blur_px(part.field.pixel_size_um))
        phase, label = (band_pass(values, known, fine_px=sigma)[known] for values in (yx_phase_rad, label_rad))
        return phase, label
    sigma = blur_px(part.field.pixel_size_um)
    phase, label = (
        ndimage.gaussian_filter(values.astype(np.float64), sigma)[known] for values in (yx_phase_rad, label_rad)
    )
    return phase - np.median(phase), label - np.median(label)


def fit_scale(own_slope: float | None, simulated_slope: float | None) -> float:
    """Return the factor that brings a network's slope to 1.

    The slope on the user's field is exact for its cells, which may differ from the rest of the dish, and was learned
    from; that on simulated fields is that of other cells. See docs/background/adapting-results.md.

    Parameters
    ----------
    own_slope : float or None
        Slope against the label in the training parts, if their planes were recorded.
    simulated_slope : float or None
        Slope against the truth on held-out simulated fields, if there are any.
    """
    own_share = OWN_SHARE if simulated_slope is not None else 1.0
    simulated_share = SIMULATED_SHARE if own_slope is None else 1 - OWN_SHARE
    both = ((own_slope, own_share), (simulated_slope, simulated_share))
    slope = math.prod(max(slope, LEAST_SLOPE) ** share for slope, share in both if slope is not None)
    return float(np.clip(1 / slope, *SCALE_RANGE))


def slope_on(phases_rad: Sequence[FloatMap], truths_rad: Sequence[FloatMap]) -> float:
    """Return the slope of phases against the truth, over all fields together; the level of a phase does not matter."""
    both = power = 0.0
    for phase, truth in zip(phases_rad, truths_rad, strict=True):
        height, width = (min(sides) for sides in zip(phase.shape, truth.shape, strict=True))
        known = truth[:height, :width].astype(np.float64)
        known -= known.mean()
        both += float(np.sum(known * phase[:height, :width]))
        power += float(np.sum(known**2))
    return both / power if power > 0 else 0.0


def learnt_windows(parts: Sequence[Part], rng: np.random.Generator) -> tuple[Part, ...]:
    """Cover the training parts with windows; of many, choose some."""
    windows = [
        _within(part, *tile.slices) for part in parts for tile in cover(part.shape_yx, min(TILE_PX, *part.shape_yx), 0)
    ]
    if len(windows) <= MOST_WINDOWS:
        return tuple(windows)
    return tuple(windows[int(number)] for number in sorted(rng.choice(len(windows), MOST_WINDOWS, replace=False)))


def _within(part: Part, rows: slice, columns: slice) -> Part:
    """Return a rectangle of a part."""
    top, left = part.rows.start, part.columns.start
    return Part(
        part.field,
        slice(top + rows.start, top + rows.stop),
        slice(left + columns.start, left + columns.stop),
    )


@torch.no_grad()
def fold_scale(network: nn.Module, factor: float) -> None:
    """Multiply a network's output by a factor, in its last layer."""
    head = network.get_submodule("head.conv")  # every generator ends in a `LinearHead`
    for values in head.parameters():
        values.mul_(factor)
