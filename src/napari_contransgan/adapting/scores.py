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
from napari_contransgan.tiles import blend_window, cover

FloatMap = NDArray[np.float32]

TILE_PX, OVERLAP_PX = 224, 32
LEAST_ERROR_RAD = 1e-6
LEAST_WEIGHT = 0.1
"""Pixels with a lower reliability are left out of the scores."""
SCALE_RANGE = (0.5, 2.0)
SCALE_WINDOWS = 8
"""Number of windows of the training parts to which the scale is fitted."""


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
    """

    network: nn.Module
    phase_ref_rad: float
    device: torch.device
    precision: PrecisionName = "fp32"

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
            weight = blend_window(tile, shape, OVERLAP_PX)
            total[tile.slices] += weight * output[0, 0].float().cpu().numpy()
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


@dataclass(frozen=True)
class Errors:
    """Root-mean-square errors on the user's field, against TIE, and on simulated fields, if any, against the truth."""

    own_rad: float
    simulated_rad: float | None

    def relative_to(self, other: "Errors") -> tuple[float, float]:
        """Return the logarithms of the ratios to other errors; that of simulated fields is 0 if there are none."""
        own = math.log(max(self.own_rad, LEAST_ERROR_RAD) / max(other.own_rad, LEAST_ERROR_RAD))
        if self.simulated_rad is None or not other.simulated_rad:
            return own, 0.0
        return own, math.log(max(self.simulated_rad, LEAST_ERROR_RAD) / other.simulated_rad)


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


def fit_scale(windows: Sequence[Part], phases_rad: Sequence[FloatMap]) -> float:
    """Fit the factor that gives a network's phase a slope of 1 against the label, on windows of the training parts.

    The factor of least error there would be smaller, by the square of the correlation. But elsewhere a network gives
    a few per cent less phase than where it learned; see docs/background/adapting-results.md.
    """
    found = score(windows, phases_rad)
    return float(np.clip(1 / found.slope, *SCALE_RANGE)) if found.slope > 0 else 1.0


def learnt_windows(parts: Sequence[Part], rng: np.random.Generator) -> tuple[Part, ...]:
    """Choose windows of the training parts, evenly over their area."""
    areas = np.array([part.shape_yx[0] * part.shape_yx[1] for part in parts], np.float64)
    chosen = rng.choice(len(parts), SCALE_WINDOWS, p=areas / areas.sum())
    return tuple(_window(parts[int(number)], rng) for number in chosen)


def _window(part: Part, rng: np.random.Generator) -> Part:
    spans = []
    for span in (part.rows, part.columns):
        side = min(TILE_PX, span.stop - span.start)
        first = span.start + int(rng.integers(span.stop - span.start - side + 1))
        spans.append(slice(first, first + side))
    return Part(part.field, spans[0], spans[1])


@torch.no_grad()
def fold_scale(network: nn.Module, factor: float) -> None:
    """Multiply a network's output by a factor, in its last layer."""
    head = network.get_submodule("head.conv")  # every generator ends in a `LinearHead`
    for values in head.parameters():
        values.mul_(factor)
