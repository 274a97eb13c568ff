"""Convert camera counts to the input of a network.

The input is the contrast, (I / I_background - 1) / 0.1, on the model's grid. It is never scaled by the minimum and
maximum of an image, which would discard the scale of the phase.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from napari_contransgan.counts import check_dark, check_intensities, clipped_note, less_dark
from napari_contransgan.errors import UnusableFrameError
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.resampling import block_mean
from napari_contransgan.robust import robust_sigma
from napari_contransgan.unlit import Plateau, dark_plateau, edge_fill

CONTRAST_REF = 0.1
MAX_CONTRAST = 10.0
DARK_FRACTION = 0.1
"""A pixel below this fraction of the bright level counts as unlit."""
RIM_UM = 3.0
"""Width of a diaphragm's rim, whose image is never sharp; in pixels, if they are above 1 um. A network would take the
dark rim for a thick specimen."""
MIRRORED_UM = 45.0
"""Depth to which the contrast is mirrored into a diaphragm. Without contrast, the specimen would seem to end there."""
MIRRORED_FULLY = 0.75
"""Share of this depth up to which the mirrored contrast is whole; it falls to 0 from there on."""
UNCHANGED = 1e-6
"""Pixel sizes that differ by a smaller fraction are treated as equal."""
LEAST_DIAPHRAGM_UM2 = 30.0
"""Smallest area of a dark region at the frame's edge that counts as a diaphragm, and not as a speck or a dark grain."""


@dataclass(frozen=True)
class Light:
    """The light of a recorded frame.

    Parameters
    ----------
    yx_counts : (Y, X) ndarray of float32
        Counts above the dark level, with 0 in empty borders and under a known field stop.
    notes : tuple of str
        Notes for the user.
    yx_fill : (Y, X) ndarray of bool or None
        Borders that hold no data; None if there are none.
    plateau : Plateau or None
        A field stop whose dark level was not subtracted.
    """

    yx_counts: NDArray[np.float32]
    notes: tuple[str, ...]
    yx_fill: NDArray[np.bool_] | None
    plateau: Plateau | None


