"""The uncertainty of an anchored phase: of its clouds, of the camera's noise, and of what its model leaves out.

The parts are independent. Clouds are as uncertain as the empty places and the prior leave them. The camera's noise is
that of wavelengths shorter than the clouds'. And the model is wrong where a specimen has structure near the limit of
the objective: what is lost, or restored with a wrong gain, or too steep for the equation of transport, is about as
large as the finest structure that does come back, since the spectra of specimens fall smoothly. A small share of the
highest phase is left everywhere. These two shares were measured on simulated cells and beads. And a faint, smooth
specimen hides a part of its phase in the noise of the derivative.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, linalg, ndimage

from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.clouds import Array
from napari_contransgan.tie.empty_places import STRUCTURE_SIGMAS, Cells
from napari_contransgan.tie.focus_data import FocusData
from napari_contransgan.tie.transfer import frequency_line, sharpening

_FINEST_UM = 0.35  # scale of the finest structure, where the objective is not known ...
_FINEST_LIMITS = 0.41  # ... or in units of wavelength / NA
_JOINED = 3  # such scales along each axis, over which its size is averaged
_SMOOTHEST_UM = 8.0  # scale of the smoothest specimen that is looked for
_FAINT = 30.0  # times what may be hidden: specimens above show where they are
_SURELY = 6  # power of the probability of a specimen, which is seldom 0 in empty places
_TRACE = 7e-4  # of the highest phase: what a strong specimen leaves even in empty places
_LOST = 1.45  # lost or wrong structure, relative to the finest: 1.0 in beads, 1.5 to 1.8 in cells
_FINE_NOISE = 0.85  # of the noise in a pixel: fitted clouds take up a part of it, as empty fields show


def phase_uncertainty(
    data: FocusData, yx_phase_rad: NDArray[np.float32], cells: Cells, factor: Array, yx_empty: Array
) -> NDArray[np.float32]:
    """Return the standard deviation of the phase in each pixel.

    Parameters
    ----------
    data : FocusData
        The planes.
    yx_phase_rad : (Y, X) ndarray of float32
        The phase.
    cells : Cells
        On which the clouds were fitted.
    factor : (N, N) ndarray
        Lower triangular factor of the precision of the clouds' weights.
    yx_empty : (Y, X) ndarray
        Probability that each cell is empty.
    """
    spread = linalg.solve_triangular(factor, cells.columns.T, lower=True, check_finite=False)
    variance = np.sum(spread**2, axis=0).reshape(cells.yx_lit.shape)
    side_px = round(cells.cell_um / data.pixel_size_um)
    highest = float(np.quantile(np.abs(block_mean(yx_phase_rad, side_px)), 0.995))
    everywhere = (_FINE_NOISE * cells.noise_rad) ** 2 + (_TRACE * highest) ** 2
    hidden = _hidden(data)
    hidden *= _FAINT * hidden / max(np.hypot(_FAINT * hidden, highest), 1e-12)
    variance += hidden**2 * np.clip(1 - ndimage.uniform_filter(yx_empty, 5), 0, 1) ** _SURELY
    yx_slow = (ndimage.uniform_filter(variance, 3) + everywhere).astype(np.float32)
    yx_lost, lost_px = _lost_structure(data, yx_phase_rad)
    yx_variance = expanded(yx_slow, side_px / lost_px, yx_lost.shape) + yx_lost
    return expanded(np.sqrt(yx_variance), lost_px, data.shape_yx)


def _hidden(data: FocusData) -> float:
    """Return the phase of a specimen so smooth that its derivative hides in the noise."""
    noise = data.wave_number * data.derivative.noise_per_um * data.pixel_size_um / (2 * np.sqrt(np.pi))
    return float(STRUCTURE_SIGMAS * noise * _SMOOTHEST_UM)


def expanded(yx_blocks: NDArray[Any], side: float, shape_yx: tuple[int, ...]) -> NDArray[Any]:
    """Repeat each block over `side` places along both axes, the last one up to the end."""
    rows, columns = (
        np.minimum((np.arange(size) / side).astype(np.intp), count - 1)
        for size, count in zip(shape_yx, yx_blocks.shape, strict=True)
    )
    return np.ascontiguousarray(yx_blocks[:, columns][rows])


def _lost_structure(data: FocusData, yx_phase_rad: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Return the variance of structure that is lost or wrong, on square blocks, and their side in pixels."""
    scale_um = _FINEST_UM
    if data.aperture is not None:
        scale_um = _FINEST_LIMITS * data.wavelength_um / data.aperture.numerical_aperture
    smallest = max(1, min(data.shape_yx) // 8)
    side_px = min(max(1, round(scale_um / data.pixel_size_um)), smallest)
    joined = max(1, min(_JOINED, smallest // side_px))
    yx_blocks = np.asarray(block_mean(yx_phase_rad, side_px), np.float32)
    yx_fine = yx_blocks - ndimage.gaussian_filter(yx_blocks, max(scale_um / (side_px * data.pixel_size_um), 1.0))
    yx_squares = block_mean(np.square(yx_fine, out=yx_fine), joined)
    yx_lost = np.float32(_LOST**2) * ndimage.gaussian_filter(np.asarray(yx_squares, np.float32), 1.0)
    return yx_lost, side_px * joined


def fine_noise(data: FocusData, modes: int) -> float:
    """Return the noise of the phase at wavelengths below the clouds': k sigma G / q^2, summed over frequencies.

    The clouds' waves fill a square of frequencies; what lies beyond the circle of equal area is summed.
    """
    line = frequency_line(data.pixel_size_um)
    first = 2 / np.sqrt(np.pi) * modes / (2 * max(data.shape_yx) * data.pixel_size_um)
    line = line[line > first] if np.any(line > first) else line[-1:]
    gain = np.ones_like(line)
    if data.aperture is not None:
        gain = np.interp(line, frequency_line(data.pixel_size_um), sharpening(data.derivative.share))
    density = (data.wave_number * data.derivative.noise_per_um * data.pixel_size_um) ** 2
    q = 2 * np.pi * line
    return float(np.sqrt(density * integrate.trapezoid(gain**2 / q**3, q) / (2 * np.pi)))
