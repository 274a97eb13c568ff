"""Slow changes of the lighting between planes, estimated where the planes show no specimen.

A lamp flickers, a shutter opens unevenly, and the condenser moves with the focus drive. A change of the light by 1 %
over the frame looks to the transport equation like a phase of a radian or more. Here the logarithm of each plane's
ratio to the plane in focus is fitted by a polynomial of third degree. Places where planes differ by more than noise and
such a polynomial hold a specimen and lose their weight from round to round.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from napari_contransgan.resampling import block_mean

Array = NDArray[np.float64]

DEGREE = 3
TERMS = tuple(sorted(((i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)), key=sum))
"""Powers of y and x, from the lowest degree to the highest."""

_CELLS = 128  # along the longer side
_SMOOTH_CELLS = 1.5
_WIDE_CELLS = (2.0,)
_CHANCE_OF_WIDE = 2.0  # means over few independent values stray further
_PARTS, _PART_UM = 10, 8.0  # at most along the longer side, and at least wide: parts that deviate independently
_PARTS_A_TERM = 4  # over shorter lengths, light cannot be told from a specimen
_LEAST_RELATIVE_NOISE = 3e-4
_LEAST_BACKGROUND = 0.04
_SIZES = np.concatenate([[0.0], np.geomspace(1e-5, 0.1, 40)])
_LEAST_SIZE = 1e-3  # that is believed of the light where no background shows it
_EVIDENCE = 12.0  # twice the log-likelihood that a change must have ahead of none
_RIDGE = 1e-6  # of the sum of the terms, against terms that nothing determines
_DOUBT = 2.0  # by how much more a fit without background is off than its parts disagree
_ROUNDS_A_DEGREE, _ROUNDS = 3, 8
_SHRINKING = 0.7
_CLEAR_OF = 1.5


@dataclass(frozen=True)
class SlowLight:
    """Slow change of each plane's light relative to the plane in focus.

    Parameters
    ----------
    z_weights : (Z, 10) ndarray
        Factors of `TERMS` in the logarithm of the ratio, over coordinates from -1 to 1 along both axes.
    covariance : (Z, 10, Z, 10) ndarray
        Of these factors.
    background_share : float
        Share of the frame without structure, on which the estimate rests.
    has_background : bool
        Whether that is enough to tell light from specimen.
    """

    z_weights: Array
    covariance: Array
    background_share: float
    has_background: bool

    def ratio(self, plane: int, shape_yx: tuple[int, int]) -> NDArray[np.float32]:
        """Light of a plane over that of the plane in focus, as a (Y, X) map."""
        y, x = (_powers((2 * np.arange(side) + 1) / side - 1) for side in shape_yx)
        table = _as_table(self.z_weights[plane])
        yx_log: NDArray[np.float32] = (y @ table).astype(np.float32) @ x.T.astype(np.float32)
        return np.exp(yx_log, out=yx_log)

    def largest_change(self, plane: int) -> float:
        """Largest deviation of the ratio from its mean over the frame."""
        yx_ratio = self.ratio(plane, (64, 64))
        return float(np.abs(yx_ratio / yx_ratio.mean() - 1).max())

    def slope_covariance(self, z_slope_weights: Sequence[float] | Array) -> Array:
        """Covariance of the light's share in a weighted sum of planes, (10, 10)."""
        weights = np.asarray(z_slope_weights)
        covariance: Array = np.einsum("z,zawb,w->ab", weights, self.covariance, weights)
        return covariance


