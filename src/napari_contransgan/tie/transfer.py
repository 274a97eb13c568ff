"""How strongly planes at finite distances, and an extended lamp, weaken the fine parts of a phase.

The equation of transport is exact for planes infinitely close and for light from one direction. For a weak object the
image at height z holds the phase's spectrum times a transfer function H_z(f), which for partially coherent light is a
sum over the directions of the lamp (Streibl, J. Opt. Soc. Am. A 2, 121 (1985); Jenkins & Gaylord, Appl. Opt. 54, 8566
(2015)). Everything here is radially symmetric, so it is computed along one line of frequencies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHARPENING_FLOOR = 0.01
"""Fine structure that the planes show with a tenth of its contrast or less is not restored to the full."""

_DIRECTIONS = 600
_LINE = 512
_TABLE = 8192  # fine enough for the nearest value to do
_GOLDEN_ANGLE_RAD = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class Aperture:
    """What limits the light: objective and condenser.

    Parameters
    ----------
    numerical_aperture : float
        Of the objective, dry.
    coherence : float
        S, the condenser's numerical aperture over the objective's.
    """

    numerical_aperture: float
    coherence: float


def phase_transfer(f_per_um: Array, z_um: float, wavelength_um: float, aperture: Aperture | None) -> Array:
    """Return the intensity spectrum at height z over phase spectrum, for a weak, transparent object.

    H_z(f) = mean over s of Im[ P*(s) P(s - f) exp(i kz(s - f) z - i kz(s) z) ] + Im[ ... s + f ], with
    kz(s) = 2 pi sqrt(1/wavelength^2 - s^2); without an aperture, 2 sin(pi wavelength z f^2), the paraxial limit for
    light from one direction through a lens without limits.

    Parameters
    ----------
    f_per_um : (F,) ndarray
        Spatial frequencies.
    z_um, wavelength_um : float
        Defocus, growing along the light's path; vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser, where known.

    Returns
    -------
    (F,) ndarray
        In 1/rad.
    """
    if aperture is None:
        return 2 * np.sin(np.pi * wavelength_um * z_um * f_per_um**2)
    transfer = np.zeros_like(f_per_um)
    for passed, turn_per_um in _diffracted(f_per_um, wavelength_um, aperture, _DIRECTIONS):
        transfer += np.mean(passed * np.sin(turn_per_um * z_um), axis=1)
    return transfer


def lamp_transfers(
    f_per_um: Array, z_um: Array, wavelength_um: float, aperture: Aperture, directions: int = 60
) -> tuple[Array, Array]:
    """Return the transfer of a weak object's phase and absorption to the intensity at several heights.

    The first is that of `phase_transfer`; the second has the cosine in place of the sine.

    Parameters
    ----------
    f_per_um : (F,) ndarray
        Spatial frequencies.
    z_um : (Z,) ndarray
        Defocus, growing along the light's path.
    wavelength_um : float
        Vacuum wavelength.
    aperture : Aperture
        Objective and condenser.
    directions : int
        Number of directions of the lamp.

    Returns
    -------
    (F, Z) ndarray, (F, Z) ndarray
    """
    total = np.zeros((f_per_um.size, z_um.size), np.complex128)
    for passed, turn_per_um in _diffracted(f_per_um, wavelength_um, aperture, directions):
        for row, (shares, turns) in enumerate(zip(passed / directions, turn_per_um, strict=True)):
            total[row] += shares @ np.exp(1j * np.outer(turns, z_um))
    return total.imag, total.real


def _diffracted(
    f_per_um: Array, wavelength_um: float, aperture: Aperture, directions: int
) -> Iterator[tuple[NDArray[np.bool_], Array]]:
    """Yield, for each sideband, which diffracted waves the objective passes and how their phase turns with height.

    The directions of the lamp fill the condenser evenly, on a spiral. Both arrays are (F, directions); the second is
    kz(s) - kz(s -+ f), in rad/um.
    """
    cutoff = aperture.numerical_aperture / wavelength_um
    index = np.arange(directions)
    radius = min(aperture.coherence, 1.0) * cutoff * np.sqrt((index + 0.5) / directions)
    s_x, s_y = radius * np.cos(index * _GOLDEN_ANGLE_RAD), radius * np.sin(index * _GOLDEN_ANGLE_RAD)

    def axial(square: Array) -> Array:
        return 2 * np.pi * np.sqrt(np.maximum(1 / wavelength_um**2 - square, 0))

    straight = axial(s_x**2 + s_y**2)
    for sign in (-1, 1):
        square = (s_x + sign * f_per_um[:, None]) ** 2 + s_y**2
        yield square <= cutoff**2, straight - axial(square)


def derivative_transfer(
    f_per_um: Array,
    z_um: Sequence[float],
    weights: Sequence[float] | Array,
    wavelength_um: float,
    aperture: Aperture | None,
) -> Array:
    """Return the share of the true derivative that weighted planes measure at each frequency; 1 means exact.

    Parameters
    ----------
    f_per_um : (F,) ndarray
        Spatial frequencies, above 0.
    z_um : sequence of float
        Heights of the planes above the one in focus.
    weights : (Z,) array
        In 1/um; see `napari_contransgan.tie.derivative.derivative_weights`.
    wavelength_um : float
        Vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser, where known.

    Returns
    -------
    (F,) ndarray
        sum_z w_z H_z(f) / (2 pi wavelength f^2).
    """
    total = np.zeros_like(f_per_um)
    for height_um, weight in zip(z_um, weights, strict=True):
        if weight != 0 and height_um != 0:
            total += weight * phase_transfer(f_per_um, height_um, wavelength_um, aperture)
    share: Array = total / (2 * np.pi * wavelength_um * f_per_um**2)
    return share


def frequency_line(pixel_size_um: float) -> Array:
    """Return the frequencies of tabulated transfer functions: from near 0 to the corner of the frame's spectrum."""
    return np.linspace(0, 0.5 * np.sqrt(2) / pixel_size_um, _LINE + 1)[1:]


def on_frame(line_per_um: Array, values: Array, squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spread values along `line_per_um` over a frame's coefficients, by their squared wavenumber in rad^2/um^2."""
    last = 2 * np.pi * line_per_um[-1]
    table = np.interp(np.linspace(0, last, _TABLE), 2 * np.pi * line_per_um, values).astype(np.float32)
    places = np.sqrt(squares)
    places *= np.float32((_TABLE - 1) / last)
    spread: NDArray[np.float32] = table[np.minimum(places, _TABLE - 1).astype(np.uint16)]
    return spread


def sharpening(share: Array) -> Array:
    """Return the gain that restores the loss of `derivative_transfer`, bounded where almost nothing is left.

    s (1 + e) / (s^2 + e), with e of `SHARPENING_FLOOR`: about 1 / s where s^2 is far above e, and exactly 1 for s = 1.

    Parameters
    ----------
    share : (F,) ndarray
        Of `derivative_transfer`.

    Returns
    -------
    (F,) ndarray
        None beyond the first frequency that is not transferred at all, since contrast is reversed there.
    """
    gone = np.flatnonzero(share <= 0)
    first = gone[0] if gone.size else share.size
    gain = share * (1 + SHARPENING_FLOOR) / (share**2 + SHARPENING_FLOOR)
    gain[first:] = 0.0
    return gain