def light_of_frame(
    yx_frame: NDArray[Any], dark: float | NDArray[np.float32] = 0.0
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the counts and the notes of `examine_light`."""
    light = examine_light(yx_frame, dark)
    return light.yx_counts, light.notes


def examine_light(yx_frame: NDArray[Any], dark: float | NDArray[np.float32] = 0.0) -> Light:
    """Return a recorded frame as counts above the dark level, with 0 in empty borders and under a known field stop.

    Parameters
    ----------
    yx_frame : ndarray, shape (Y, X)
        Counts of any real type.
    dark : float or ndarray, shape (Y, X)
        Dark level: counts without light.

    Raises
    ------
    InputError
        If the frame contains NaN inside its borders, only one or two values, or negative intensities, or if the dark
        level does not fit. It is an `UnusableFrameError` if another frame may be usable.
    """
    yx_fill = edge_fill(yx_frame)
    if yx_fill is not None:
        yx_frame = np.where(yx_fill, 0, yx_frame)
    if not np.isfinite(yx_frame).all():
        count = int(np.count_nonzero(~np.isfinite(yx_frame)))
        raise not_finite(count, yx_frame.size)
    lowest = float(yx_frame.min())
    if lowest == yx_frame.max():
        raise UnusableFrameError(f"every pixel has the same value ({lowest:g}): there is nothing in it")
    check_intensities(yx_frame, dark)
    check_dark(yx_frame, dark)
    yx_light, below = less_dark(yx_frame if yx_fill is None else np.where(yx_fill, dark, yx_frame), dark)
    notes = [clipped_note(below)] if below else []
    plateau = dark_plateau(yx_light) if yx_fill is None else None
    if plateau is not None:
        yx_light[plateau.yx_places] = 0
        notes.append(plateau.note)
    return Light(yx_light, tuple(notes), yx_fill, plateau)


def not_finite(count: int, of: int) -> UnusableFrameError:
    """Return the error for a frame of which some pixels are no numbers."""
    return UnusableFrameError(f"{count} of {of} pixels are NaN or infinite: replace them first")


@dataclass(frozen=True)
class Background:
    """Intensity of the empty field of a frame, a paraboloid.

    Parameters
    ----------
    coefficients : (6,) ndarray of float
        Factors of 1, y, x, yx, y^2 and x^2 in a frame that spans -1 to 1.
    least : float
        Lowest value it may have.
    shape_yx : tuple of int
        Shape of the frame.
    """

    coefficients: NDArray[np.float64]
    least: float
    shape_yx: tuple[int, int]

    def at(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return the background of a part of the frame; positive everywhere."""
        y, x = (
            np.asarray((2 * np.arange(*part.indices(side), dtype=np.float32) + 1) / side - 1, np.float32)
            for part, side in zip((rows, columns), self.shape_yx, strict=True)
        )
        terms = _paraboloid_terms(y[:, None], x[None, :])
        background = np.zeros(np.broadcast_shapes(*(term.shape for term in terms)), np.float32)
        for coefficient, term in zip(self.coefficients, terms, strict=True):
            background += np.float32(coefficient) * term
        return np.maximum(background, self.least)


def fit_background(yx_intensity: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Fit a robust paraboloid to the intensity of the empty field.

    Parameters
    ----------
    yx_intensity : ndarray, shape (Y, X)
        Intensity in any unit, finite.

    Returns
    -------
    background : ndarray, shape (Y, X)
        Positive everywhere.
    lit : ndarray of bool, shape (Y, X)
        False where an aperture passed (almost) no light.
    """
    lit = yx_intensity > DARK_FRACTION * np.percentile(yx_intensity, 99)
    shape_yx = (yx_intensity.shape[0], yx_intensity.shape[1])
    step = background_step(shape_yx)
    coarse = block_mean(yx_intensity, step)
    coarse_lit = block_mean(lit, step) == 1
    level = float(np.median(coarse[coarse_lit])) if coarse_lit.any() else float(np.median(yx_intensity))
    background = background_of_blocks(coarse, coarse_lit, level, shape_yx)
    return background.at(slice(None), slice(None)), lit


def background_step(shape_yx: tuple[int, int]) -> int:
    """Return the side of the blocks whose means the background is fitted to."""
    return max(1, min(shape_yx) // 48)


def background_of_blocks(
    yx_means: NDArray[np.float32], yx_lit: NDArray[np.bool_], level: float, shape_yx: tuple[int, int]
) -> Background:
    """Fit a robust paraboloid to the means of the blocks of a frame.

    Parameters
    ----------
    yx_means : (Y, X) ndarray
        Mean intensity of each block.
    yx_lit : (Y, X) ndarray of bool
        Whether every pixel of a block got light.
    level : float
        Intensity to begin with.
    shape_yx : tuple of int
        Shape of the frame.
    """
    y, x = (np.asarray((2 * np.arange(side, dtype=np.float32) + 1) / side - 1, np.float32) for side in yx_means.shape)
    terms = np.stack([np.broadcast_to(term, yx_means.shape) for term in _paraboloid_terms(y[:, None], x[None, :])], -1)
    keep = yx_lit.copy()
    coefficients: NDArray[np.float64] = np.array([level, 0, 0, 0, 0, 0], np.float64)
    for _ in range(5):
        if keep.sum() < 40:
            break
        coefficients = np.asarray(np.linalg.lstsq(terms[keep], yx_means[keep].astype(np.float64), rcond=None)[0])
        residual = yx_means - terms @ coefficients
        spread = robust_sigma(residual[keep])
        keep = yx_lit & (np.abs(residual) <= max(2.5 * spread, 1e-6 * abs(level)))
    return Background(coefficients, max(0.2 * level, 1e-12), shape_yx)


def _paraboloid_terms(y: NDArray[np.float32], x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return 1, y, x, yx, y^2 and x^2 at pixel centres that span -1 to 1."""
    return [np.ones((1, 1), np.float32), y, x, y * x, y * y, x * x]


def contrast_on_model_grid(
    yx_intensity: NDArray[np.generic], pixel_size_um: float, *, is_mirrored: bool = True
) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    """Convert a bright-field frame to a network's input.

    Parameters
    ----------
    yx_intensity : ndarray, shape (Y, X)
        Camera counts of any type.
    pixel_size_um : float
        Its pixel size.
    is_mirrored : bool
        Whether the specimen goes on under a diaphragm, as its mirror image. In training it must not, since the phase
        does not either.

    Returns
    -------
    contrast : Tensor, float32, shape (H, W)
        (I / I_background - 1) / 0.1 on the model's grid, which begins at the frame's edge. It is 0 where there was no
        light; into a diaphragm and its rim it is mirrored, or else it is 0 there, too.
    lit : ndarray of bool, shape (Y, X)
        False for pixels of the frame that received (almost) no light.
    """
    intensity = np.asarray(yx_intensity, np.float32)
    background, lit = fit_background(intensity)
    contrast = contrast_of(intensity, background, lit)
    dark = None if lit.all() else diaphragm_places(lit, pixel_size_um)
    if dark is not None:
        if is_mirrored:
            contrast = mirrored_into(contrast, dark, pixel_size_um)
        else:
            contrast[~_seen(dark, pixel_size_um)] = 0
    return to_model_grid(torch.from_numpy(contrast), pixel_size_um), lit


def contrast_of(
    yx_intensity: NDArray[np.float32], background: NDArray[np.float32], lit: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return (I / I_background - 1) / 0.1, within +-10, and 0 where there was no light."""
    contrast = np.where(lit, (yx_intensity / background - 1) / CONTRAST_REF, 0)
    return np.clip(contrast, -MAX_CONTRAST, MAX_CONTRAST).astype(np.float32)


def diaphragm_places(lit: NDArray[np.bool_], pixel_size_um: float) -> NDArray[np.bool_] | None:
    """Return the large dark areas at the edge of a frame; None if there are none."""
    parts, count = ndimage.label(~lit)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    large = np.bincount(parts.ravel(), minlength=count + 1) * pixel_size_um**2 >= LEAST_DIAPHRAGM_UM2
    dark = large & np.isin(np.arange(count + 1), edge[edge > 0])
    return np.asarray(dark[parts], bool) if dark.any() else None


def mirrored_into(
    yx_contrast: NDArray[np.float32], yx_diaphragm: NDArray[np.bool_], pixel_size_um: float
) -> NDArray[np.float32]:
    """Mirror the contrast at the inner edge of a diaphragm's rim, into rim and diaphragm, up to `MIRRORED_UM`.

    A place whose mirror image is not in the field either gets the contrast of the nearest place that is.
    """
    yx_seen = _seen(yx_diaphragm, pixel_size_um)
    if not yx_seen.any():
        return np.zeros_like(yx_contrast)
    depth, nearest = ndimage.distance_transform_edt(~yx_seen, return_indices=True)
    hidden = np.nonzero(~yx_seen)
    at_edge = tuple(axis[hidden] for axis in nearest)
    mirror = tuple(2 * edge - place for edge, place in zip(at_edge, hidden, strict=True))
    inside = np.all([(place >= 0) & (place < side) for place, side in zip(mirror, yx_seen.shape, strict=True)], axis=0)
    inside[inside] = yx_seen[tuple(place[inside] for place in mirror)]
    source = tuple(np.where(inside, place, edge) for place, edge in zip(mirror, at_edge, strict=True))
    share = (1 - depth[hidden] * pixel_size_um / _mirrored_um(pixel_size_um)) / (1 - MIRRORED_FULLY)
    filled = yx_contrast.copy()
    filled[hidden] = yx_contrast[source] * np.clip(share, 0, 1)
    return filled


def _seen(yx_diaphragm: NDArray[np.bool_], pixel_size_um: float) -> NDArray[np.bool_]:
    """Return the places beyond a diaphragm and its rim."""
    return np.asarray(ndimage.distance_transform_edt(~yx_diaphragm) * pixel_size_um > rim_um(pixel_size_um), bool)


def rim_um(pixel_size_um: float) -> float:
    """Return the width of a diaphragm's rim."""
    return RIM_UM * max(1.0, pixel_size_um)


def _mirrored_um(pixel_size_um: float) -> float:
    """Return the depth to which the contrast is mirrored into a diaphragm."""
    return MIRRORED_UM * max(1.0, pixel_size_um)


def mirror_reach_um(pixel_size_um: float) -> float:
    """Return the largest distance from a place under a diaphragm within which its contrast is decided."""
    return 2 * _mirrored_um(pixel_size_um) + rim_um(pixel_size_um)


def shape_on_model_grid(shape_yx: Sequence[int], pixel_size_um: float) -> tuple[int, int]:
    """Return the height and width that (H, W) values have after `to_model_grid`, without resampling."""
    scale = pixel_size_um / MODEL_PIXEL_SIZE_UM
    if abs(scale - 1) < UNCHANGED:
        return shape_yx[0], shape_yx[1]
    rounding = 0.0 if scale > 1 else 1e-6  # torch rounds down if it is given a scale
    height, width = (max(1, int(side * scale + rounding)) for side in shape_yx)
    return height, width


def to_model_grid(yx_values: torch.Tensor, pixel_size_um: float) -> torch.Tensor:
    """Resample (H, W) values to pixels of 0.325 um, edges kept; bicubic, with a low-pass filter if pixels grow."""
    scale = pixel_size_um / MODEL_PIXEL_SIZE_UM
    if abs(scale - 1) < UNCHANGED:
        return yx_values
    if scale > 1:
        # The antialiasing filter has no effect if pixels become smaller, and would ignore the exact scale.
        resampled = functional.interpolate(
            yx_values[None, None], scale_factor=scale, mode="bicubic", align_corners=False
        )
        return resampled[0, 0]
    size = shape_on_model_grid(yx_values.shape, pixel_size_um)
    # Antialiased resampling maps edges onto edges, so crop to whole output pixels first.
    covered = [max(1, round(side / scale)) for side in size]
    return functional.interpolate(
        yx_values[None, None, : covered[0], : covered[1]], size=size, mode="bicubic", antialias=True
    )[0, 0]
