"""The slow clouds of phase that an equation of transport leaves free, as a sum of smooth functions of likely sizes.

Three things are unknown to a Poisson solve. The light that crosses the frame's border, where cells are cut by it: the
solve lets nothing across, and every wrong assumption adds a function without a Laplacian, which is given by the flux
across the four sides. The camera's noise, which the inverse Laplacian turns into waves that grow with the fourth power
of their length. And slow changes of the lighting between planes, as far as the planes themselves did not show them.
Each function here is a product of one along y and one along x, or a sum of such products of cosines, so that a map of
any size takes a few matrix products.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.tie.slow_light import DEGREE, TERMS

Array = NDArray[np.floating]

_FINE_PLACES = 512  # on which polynomials are expanded in cosines


@dataclass(frozen=True)
class CloudPrior:
    """How large clouds may be.

    Parameters
    ----------
    flux_rad_per_um : float
        Standard deviation of the phase's slope across the border.
    flux_length_um : float
        Length along the border over which that slope stays alike.
    noise_rad_per_um2 : float
        Standard deviation of the white noise in the phase's Laplacian, for one pixel of `pixel_size_um`.
    pixel_size_um : float
        Pixel size that the noise belongs to.
    side_modes, wave_modes : int
        Functions for each side of the border, and waves along each axis.
    lit_sides : tuple of float
        Lit share of the border's top, bottom, left and right: through a dark one nothing flows.
    light_rad_per_um2 : (10, 10) ndarray or None
        Covariance of what slow light adds to the phase's Laplacian, in the terms of
        `napari_contransgan.tie.slow_light.TERMS`; None for nothing.
    """

    flux_rad_per_um: float
    flux_length_um: float
    noise_rad_per_um2: float
    pixel_size_um: float
    side_modes: int
    wave_modes: int
    lit_sides: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    light_rad_per_um2: Array | None = None


@dataclass(frozen=True)
class CloudBasis:
    """Functions on a grid of pixels, each scaled by its standard deviation, so that all weights are of order 1.

    Parameters
    ----------
    y_products, x_products : (Y, N), (X, N) ndarray
        Factors of the functions of the border.
    y_waves, x_waves : (Y, M), (X, M) ndarray
        Cosines, of which all products count.
    wave_scales : (M, M) ndarray
        Standard deviations of the products of cosines.
    light_waves : (L, M, M) ndarray
        Functions of slow light, as sums of products of cosines.
    prior : CloudPrior
        From which they were built.
    """

    y_products: Array
    x_products: Array
    y_waves: Array
    x_waves: Array
    wave_scales: Array
    light_waves: Array
    prior: CloudPrior

    @property
    def size(self) -> int:
        """Number of functions."""
        return int(self.y_products.shape[1] + self.wave_scales.size + len(self.light_waves))

    def cloud(self, weights: Array) -> Array:
        """Sum of all functions with their weights, as a (Y, X) map."""
        count = self.y_products.shape[1]
        end = count + self.wave_scales.size
        waves = weights[count:end].reshape(self.wave_scales.shape) * self.wave_scales
        waves = waves + np.tensordot(weights[end:], self.light_waves, axes=1)
        yx_cloud: Array = (self.y_products * weights[:count].astype(self.y_products.dtype)) @ self.x_products.T
        yx_cloud += self.y_waves @ waves.astype(self.y_waves.dtype) @ self.x_waves.T
        return yx_cloud

    def columns(self) -> Array:
        """All functions as columns, (Y X, size)."""
        products = self.y_products[:, None, :] * self.x_products[None, :, :]
        waves = self.y_waves[:, None, :, None] * self.x_waves[None, :, None, :] * self.wave_scales
        light = self.y_waves @ self.light_waves @ self.x_waves.T
        pixels = products.shape[0] * products.shape[1]
        parts = products.reshape(pixels, -1), waves.reshape(pixels, -1), light.reshape(-1, pixels).T
        return np.concatenate(parts, axis=1)


def cloud_basis(
    y_um: Array, x_um: Array, height_um: float, width_um: float, prior: CloudPrior, dtype: type = np.float64
) -> CloudBasis:
    """Build the functions on a grid.

    A flux cos(a x) through the side y = 0 of a frame of height H, with a = n pi / width, belongs to the function
    cos(a x) cosh(a (H - y)) / (a sinh(a H)), which has no Laplacian and lets nothing through the other sides. The flux
    that is even along each side needs y, x, y^2 and x^2; the squares also take up a derivative that is off by a
    constant, as planes of unequal exposure make it.

    Parameters
    ----------
    y_um, x_um : (Y,), (X,) ndarray
        Centres of the pixels, from the frame's corner.
    height_um, width_um : float
        The frame.
    prior : CloudPrior
        Sizes to expect.
    dtype : type
        Of the functions.

    Returns
    -------
    CloudBasis
    """
    lit = np.sqrt(prior.lit_sides)
    top = _side(y_um, height_um, x_um, width_um, prior, lit[0])
    bottom = _side(height_um - y_um, height_um, x_um, width_um, prior, lit[1])
    left = _side(x_um, width_um, y_um, height_um, prior, lit[2])
    right = _side(width_um - x_um, width_um, y_um, height_um, prior, lit[3])
    y, x = y_um - height_um / 2, x_um - width_um / 2
    longer = max(height_um, width_um)
    one_y, one_x = np.ones_like(y), np.ones_like(x)
    free = prior.flux_rad_per_um * np.sqrt(min(4 * prior.flux_length_um / longer, 1.0))
    flux = free * lit.mean()
    even = [(one_y, one_x, free * longer), (y, one_x, flux), (one_y, x, flux)]
    even += [(y**2 / longer, one_x, flux), (one_y, x**2 / longer, flux)]
    y_products = np.column_stack([top[0], bottom[0], left[1], right[1], *[scale * of_y for of_y, _, scale in even]])
    x_products = np.column_stack([top[1], bottom[1], left[0], right[0], *[of_x for _, of_x, _ in even]])

    q_y, q_x = (np.pi * np.arange(prior.wave_modes) / side for side in (height_um, width_um))
    squares = np.add.outer(q_y**2, q_x**2)
    squares[0, 0] = np.inf
    scales = 2 * prior.noise_rad_per_um2 * prior.pixel_size_um / np.sqrt(height_um * width_um) / squares
    y_waves, x_waves = np.cos(np.outer(y_um, q_y)), np.cos(np.outer(x_um, q_x))
    return CloudBasis(
        y_products=np.ascontiguousarray(y_products, dtype),
        x_products=np.ascontiguousarray(x_products, dtype),
        y_waves=np.ascontiguousarray(y_waves, dtype),
        x_waves=np.ascontiguousarray(x_waves, dtype),
        wave_scales=np.ascontiguousarray(scales, dtype),
        light_waves=np.ascontiguousarray(_light_waves(squares, prior), dtype),
        prior=prior,
    )


def _light_waves(squares: Array, prior: CloudPrior) -> Array:
    """Phase of slow light, (L, M, M): the inverse Laplacian of polynomials, by their expansion in cosines."""
    if prior.light_rad_per_um2 is None:
        return np.zeros((0, *squares.shape))
    places = (2 * np.arange(_FINE_PLACES) + 1) / _FINE_PLACES - 1
    cosines = np.cos(np.pi / 2 * np.outer(np.arange(prior.wave_modes), places + 1))
    cosines *= np.where(np.arange(prior.wave_modes) > 0, 2, 1)[:, None] / _FINE_PLACES
    expanded = cosines @ np.vander(places, DEGREE + 1, increasing=True)
    terms = np.stack([np.outer(expanded[:, i], expanded[:, j]) for i, j in TERMS]) / squares
    sizes, directions = np.linalg.eigh(prior.light_rad_per_um2)
    waves: Array = np.tensordot((directions * np.sqrt(np.maximum(sizes, 0))).T, terms, axes=1)
    return waves


def _side(
    depth_um: Array, deepest_um: float, along_um: Array, length_um: float, prior: CloudPrior, lit: float
) -> tuple[Array, Array]:
    """Factors of the functions of one side: across, scaled, and along."""
    a = np.pi / length_um * np.arange(1, prior.side_modes + 1)
    decay = np.exp(-np.outer(depth_um, a)) * (1 + np.exp(-2 * np.outer(deepest_um - depth_um, a)))
    scale = (
        lit
        * prior.flux_rad_per_um
        * np.sqrt(4 * prior.flux_length_um / length_um / (1 + (a * prior.flux_length_um) ** 2))
    )
    return decay * (scale / (a * (1 - np.exp(-2 * a * deepest_um)))), np.cos(np.outer(along_um, a))
