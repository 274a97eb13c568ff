"""The derivative of intensity along z, in the plane in focus, and its noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.robust import robust_sigma
from napari_contransgan.tie.poisson import COSINES
from napari_contransgan.tie.transfer import Aperture, derivative_transfer, frequency_line, on_frame

HIGHEST_DEGREE = 6
GOOD_SHARE = 0.97
"""A lower degree is good enough where it measures this share of what the best one does."""

_SAMPLED_PX = 250_000
_THIRD_DIFFERENCES = 400.0  # sum of squares of the product of (1, -3, 3, -1) with itself along the other axis


@dataclass(frozen=True)
class Derivative:
    """The derivative of intensity along z.

    Parameters
    ----------
    yx_per_um : (Y, X) ndarray of float32
        In the planes' unit per um.
    noise_per_um : float
        Standard deviation of its white noise, at low frequencies.
    share : (F,) ndarray
        Share of the true derivative that was measured, on `napari_contransgan.tie.transfer.frequency_line`.
    degrees : tuple of int
        Degrees of the polynomials in z, from the lowest frequencies to the highest.
    """

    yx_per_um: NDArray[np.float32]
    noise_per_um: float
    share: NDArray[np.float64]
    degrees: tuple[int, ...]


def candidate_degrees(count: int) -> tuple[int, ...]:
    """Return polynomial degrees for `count` planes: a line through two, a parabola or more through others."""
    return (1,) if count == 2 else tuple(range(2, min(count - 1, HIGHEST_DEGREE) + 1, 2))


def derivative_weights(z_um: Sequence[float], focus_index: int, degree: int) -> NDArray[np.float64]:
    """Return plane weights whose weighted sum is the least-squares slope of intensity in the plane in focus.

    For three evenly spaced planes and a parabola this is (I(+dz) - I(-dz)) / (2 dz), Eq. 2 of the paper; for evenly
    spaced planes it is the filter of Savitzky and Golay.

    Parameters
    ----------
    z_um : sequence of float
        Height of each plane, all different, evenly spaced or not.
    focus_index : int
        Plane in which the slope is wanted.
    degree : int
        Of the polynomial in z.

    Returns
    -------
    (Z,) ndarray
        In 1/um.
    """
    relative_z_um = np.asarray(z_um, dtype=np.float64) - z_um[focus_index]
    span_um = np.abs(relative_z_um).max()
    powers = np.vander(relative_z_um / span_um, degree + 1, increasing=True)
    weights: NDArray[np.float64] = np.linalg.pinv(powers)[1] / span_um
    return weights


def axial_derivative(
    zyx_planes: NDArray[np.float32],
    z_um: Sequence[float],
    focus_index: int,
    *,
    pixel_size_um: float,
    wavelength_um: float,
    aperture: Aperture | None = None,
    z_noise: Sequence[float] | None = None,
) -> Derivative:
    """Compute the slope of intensity along z in the plane in focus, with a polynomial degree for each frequency.

    A low degree averages noise over many planes but loses fine structure, which changes its contrast within the stack;
    a high one keeps it. So each frequency takes the lowest degree that measures enough of it (optimal frequency
    division, Zuo et al., Opt. Express 21, 5346 (2013)). Up to four planes leave no choice.

    Parameters
    ----------
    zyx_planes : (Z, Y, X) ndarray of float32
        Intensities of at least two planes.
    z_um : sequence of float
        Height of each plane.
    focus_index : int
        Plane in focus.
    pixel_size_um, wavelength_um : float
        Lateral pixel size; vacuum wavelength.
    aperture : Aperture or None
        Objective and condenser, where known.
    z_noise : sequence of float or None
        Noise of each plane; None measures it, see `plane_noise`.

    Returns
    -------
    Derivative
    """
    line = frequency_line(pixel_size_um)
    heights_um = [z - z_um[focus_index] for z in z_um]
    degrees = candidate_degrees(len(z_um))
    weights = [derivative_weights(z_um, focus_index, degree) for degree in degrees]
    shares = np.stack([derivative_transfer(line, heights_um, w, wavelength_um, aperture) for w in weights])
    noises = np.asarray([plane_noise(plane) for plane in zyx_planes] if z_noise is None else z_noise)
    chosen = np.argmax(shares >= GOOD_SHARE * shares.max(axis=0), axis=0)
    chosen = np.maximum.accumulate(chosen)  # a band for each degree, in order
    used = np.unique(chosen)
    if used.size == 1:
        yx_per_um = np.tensordot(weights[used[0]].astype(np.float32), zyx_planes, axes=1)
    else:
        shape_yx = zyx_planes.shape[1], zyx_planes.shape[2]
        squares = COSINES.squared_wavenumbers(shape_yx, pixel_size_um)
        coefficients = np.zeros(shape_yx, np.float32)
        for index in used:
            yx_slope = np.tensordot(weights[index].astype(np.float32), zyx_planes, axes=1)
            band = on_frame(line, (chosen == index).astype(float), squares)
            coefficients += band * COSINES.forward(yx_slope)
        yx_per_um = COSINES.inverse(coefficients, shape_yx)
    return Derivative(
        yx_per_um=yx_per_um,
        noise_per_um=float(np.sqrt(np.sum((weights[used[0]] * noises) ** 2))),
        share=np.take_along_axis(shares, chosen[None], axis=0)[0],
        degrees=tuple(degrees[index] for index in used),
    )


def plane_noise(yx_plane: NDArray[np.number]) -> float:
    """Measure the standard deviation of a plane's white noise from scales finer than any microscope resolves.

    Third differences along both axes pass the corner of the spectrum alone. Their median size does not see the few
    places where dirt or an aperture's edge does reach so far. Whole numbers have at least the noise of rounding.

    Parameters
    ----------
    yx_plane : (Y, X) ndarray
        Intensities.

    Returns
    -------
    float
        In the plane's unit.
    """
    stride = max(1, int(yx_plane.size // _SAMPLED_PX))
    rows = np.arange(0, max(yx_plane.shape[0] - 3, 1), stride)
    fine = sum(sign * yx_plane[rows + step].astype(np.float32) for step, sign in enumerate((1, -3, 3, -1)))
    fine = np.diff(np.asarray(fine), n=3, axis=1)
    size = robust_sigma(fine) or 1.2533 * float(np.abs(fine).mean())
    rounding = 1 / np.sqrt(12) if yx_plane.dtype.kind in "ui" else 0.0
    return max(size / float(np.sqrt(_THIRD_DIFFERENCES)), rounding)
