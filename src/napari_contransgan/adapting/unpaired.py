"""Frames and phase of different places: the digital microscope is fitted to the frames and turns phase into pairs.

Image formation from phase is known except for focus, condenser and absorption. These determine the ratio of the
strength of structure in the frames to that in the phase, at each size. The number of cells in a field changes both
alike, so the shape of the ratio matters and its level little.
"""

import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import skew

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.adapting.frames import Frame
from napari_contransgan.adapting.stack_fit import aperture_of, describe_microscope
from napari_contransgan.errors import InputError
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress
from napari_contransgan.simulation.image_formation import Optics
from napari_contransgan.training.physics import ForwardModel

FOCUS_SHARES = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Focus positions to try, in units of 0.25 wavelength / NA^2."""
COHERENCES = (0.2, 0.4, 0.6, 0.8, 1.0)
ABSORPTIONS = (0.0, 0.02, 0.05)
"""Exponents of amplitude per radian to try."""
PATCH_PX = 256
MOST_PATCHES = 6
LONGEST_UM, SHORTEST_OF_CUTOFF = 50.0, 2.0
"""Compared spatial periods: from this length down to this multiple of the finest that the lens resolves."""
BINS = 12
LEVEL_SPREAD = 0.35
"""Random variation of the logarithm of the fields' total structure."""
SKEW_SPREAD = 0.5
LOG_SPREAD = 0.25
NEIGHBOURS = 4
"""Number of the best settings that make pairs, since none is certain."""


@dataclass(frozen=True)
class Fit:
    """A setting of the digital microscope, and its misfit to the frames.

    Parameters
    ----------
    model : ForwardModel
        The setting.
    misfit : float
        The lower the better.
    """

    model: ForwardModel
    misfit: float

    def describe(self) -> str:
        """Describe the setting."""
        return describe_microscope(self.model)


@dataclass(frozen=True)
class _Look:
    """How strong structure of each size is, and whether it is rather bright or dark."""

    log_power: NDArray[np.float64]
    skewness: float


def fit_microscope(fields: Sequence[AdaptField], frames: Sequence[Frame]) -> Generator[Progress, None, list[Fit]]:
    """Find the focus, condenser and absorption with which the phase of the fields gives images like the frames.

    Returns
    -------
    list of Fit
        The best settings, best first.

    Raises
    ------
    InputError
        If the frames or the phase are too small.
    """
    aperture = aperture_of(frames[0])
    wavelength_um = fields[0].wavelength_um
    cutoff_per_um = 2 * aperture / wavelength_um
    band = (1 / LONGEST_UM, min(cutoff_per_um / SHORTEST_OF_CUTOFF, 0.45 / frames[0].pixel_size_um))
    phase = _patches([(field.yx_label_rad, field.yx_weight.numpy() > 0) for field in fields], "phase maps")
    seen = _look(_patches([(frame.yx_contrast, frame.yx_known) for frame in frames], "frames"), band)
    share_um = 0.25 * wavelength_um / aperture**2
    tried = list(itertools.product(FOCUS_SHARES, COHERENCES, ABSORPTIONS))
    fits: list[Fit] = []
    for number, (share, coherence, absorption) in enumerate(tried):
        model = ForwardModel(
            Optics(aperture, wavelength_um, coherence), share * share_um, frames[0].pixel_size_um, absorption
        )
        with torch.inference_mode():
            made = _look(model.contrast(phase), band)
        fits.append(Fit(model, _misfit(made, seen)))
        yield Progress(number + 1, len(tried), "fitting the microscope to the frames")
    return sorted(fits, key=lambda fit: fit.misfit)[:NEIGHBOURS]


def simulated_fields(fields: Sequence[AdaptField], frames: Sequence[Frame], fits: Sequence[Fit]) -> list[AdaptField]:
    """Replace each field's planes by those that the fitted microscopes would record of its phase."""
    return [
        replace(
            field,
            zyx_contrast=torch.stack([_imaged(field.yx_label_rad, fit.model) for fit in fits]),
            focus_index=None,
            pixel_size_um=frames[0].pixel_size_um,
            optics=f"fitted to {frames[0].name}: {fits[0].describe()}",
        )
        for field in fields
    ]


def _imaged(yx_phase_rad: torch.Tensor, model: ForwardModel) -> torch.Tensor:
    """Compute the contrast of a phase map, continued by its mirror image."""
    height, width = yx_phase_rad.shape
    border = min(model.border_px, min(height, width) - 1)
    side = max(height, width) + 2 * border
    padded = np.pad(
        yx_phase_rad.numpy(), ((border, side - height - border), (border, side - width - border)), mode="symmetric"
    )
    with torch.inference_mode():
        contrast = model.contrast(torch.from_numpy(padded)[None, None])[0, 0]
    missing = (max(0, border + height - contrast.shape[0]), max(0, border + width - contrast.shape[1]))
    contrast = torch.from_numpy(np.pad(contrast.numpy(), ((0, missing[0]), (0, missing[1])), mode="edge"))
    return contrast[border : border + height, border : border + width].clone()


def _patches(maps: Sequence[tuple[torch.Tensor, NDArray[np.bool_]]], what: str) -> torch.Tensor:
    """Cut the squares with the most structure out of the known parts of maps; shape (B, 1, side, side)."""
    side = min(PATCH_PX, *(min(values.shape) for values, _ in maps))
    found: list[tuple[float, torch.Tensor]] = []
    for values, known in maps:
        for top, left in itertools.product(*(range(0, size - side + 1, max(1, side // 2)) for size in values.shape)):
            here = (slice(top, top + side), slice(left, left + side))
            if known[here].mean() > 0.95:
                found.append((float(values[here].std()), values[here]))
    if not found or side < 96:
        raise InputError(f"the {what} are too small to compare, or too little of them is usable: give larger ones")
    best = sorted(found, key=lambda one: -one[0])[:MOST_PATCHES]
    return torch.stack([patch for _, patch in best])[:, None].float()


def _look(patches: torch.Tensor, band_per_um: tuple[float, float]) -> _Look:
    values = patches[:, 0].numpy().astype(np.float64)
    side = values.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    values = values - values.mean(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(values * window)) ** 2).mean(axis=0) / (window**2).sum()
    f = np.fft.fftfreq(side, MODEL_PIXEL_SIZE_UM)
    radius = np.hypot(f[:, None], f[None, :])
    edges = np.geomspace(*band_per_um, BINS + 1)
    rings = [power[(radius >= low) & (radius < high)] for low, high in itertools.pairwise(edges)]
    log_power = [np.log(ring.mean() + 1e-12) if ring.size else np.nan for ring in rings]
    smooth = ndimage.gaussian_filter(values, (0, 2.0, 2.0)) - ndimage.gaussian_filter(values, (0, 12.0, 12.0))
    return _Look(np.array(log_power), float(skew(smooth.ravel())))


def _misfit(made: _Look, seen: _Look) -> float:
    difference = (made.log_power - seen.log_power) / 2
    difference = difference[np.isfinite(difference)]
    level = float(difference.mean())
    shape = float(np.mean((difference - level) ** 2))
    return shape / LOG_SPREAD**2 + (level / LEVEL_SPREAD) ** 2 + ((made.skewness - seen.skewness) / SKEW_SPREAD) ** 2