def find_slow_light(
    zyx_planes: NDArray[np.float32],
    focus_index: int,
    z_noise: Sequence[float] | Array,
    yx_lit: NDArray[np.bool_],
    pixel_size_um: float,
) -> SlowLight | None:
    """Estimate how the light changed between planes; None where too little of the frame is lit.

    Parameters
    ----------
    zyx_planes : (Z, Y, X) ndarray of float32
        Intensities.
    focus_index : int
        Plane in focus.
    z_noise : sequence of float
        White noise of each plane, in its unit.
    yx_lit : (Y, X) ndarray of bool
        Pixels in which phase can be measured.
    pixel_size_um : float
        Pixel size.
    """
    step = max(1, -(-max(yx_lit.shape) // _CELLS))
    yx_used = block_mean(yx_lit.view(np.uint8), step) > 0.99
    zyx_cells = [block_mean(plane, step).astype(np.float64) for plane in zyx_planes]
    yx_used &= np.min(zyx_cells, axis=0) > 0
    if np.count_nonzero(yx_used) < 10 * len(TERMS):
        return None
    focus = zyx_cells[focus_index]
    others = [plane for plane in range(len(zyx_planes)) if plane != focus_index]
    relative = np.array([noise / cells[yx_used].mean() for noise, cells in zip(z_noise, zyx_cells, strict=True)]) / step
    sigmas = np.sqrt(relative[others] ** 2 + relative[focus_index] ** 2 + _LEAST_RELATIVE_NOISE**2)
    values = np.stack([np.log(zyx_cells[plane][yx_used] / focus[yx_used]) for plane in others], axis=1)
    clusters = _clusters(yx_used, step * pixel_size_um)
    degree = max(d for d in range(DEGREE + 1) if d == 0 or _PARTS_A_TERM * _count(d) <= clusters.max() + 1)
    design = _design(yx_used.shape, step, yx_lit.shape)[yx_used.ravel(), : _count(degree)]
    fitted, weights, tolerance = _fit(values / sigmas, design, yx_used, degree)
    share = float(weights.mean())
    has_background = tolerance <= 1.0 and share >= _LEAST_BACKGROUND
    covariance = _covariance(values / sigmas - design @ fitted, design, weights, clusters)
    if not has_background:
        covariance *= _DOUBT**2
    fitted, covariance = fitted * sigmas, covariance * sigmas[None, :, None, None] * sigmas[None, None, None, :]
    fitted, covariance = _kept(fitted, covariance, 0.0 if has_background else _LEAST_SIZE)
    z_weights = np.zeros((len(zyx_planes), len(TERMS)))
    z_weights[others, : _count(degree)] = fitted.T
    whole = np.zeros((len(zyx_planes), len(TERMS), len(zyx_planes), len(TERMS)))
    terms = range(_count(degree))
    whole[np.ix_(others, terms, others, terms)] = covariance.transpose(1, 0, 3, 2)
    return SlowLight(z_weights, whole, share, has_background)


def even_out(zyx_planes: NDArray[np.float32], light: SlowLight | None) -> dict[str, Any]:
    """Divide each plane by its slow light, in place; gives what was changed, as plain JSON values."""
    if light is None:
        return {}
    changes = []
    shape_yx = (zyx_planes.shape[1], zyx_planes.shape[2])
    for plane, weights in enumerate(light.z_weights):
        changes.append(round(light.largest_change(plane), 6) if weights.any() else 0.0)
        if weights.any():
            zyx_planes[plane] /= light.ratio(plane, shape_yx)
    return {"light_change": changes, "light_from_background": light.has_background}


def _count(degree: int) -> int:
    """Return the number of terms up to a degree."""
    return (degree + 1) * (degree + 2) // 2


def _fit(values: Array, design: Array, yx_used: NDArray[np.bool_], degree: int) -> tuple[Array, Array, float]:
    """Fit factors; give them with the weights of the cells and the tolerance reached, in units of the noise.

    The polynomial grows by degrees while the tolerance is wide, so that what sticks out is known before the polynomial
    could bend to it.
    """
    weights = np.ones(len(values))
    fitted = np.zeros((design.shape[1], values.shape[1]))
    fitted[0] = np.median(values, axis=0)
    tolerance = np.inf
    for number in range(_ROUNDS_A_DEGREE * (degree + 1)):
        deviation = _deviation(values - design @ fitted, yx_used)
        tolerance = max(min(tolerance, float(np.median(deviation))), 1.0)
        weights = _weights(deviation, tolerance)
        count = _count(number // _ROUNDS_A_DEGREE)
        fitted[:count] = _solved(design[:, :count], weights, values)
    narrowed = _narrowed(values, design, yx_used, (fitted, weights, tolerance), ())
    if narrowed is None:
        return _typical(values, design, yx_used)
    fitted, weights, _ = narrowed
    empty = weights > 0.5
    tolerance = (
        float(np.median(_deviation(values - design @ fitted, yx_used, _WIDE_CELLS)[empty])) if empty.any() else 1.0
    )
    return _narrowed(values, design, yx_used, (fitted, weights, tolerance), _WIDE_CELLS) or narrowed


def _narrowed(
    values: Array, design: Array, yx_used: NDArray[np.bool_], begun: tuple[Array, Array, float], wide: tuple[float, ...]
) -> tuple[Array, Array, float] | None:
    """Narrow the tolerance down to the noise; None where next to nothing is left."""
    fitted, weights, tolerance = begun
    settled = 0
    while settled < _ROUNDS_A_DEGREE:
        tolerance = max(tolerance * _SHRINKING, 1.0)
        settled += tolerance == 1.0
        weights = _weights(_deviation(values - design @ fitted, yx_used, wide), tolerance)
        if weights.mean() < _LEAST_BACKGROUND:
            return None
        fitted = _solved(design, weights, values)
    return fitted, weights, tolerance


def _typical(values: Array, design: Array, yx_used: NDArray[np.bool_]) -> tuple[Array, Array, float]:
    """Fit to all of a frame without background, in which half of the places count in full (Huber)."""
    weights = np.ones(len(values))
    fitted = _solved(design, weights, values)
    for _ in range(_ROUNDS):
        deviation = _deviation(values - design @ fitted, yx_used)
        weights = 1 / np.maximum(deviation / np.median(deviation), 1)
        fitted = _solved(design, weights, values)
    return fitted, weights, np.inf


def _weights(deviation: Array, tolerance: float) -> Array:
    weights: Array = 1 / (1 + (deviation / (_CLEAR_OF * tolerance)) ** 8)
    return weights


def _kept(fitted: Array, covariance: Array, least_size: float) -> tuple[Array, Array]:
    """Return the most likely factors and their covariance, if each plane's light changes by a size of its own.

    What the empty places do not show, as in a corner that a specimen covers, stays as it is; and so does a change that
    may be chance. The size is the most likely one, given the factors and how well each is known.
    """
    kept = fitted.copy()
    pull = np.zeros_like(covariance)
    for plane in range(fitted.shape[1]):
        values, own = fitted[1:, plane], covariance[1:, plane, 1:, plane]  # an even change of all of the frame is none
        variances, directions = np.linalg.eigh(own)
        squares = (directions.T @ values) ** 2
        variances = np.maximum(variances, 1e-12)
        totals = variances + _SIZES[:, None] ** 2
        surprise = np.sum(np.log(totals) + squares / totals, axis=1) + _EVIDENCE * (_SIZES > 0)
        size = _SIZES[int(np.argmin(surprise))]
        share = size**2 / (variances + size**2)
        kept[1:, plane] = directions @ (share * (directions.T @ values))
        believed = max(size, least_size)
        pull[1:, plane, 1:, plane] = directions @ np.diag(believed / np.sqrt(variances + believed**2)) @ directions.T
        pull[0, plane, 0, plane] = 1.0
    return kept, np.einsum("azbz,bzcw,cwdw->azdw", pull, covariance, pull)


def _deviation(residual: Array, yx_used: NDArray[np.bool_], wide: tuple[float, ...] = ()) -> Array:
    """Return how far the surroundings of each cell deviate from the light, as root mean square of all planes.

    In units of the noise, at the scale at which they deviate most: what is faint but wide stands out only when blurred.
    """
    zyx_values = np.zeros((residual.shape[1], *yx_used.shape))
    zyx_values[:, yx_used] = residual.T
    yx_largest = _mean_nearby(np.mean(zyx_values**2, axis=0), yx_used, _SMOOTH_CELLS)
    for scale in wide:
        blurred = ndimage.gaussian_filter(zyx_values, (0, scale, scale))
        noise_left = 1 / (4 * np.pi * scale**2)
        yx_squares = np.mean(blurred**2, axis=0) / (noise_left * _CHANCE_OF_WIDE**2)
        np.maximum(yx_largest, _mean_nearby(yx_squares, yx_used, scale), out=yx_largest)
    deviation: Array = np.sqrt(yx_largest[yx_used])
    return deviation


def _mean_nearby(yx_values: Array, yx_used: NDArray[np.bool_], scale: float) -> Array:
    yx_mean: Array = ndimage.gaussian_filter(yx_values * yx_used, scale)
    if not yx_used.all():
        yx_mean /= np.maximum(ndimage.gaussian_filter(yx_used.astype(np.float64), scale), 0.1)
    return yx_mean


def _solved(design: Array, weights: Array, values: Array) -> Array:
    weighted = design * weights[:, None]
    normal = weighted.T @ design
    normal[np.diag_indices_from(normal)] += _RIDGE * np.trace(normal)
    solved: Array = linalg.solve(normal, weighted.T @ values, assume_a="pos")
    return solved


def _covariance(residual: Array, design: Array, weights: Array, clusters: NDArray[np.intp]) -> Array:
    """Estimate the covariance of the factors, (10, Z', 10, Z'), from fits that each leave out one part of the frame."""
    count, terms, planes = int(clusters.max()) + 1, design.shape[1], residual.shape[1]
    weighted = design * weights[:, None]
    scores = (weighted[:, :, None] * residual[:, None, :]).reshape(len(design), -1)
    squares = (weighted[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    pulls = np.stack([np.bincount(clusters, column, count) for column in scores.T], axis=1)
    normals = np.stack([np.bincount(clusters, column, count) for column in squares.T], axis=1)
    others = normals.sum(axis=0) - normals
    others = others.reshape(count, terms, terms) + _RIDGE * np.trace(
        normals.sum(axis=0).reshape(terms, terms)
    ) * np.eye(terms)
    moved = np.linalg.solve(others, pulls.reshape(count, terms, planes))
    covariance: Array = np.einsum("caz,cbw->azbw", moved, moved)
    return covariance


def _clusters(yx_used: NDArray[np.bool_], cell_um: float) -> NDArray[np.intp]:
    """Return the number of the part of the frame in which each used cell is."""
    size = max(-(-max(yx_used.shape) // _PARTS), math.ceil(_PART_UM / cell_um))
    y, x = np.nonzero(yx_used)
    clusters: NDArray[np.intp] = np.unique((y // size) * _PARTS + x // size, return_inverse=True)[1].ravel()
    return clusters


def _design(shape: tuple[int, ...], step: int, frame: tuple[int, ...]) -> Array:
    y, x = (_powers(2 * (np.arange(count) + 0.5) * step / side - 1) for count, side in zip(shape, frame, strict=True))
    return np.stack([np.outer(y[:, i], x[:, j]).ravel() for i, j in TERMS], axis=1)


def _powers(places: Array) -> Array:
    return np.vander(places, DEGREE + 1, increasing=True)


def _as_table(factors: Array) -> Array:
    """Place the factors of `TERMS` in a square table of powers."""
    table = np.zeros((DEGREE + 1, DEGREE + 1))
    for (i, j), factor in zip(TERMS, factors, strict=True):
        table[i, j] = factor
    return table
