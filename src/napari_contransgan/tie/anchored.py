"""Phase anchored to its empty background: what the border and the noise leave free is fitted to places without cells.

The phase is the plain solution of `napari_contransgan.tie.classic.teague_coefficients` plus clouds
(`napari_contransgan.tie.clouds`). Where nothing lies, the sum must be zero; where a specimen lies, it must be above.
Which is which is found together with the clouds, by expectation maximisation: a place is empty if the derivative shows
no structure there and the phase comes out near zero. The tolerance for "near" shrinks from round to round, first on a
coarse grid, for specimens of either sign, then on a finer one.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from threadpoolctl import threadpool_limits

from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.background import background_median
from napari_contransgan.tie.classic import Regularisation, teague_coefficients
from napari_contransgan.tie.clouds import Array, CloudBasis, CloudPrior, cloud_basis
from napari_contransgan.tie.empty_places import STRUCTURE_SIGMAS, Anchoring, Cells, anchor, stated_factor
from napari_contransgan.tie.focus_data import FocusData, Solution
from napari_contransgan.tie.poisson import COSINES
from napari_contransgan.tie.transfer import frequency_line, on_frame, sharpening
from napari_contransgan.tie.uncertainty import expanded, fine_noise, phase_uncertainty

DECISIVE_EVIDENCE = 0.75
"""Log-likelihood that one sign of the specimen must have ahead of the other, for each independent place. Fields with
some empty places had 1 to 50, confluent ones, where nobody can tell, -0.4 to 0.5."""

_LIT_SHARE = 0.99
_BLOCK_UM = 0.5  # structure is looked for on pixels of about this size ...
_STRUCTURE_UM = (0.5, 1.0, 2.0, 4.0, 8.0)  # ... blurred to these scales
_SAMPLED = 40_000  # places from which the level of the structure's background is taken
_STRONG = 4.0  # times what counts as structure
_NARROW_UM = 2.0
_LEVELS = (40, 80)  # cells along the longer side
_CELLS_A_MODE = 2.5
_WAVE_MODES = 12
_SMALLEST_FLUX = 0.2  # rad/um
_FLUX_LENGTH_UM = 2.0


def solve_anchored(data: FocusData, regularisation: Regularisation) -> Solution:
    """Fit what the border and the noise leave free to the empty background; restore fine structure where S is known.

    ``"auto"`` damps nothing, since anchoring takes the place of damping.
    """
    strength = 0.0 if regularisation == "auto" else float(regularisation)
    coefficients, _ = teague_coefficients(data, strength)
    if data.aperture is not None:
        squares = COSINES.squared_wavenumbers(data.shape_yx, data.pixel_size_um)
        gain = sharpening(data.derivative.share)
        coefficients *= on_frame(frequency_line(data.pixel_size_um), gain, squares)
        del squares
    yx_phase_rad = COSINES.inverse(coefficients, data.shape_yx)
    del coefficients

    with threadpool_limits(1, "blas"):  # these matrices are small, and threads that wait for each other are slow
        sign, known, cells, anchoring = _anchored_by_levels(data, _blocks(data, yx_phase_rad))
        yx_phase_rad += np.float32(sign) * _basis_on(data, cells.basis.prior, data.pixel_size_um).cloud(
            anchoring.weights
        )
        factor = stated_factor(cells, sign, anchoring)
        yx_std_rad = phase_uncertainty(data, yx_phase_rad, cells, factor, anchoring.yx_empty)
    figures: dict[str, Any] = {
        "empty_share": float(anchoring.yx_empty[cells.yx_lit].mean()) if cells.yx_lit.any() else 0.0,
        "specimen_sign": sign if known else 0,
    }
    return Solution(np.asarray(yx_phase_rad, np.float32), yx_std_rad, strength, figures)


@dataclass(frozen=True)
class _Blocks:
    """The plain solution, its structure and its lit pixels, on square blocks of a few pixels."""

    yx_phase_rad: Array
    yx_structure: Array
    yx_lit: NDArray[np.floating]
    lit_sides: tuple[float, float, float, float]
    side_px: int


def _blocks(data: FocusData, yx_phase_rad: NDArray[np.floating]) -> _Blocks:
    """Average over blocks, and find how far structure in the derivative stands out from its noise."""
    side_px = min(max(1, round(_BLOCK_UM / data.pixel_size_um)), max(1, min(data.shape_yx) // 8))
    yx_slope = block_mean(data.derivative.yx_per_um, side_px).astype(np.float64)
    noise = max(data.derivative.noise_per_um / side_px, 1e-12)
    yx_structure = np.zeros_like(yx_slope)
    for scale_um in _STRUCTURE_UM:
        if scale_um > _NARROW_UM:  # what is wide and faint shows beside what is strong only if that is taken out
            yx_slope[yx_structure > _STRONG * STRUCTURE_SIGMAS] = 0
        step = min(max(1, int(scale_um / (2 * _BLOCK_UM))), max(1, min(yx_slope.shape) // 8))  # wide ones are coarse
        scale = max(scale_um / (step * side_px * data.pixel_size_um), 0.5)
        yx_smooth = ndimage.gaussian_filter(block_mean(yx_slope, step).astype(np.float64), scale)
        yx_smooth -= background_median(yx_smooth.ravel()[:: max(1, yx_smooth.size // _SAMPLED)])
        noise_left = noise / step / (2 * np.sqrt(np.pi) * scale)
        np.maximum(yx_structure, expanded(np.abs(yx_smooth) / noise_left, step, yx_slope.shape), out=yx_structure)
    yx_lit = data.yx_lit()
    top, bottom, left, right = (float(side.mean()) for side in (yx_lit[0], yx_lit[-1], yx_lit[:, 0], yx_lit[:, -1]))
    return _Blocks(
        yx_phase_rad=block_mean(yx_phase_rad, side_px).astype(np.float64),
        yx_structure=yx_structure,
        yx_lit=block_mean(yx_lit.view(np.uint8), side_px),
        lit_sides=(top, bottom, left, right),
        side_px=side_px,
    )


def _anchored_by_levels(data: FocusData, blocks: _Blocks) -> tuple[int, bool, Cells, Anchoring]:
    """Sign of the specimen, whether the data decide it, and the fit on the finest cells."""
    coarse, fine = (_cells(data, blocks, most) for most in _LEVELS)
    signs = {"auto": (1, -1), "negative": (-1,)}.get(data.specimen_sign, (1,))
    one_sided = data.specimen_sign != "both"
    tried = {sign: anchor(coarse, sign, one_sided) for sign in signs}
    sign, known = _better_sign(tried, coarse)
    begun = _basis_on(data, coarse.basis.prior, fine.cell_um).cloud(tried[sign].weights)
    return sign, known, fine, anchor(fine, sign, one_sided, start=begun)


def _better_sign(tried: dict[int, Anchoring], cells: Cells) -> tuple[int, bool]:
    """Sign of the specimen, positive in doubt, and whether the data decide it."""
    if len(tried) == 1:
        return next(iter(tried)), False
    gain = (tried[1].evidence - tried[-1].evidence) * cells.alike / max(float(cells.yx_lit.sum()), 1.0)
    return (-1 if gain < -DECISIVE_EVIDENCE else 1), abs(gain) > DECISIVE_EVIDENCE


def _cells(data: FocusData, blocks: _Blocks, most: int) -> Cells:
    """Join blocks to at most about `most` cells along the longer side, with the clouds to expect there."""
    shape = blocks.yx_structure.shape
    step = min(max(1, math.ceil(max(shape) / most)), max(1, min(shape) // 8))
    cell_um = step * blocks.side_px * data.pixel_size_um
    yx_phase_rad = block_mean(blocks.yx_phase_rad, step).astype(np.float64)
    yx_lit = block_mean(blocks.yx_lit, step) > _LIT_SHARE
    slopes = np.gradient(np.where(yx_lit, yx_phase_rad, 0.0), cell_um)
    rms_slope = float(np.sqrt(np.mean([slope[yx_lit] ** 2 for slope in slopes]))) if yx_lit.any() else 0.0
    prior = CloudPrior(
        flux_rad_per_um=max(_SMALLEST_FLUX, rms_slope),
        flux_length_um=_FLUX_LENGTH_UM,
        noise_rad_per_um2=data.wave_number * data.derivative.noise_per_um,
        pixel_size_um=data.pixel_size_um,
        side_modes=max(int(max(yx_lit.shape) / _CELLS_A_MODE), 1),
        wave_modes=min(_WAVE_MODES, *yx_lit.shape),
        lit_sides=blocks.lit_sides,
        light_rad_per_um2=None if data.slope_light is None else data.wave_number**2 * data.slope_light,
    )
    basis = _basis_on(data, prior, cell_um, yx_lit.shape)
    noise_rad = fine_noise(data, prior.wave_modes)
    return Cells(
        yx_phase_rad,
        _block_max(blocks.yx_structure, step),
        yx_lit,
        cell_um,
        basis,
        basis.columns(),
        noise_rad,
        data.has_background,
    )


def _block_max(yx_values: Array, step: int) -> Array:
    rows, columns = (side // step for side in yx_values.shape)
    largest: Array = yx_values[: rows * step, : columns * step].reshape(rows, step, columns, step).max(axis=(1, 3))
    return largest


def _basis_on(data: FocusData, prior: CloudPrior, step_um: float, shape: tuple[int, ...] | None = None) -> CloudBasis:
    """Clouds on the frame's pixels or cells; in float32 where they are many."""
    height_um, width_um = _extent(data)
    rows, columns = shape or (int(height_um / step_um + 1e-6), int(width_um / step_um + 1e-6))
    y_um, x_um = (np.arange(rows) + 0.5) * step_um, (np.arange(columns) + 0.5) * step_um
    return cloud_basis(y_um, x_um, height_um, width_um, prior, np.float64 if shape else np.float32)


def _extent(data: FocusData) -> tuple[float, float]:
    return data.shape_yx[0] * data.pixel_size_um, data.shape_yx[1] * data.pixel_size_um
