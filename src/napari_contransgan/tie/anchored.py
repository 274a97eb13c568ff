"""Phase anchored to its empty background: what the border and the noise leave free is fitted to places without cells.

The phase is the plain solution of `napari_contransgan.tie.classic.teague_coefficients` plus clouds
(`napari_contransgan.tie.clouds`). Where nothing lies, the sum must be zero; where a specimen lies, it must be above.
Which is which is found together with the clouds, by expectation maximisation: a place is empty if the derivative shows
no structure there and the phase comes out near zero. The tolerance for "near" shrinks from round to round, first on a
coarse grid, for specimens of either sign, then on a finer one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, linalg, ndimage

from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.background import background_median
from napari_contransgan.tie.classic import Regularisation, teague_coefficients
from napari_contransgan.tie.clouds import Array, CloudPrior, cloud_basis
from napari_contransgan.tie.empty_places import Anchoring, Cells, anchor
from napari_contransgan.tie.focus_data import FocusData, Solution
from napari_contransgan.tie.poisson import COSINES
from napari_contransgan.tie.transfer import frequency_line, on_frame, sharpening

SHARPENING_FLOOR = 0.01
"""Fine structure that the planes show with a tenth of its contrast or less is not restored to the full."""

DECISIVE_EVIDENCE = 0.75
"""Log-likelihood that one sign of the specimen must have ahead of the other, for each independent place. Fields with
some empty places had 1 to 50, confluent ones, where nobody can tell, -0.4 to 0.5."""

_BLOCK_UM = 0.65  # structure is looked for on pixels of about this size ...
_STRUCTURE_UM = (0.5, 1.0, 2.0)  # ... blurred to these scales
_LEVELS = (64, 128)  # cells along the longer side
_CELLS_A_MODE = 2.5
_WAVE_MODES = 12
_SMALLEST_FLUX = 0.2  # rad/um
_FLUX_LENGTH_UM = 2.0


def solve_anchored(data: FocusData, regularisation: Regularisation) -> Solution:
    """Fit what the border and the noise leave free to the empty background; restore fine structure where S is known.

    ``"auto"`` damps nothing, since anchoring takes the place of damping.
    """
    strength = 0.0 if regularisation == "auto" else float(regularisation)
    coefficients = teague_coefficients(data, strength)
    if data.aperture is not None:
        squares = COSINES.squared_wavenumbers(data.shape_yx, data.pixel_size_um)
        gain = sharpening(data.derivative.share, SHARPENING_FLOOR)
        coefficients *= on_frame(frequency_line(data.pixel_size_um), gain, squares)
        del squares
    yx_phase_rad = COSINES.inverse(coefficients, data.shape_yx)
    del coefficients

    coarse, fine = (_cells(data, yx_phase_rad, side) for side in _LEVELS)
    signs = (1, -1) if data.specimen_sign == "auto" else (-1 if data.specimen_sign == "negative" else 1,)
    one_sided = data.specimen_sign != "both"
    tried = {sign: anchor(coarse, sign, one_sided) for sign in signs}
    sign, known = _better_sign(tried, coarse)
    anchoring = anchor(
        fine,
        sign,
        one_sided,
        start=cloud_basis(*_centres(fine.yx_lit.shape, fine.cell_um), *_extent(data), coarse.basis.prior).cloud(
            tried[sign].weights
        ),
    )
    yx_phase_rad += np.float32(sign) * cloud_basis(
        *_centres(data.shape_yx, data.pixel_size_um), *_extent(data), fine.basis.prior, np.float32
    ).cloud(anchoring.weights)
    figures: dict[str, Any] = {
        "empty_share": float(anchoring.yx_empty[fine.yx_lit].mean()) if fine.yx_lit.any() else 0.0,
        "specimen_sign": sign if known else 0,
    }
    return Solution(yx_phase_rad, _uncertainty(data, fine, anchoring), strength, figures)


def _better_sign(tried: dict[int, Anchoring], cells: Cells) -> tuple[int, bool]:
    """Sign of the specimen, positive in doubt, and whether the data decide it."""
    if len(tried) == 1:
        return next(iter(tried)), False
    gain = (tried[1].evidence - tried[-1].evidence) * cells.alike / max(cells.yx_lit.sum(), 1)
    return (-1 if gain < -DECISIVE_EVIDENCE else 1), abs(gain) > DECISIVE_EVIDENCE


def _cells(data: FocusData, yx_phase_rad: NDArray[np.floating], side: int) -> Cells:
    """Average over cells, and find how far structure in the derivative stands out from its noise."""
    shape_yx, pixel_um = data.shape_yx, data.pixel_size_um
    block = min(max(1, round(_BLOCK_UM / pixel_um)), max(1, min(shape_yx) // 8))
    blocks = min(max(1, int(np.ceil(max(shape_yx) / block / side))), max(1, min(shape_yx) // (8 * block)))
    step = block * blocks
    cell_um = step * pixel_um
    yx_blocks = block_mean(data.derivative.yx_per_um, block).astype(np.float64)
    yx_lit = block_mean(data.yx_lit().view(np.uint8), step) > 0.99
    noise = max(data.derivative.noise_per_um / block, 1e-12)
    yx_structure = np.zeros(yx_lit.shape)
    for scale_um in _STRUCTURE_UM:
        scale = max(scale_um / (block * pixel_um), 0.5)
        yx_smooth = ndimage.gaussian_filter(yx_blocks, scale)
        yx_smooth -= background_median(yx_smooth)
        np.maximum(
            yx_structure, _block_max(np.abs(yx_smooth), blocks) * (2 * np.sqrt(np.pi) * scale / noise), yx_structure
        )
    yx_cells = block_mean(yx_phase_rad, step).astype(np.float64)
    slopes = np.gradient(np.where(yx_lit, yx_cells, 0.0), cell_um)
    rms_slope = float(np.sqrt(np.mean([slope[yx_lit] ** 2 for slope in slopes]))) if yx_lit.any() else 0.0
    prior = CloudPrior(
        flux_rad_per_um=max(_SMALLEST_FLUX, rms_slope),
        flux_length_um=_FLUX_LENGTH_UM,
        noise_rad_per_um2=data.wave_number * data.derivative.noise_per_um,
        pixel_size_um=pixel_um,
        side_modes=int(max(yx_cells.shape) / _CELLS_A_MODE),
        wave_modes=min(_WAVE_MODES, *yx_cells.shape),
        lit_sides=_lit_sides(data.yx_lit()),
    )
    y_um, x_um = _centres(yx_cells.shape, cell_um)
    basis = cloud_basis(y_um, x_um, *_extent(data), prior)
    return Cells(yx_cells, yx_structure, yx_lit, cell_um, basis, basis.columns())


def _uncertainty(data: FocusData, cells: Cells, anchoring: Anchoring) -> NDArray[np.float32]:
    """Standard deviation of the phase: of the clouds given the empty places, and of the noise too fine to be clouds."""
    spread = linalg.solve_triangular(anchoring.factor, cells.columns.T, lower=True, check_finite=False)
    variance = cells.alike * np.sum(spread**2, axis=0).reshape(cells.yx_phase_rad.shape)
    scale = [size / count for size, count in zip(data.shape_yx, variance.shape, strict=True)]
    rows, columns = (
        np.minimum((np.arange(size) / step).astype(int), count - 1)
        for size, step, count in zip(data.shape_yx, scale, variance.shape, strict=True)
    )
    fine = _fine_noise(data, cells)
    smooth = ndimage.uniform_filter(variance, 3)
    return np.asarray(np.sqrt(smooth[rows][:, columns] + fine**2), np.float32)


def _fine_noise(data: FocusData, cells: Cells) -> float:
    """Noise of the phase at wavelengths below the clouds': k sigma G / q^2, summed over frequencies."""
    line = frequency_line(data.pixel_size_um)
    first = cells.basis.wave_scales.shape[0] / (2 * max(_extent(data)))
    line = line[line > first] if np.any(line > first) else line[-1:]
    gain = np.ones_like(line)
    if data.aperture is not None:
        gain = np.interp(line, frequency_line(data.pixel_size_um), sharpening(data.derivative.share, SHARPENING_FLOOR))
    density = (data.wave_number * data.derivative.noise_per_um * data.pixel_size_um) ** 2
    q = 2 * np.pi * line
    return float(np.sqrt(density * integrate.trapezoid(gain**2 / q**3, q) / (2 * np.pi)))


def _block_max(yx_values: Array, step: int) -> Array:
    rows, columns = (side // step for side in yx_values.shape)
    largest: Array = yx_values[: rows * step, : columns * step].reshape(rows, step, columns, step).max(axis=(1, 3))
    return largest


def _centres(shape_yx: tuple[int, ...], step_um: float) -> tuple[Array, Array]:
    y_um: Array = (np.arange(shape_yx[0]) + 0.5) * step_um
    x_um: Array = (np.arange(shape_yx[1]) + 0.5) * step_um
    return y_um, x_um


def _extent(data: FocusData) -> tuple[float, float]:
    return data.shape_yx[0] * data.pixel_size_um, data.shape_yx[1] * data.pixel_size_um


def _lit_sides(yx_lit: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Lit share of the top, bottom, left and right border: through a dark one no light passes, and so no flux."""
    top, bottom, left, right = (float(side.mean()) for side in (yx_lit[0], yx_lit[-1], yx_lit[:, 0], yx_lit[:, -1]))
    return top, bottom, left, right
