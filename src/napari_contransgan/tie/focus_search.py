"""Which plane of a stack is in focus, from how the contrast of each spatial frequency changes along z.

The planes of a weak object show the spectrum of its phase times sin(pi wavelength f^2 (z - focus)), and that of its
absorption times the cosine, both damped by the extent of the lamp (see `napari_contransgan.tie.transfer`). Cells and
beads absorb little, and where they do, they also delay. So the cross spectra of the planes follow the sine about the
true focus, with a small share of the cosine. Their likelihood is computed for each height of the focus and summed over
the unknown absorption.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_contransgan.counts import LIGHT_FLOOR, bright_level
from napari_contransgan.errors import InputError
from napari_contransgan.resampling import block_mean
from napari_contransgan.tie.derivative import plane_noise
from napari_contransgan.tie.drift import measure_drift
from napari_contransgan.tie.transfer import Aperture, lamp_transfers

Array = NDArray[np.float64]

SURE = 0.9
"""Probability above which a plane is taken to be the one in focus."""

_TILE_PX, _MOST_TILES, _LEAST_TILE_PX = 256, 8, 32
_RINGS = 24
_LOWEST_PER_UM, _LEAST_WAVES = 0.15, 2.5
_NYQUIST_SHARE, _PUPIL_SHARE = 0.9, 0.95
_USUAL_APERTURE = Aperture(0.5, 0.4)
_ABSORPTION = (-0.15, -0.05, 0.0, 0.05, 0.15)  # of the phase; the sign is that of the planes' order
_OTHER_ABSORPTION = (0.003, 0.03, 0.3)  # power of what absorbs without delaying, of the phase's
_MISFIT = 0.03  # of the power, in each plane: strong phases and aberrations
_MODES_A_RING = 3.0  # that count as independent: rings are wrong together where the model is wrong
_FOCUS_STEPS, _LEAST_STEPS = 6, 24
_TABLE = 160


@dataclass(frozen=True)
class FocusFound:
    """Where the focus of a stack is.

    Parameters
    ----------
    chances : tuple of float
        Probability of each plane to be the one nearest to the focus; for two planes, a third one that the focus is
        halfway between them.
    """

    chances: tuple[float, ...]

    @property
    def place(self) -> int:
        """Return the most likely plane; 2 for halfway between two planes."""
        return int(np.argmax(self.chances))

    @property
    def chance(self) -> float:
        """Return its probability."""
        return max(self.chances)

    @property
    def is_sure(self) -> bool:
        """Return whether the probability is high enough to rely on."""
        return self.chance > SURE


def find_focus(
    zyx_light: NDArray[np.number],
    z_um: Sequence[float],
    *,
    pixel_size_um: float,
    wavelength_um: float,
    aperture: Aperture | None = None,
    drift: bool = True,
    least_noise: float = 0.0,
) -> FocusFound | None:
    """Find the plane in focus.

    Parameters
    ----------
    zyx_light : (Z, Y, X) ndarray
        Counts above the dark level.
    z_um : sequence of float
        Height of each plane, rising.
    pixel_size_um, wavelength_um : float
        Lateral pixel size; vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser; None takes usual ones.
    drift : bool
        Allow for a sideways drift between planes.
    least_noise : float
        Noise that each plane has at least, in counts.

    Returns
    -------
    FocusFound or None
        None where no lit part of the frame is large enough.
    """
    side_px = min(_TILE_PX, *zyx_light.shape[1:])
    tiles = _tiles(zyx_light, side_px) if side_px >= _LEAST_TILE_PX else []
    if not tiles:
        return None
    heights_um = np.asarray(z_um, np.float64)
    limits = aperture or _USUAL_APERTURE
    highest = min(0.5 * _NYQUIST_SHARE / pixel_size_um, _PUPIL_SHARE * limits.numerical_aperture / wavelength_um)
    lowest = max(_LOWEST_PER_UM, _LEAST_WAVES / (side_px * pixel_size_um))
    if lowest >= highest:
        return None
    edges_per_um = np.geomspace(lowest, highest, _RINGS + 1)
    line_per_um, modes, spectra = _cross_spectra(tiles, edges_per_um, pixel_size_um, drift)
    noise = np.square([max(plane_noise(plane), least_noise) / max(float(plane.mean()), 1e-12) for plane in zyx_light])
    steps = max(_LEAST_STEPS, _FOCUS_STEPS * (len(z_um) - 1))
    half_um = np.diff(heights_um)[[0, -1]] / 2
    focus_um = np.linspace(heights_um[0] - half_um[0], heights_um[-1] + half_um[1], steps + steps // len(z_um) + 1)
    logs = _log_likelihood(
        spectra,
        np.minimum(modes, _MODES_A_RING),
        noise,
        _transfers(line_per_um, heights_um, focus_um, wavelength_um, limits),
    )
    chances = np.exp(logs - logs.max())
    places = np.append(heights_um, heights_um.mean()) if len(z_um) == 2 else heights_um
    nearest = np.argmin(np.abs(focus_um[:, None] - places), axis=1)
    sums = np.bincount(nearest, chances, places.size)
    return FocusFound(tuple(float(value) for value in sums / sums.sum()))


def _tiles(zyx_light: NDArray[np.number], side_px: int) -> list[NDArray[np.float32]]:
    """Return the lit square parts of the frame in which the outer planes differ most, the clearest one first."""
    starts = [
        np.unique(np.linspace(0, side - side_px, max(1, round(2 * (side - side_px) / side_px) + 1)).astype(int))
        for side in zyx_light.shape[1:]
    ]
    step = max(1, side_px // 64)
    ends = [block_mean(zyx_light[plane], step) for plane in (0, -1)]
    first, last = (end / max(bright_level(end), 1e-12) for end in ends)
    found = []
    for row in starts[0]:
        for column in starts[1]:
            part = tuple(slice(start // step, (start + side_px) // step) for start in (row, column))
            if min(first[part].min(), last[part].min()) > LIGHT_FLOOR:
                found.append((float(np.var(last[part] - first[part])), row, column))
    chosen = sorted(found, reverse=True)[:_MOST_TILES]
    return [
        np.asarray(zyx_light[:, row : row + side_px, column : column + side_px], np.float32)
        for _, row, column in chosen
    ]


def _cross_spectra(
    tiles: list[NDArray[np.float32]], edges_per_um: Array, pixel_size_um: float, drift: bool
) -> tuple[Array, Array, Array]:
    """Frequency and number of modes of each ring, and the planes' cross spectra there.

    The spectra have the shape (R, Z, Z); white noise of variance 1 has the power 1.
    """
    planes, side_px = len(tiles[0]), tiles[0].shape[-1]
    shifts_px = _shifts(tiles[0]) if drift else np.zeros((planes, 2))
    f_y, f_x = fft.fftfreq(side_px)[:, None], fft.rfftfreq(side_px)[None, :]
    rings = np.digitize(np.hypot(f_y, f_x) / pixel_size_um, edges_per_um) - 1
    inside = (rings >= 0) & (rings < len(edges_per_um) - 1)
    count, labels = len(edges_per_um) - 1, rings[inside]
    modes = np.bincount(labels, minlength=count)
    undone = [np.exp(2j * np.pi * (f_y * y_px + f_x * x_px))[inside] for y_px, x_px in shifts_px]
    yx_window = np.outer(np.hanning(side_px), np.hanning(side_px)).astype(np.float32)
    total = np.zeros((count, planes, planes))
    for zyx in tiles:
        levels = np.tensordot(zyx, yx_window, 2) / yx_window.sum()
        relative = (zyx / np.maximum(levels, 1e-12)[:, None, None] - 1) * yx_window
        spectra = [fft.rfft2(plane)[inside] * turn for plane, turn in zip(relative, undone, strict=True)]
        for one in range(planes):
            for two in range(one + 1):
                total[:, one, two] += np.bincount(labels, (spectra[one] * np.conj(spectra[two])).real, count)
                total[:, two, one] = total[:, one, two]
    used = modes > 0
    frequencies = np.bincount(labels, (np.hypot(f_y, f_x) / pixel_size_um)[inside], count)[used] / modes[used]
    total = total[used] / (modes[used, None, None] * len(tiles) * float(np.sum(yx_window**2)))
    return frequencies, modes[used] * len(tiles) / 2.0, total


def _shifts(zyx: NDArray[np.float32]) -> Array:
    """Drift of the planes against each other; zeros where it cannot be measured."""
    try:
        return measure_drift(zyx, 0, np.ones(zyx.shape[1:], bool)).zyx_shift_px
    except InputError:
        return np.zeros((len(zyx), 2))


def _transfers(
    line_per_um: Array, heights_um: Array, focus_um: Array, wavelength_um: float, aperture: Aperture
) -> tuple[Array, Array]:
    """Transfer of phase and of absorption to each plane for each focus, (R, G, Z)."""
    defocus_um = heights_um[None, :] - focus_um[:, None]
    table_um = np.linspace(0, np.abs(defocus_um).max(), _TABLE)
    phase, absorption = lamp_transfers(line_per_um, table_um, wavelength_um, aperture)
    distance_um = np.abs(defocus_um)
    odd = np.stack([np.interp(distance_um, table_um, row) for row in phase]) * np.sign(defocus_um)
    return odd, np.stack([np.interp(distance_um, table_um, row) for row in absorption])


def _log_likelihood(spectra: Array, modes: Array, noise: Array, transfers: tuple[Array, Array]) -> Array:
    """Log-likelihood of each focus, summed over the absorption of the specimen."""
    phase, absorption = transfers
    planes = spectra.shape[-1]
    signal = np.maximum(np.trace(spectra, axis1=1, axis2=2) - noise.sum(), 1e-3 * noise.sum() + 1e-12)
    noises = np.diag(noise + 1e-4 * signal.min() / planes)
    tried = []
    for share in _ABSORPTION:
        seen = phase - share * absorption
        for power in _OTHER_ABSORPTION:
            model = (
                seen[..., :, None] * seen[..., None, :] + power * absorption[..., :, None] * absorption[..., None, :]
            )
            model /= np.maximum(np.trace(model, axis1=-2, axis2=-1), 1e-9)[..., None, None]
            model = (1 - _MISFIT) * model + _MISFIT / planes * np.eye(planes)
            covariance = model * signal[:, None, None, None] + noises
            surprise = np.linalg.slogdet(covariance)[1]
            surprise += np.einsum("rgab,rba->rg", np.linalg.inv(covariance), spectra)
            tried.append(-np.sum(modes[:, None] * surprise, axis=0))
    total: Array = np.logaddexp.reduce(np.stack(tried), axis=0)
    return total
