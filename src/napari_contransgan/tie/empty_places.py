"""Clouds and empty places found together, by expectation maximisation.

A place is empty if the derivative shows no structure there and the phase comes out near zero; the clouds are those that
bring empty places to zero. The tolerance for "near" shrinks from round to round.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from napari_contransgan.tie.clouds import Array, CloudBasis

STRUCTURE_SIGMAS = 4.5
"""Structure of the derivative that stands out from its noise by more is the specimen's."""

_LENGTH_ALIKE_UM = 4.0  # deviations stay alike over about this length
_EMPTY_AT_LEAST = 0.15  # share of the cells that begin as empty, however structured all are
_PRIOR_EMPTY = (0.003, 0.9)  # with structure, and without
_FIRST_TOLERANCE, _LAST_TOLERANCE, _SHRINKING = 0.1, 0.01, 0.6  # of the specimen's phase
_SOFTNESS = 0.5  # of the specimen's phase
_UNSEEN = 1.2  # a specimen strays further than its phase with clouds shows
_ONLY_SURE = 3  # power of the probability to be empty: what may be a specimen holds no cloud for certain
_PLENTY, _PLENTY_RAMP, _CLEARLY = 0.6, 0.2, 4.0  # share of empty places, and how much nearness to specimens counts
_LEAST_TOGETHER, _PLAIN_SIGMAS = 2.0, 100.0
_ROUNDS = 12


@dataclass(frozen=True)
class Cells:
    """The plain solution and its structure, averaged over square cells.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Plain solution.
    yx_structure : (Y, X) ndarray
        How far the derivative's structure stands out, in standard deviations of its noise.
    yx_lit : (Y, X) ndarray of bool
        Cells in which phase can be measured.
    cell_um : float
        Side of a cell.
    basis : CloudBasis
        Clouds on the cells.
    columns : (Y X, N) ndarray
        The basis' functions as columns.
    noise_rad : float
        Standard deviation of the phase's noise at wavelengths shorter than the clouds'.
    has_background : bool
        False where too little of the frame is known to be empty.
    """

    yx_phase_rad: Array
    yx_structure: Array
    yx_lit: NDArray[np.bool_]
    cell_um: float
    basis: CloudBasis
    columns: Array
    noise_rad: float = 0.0
    has_background: bool = True

    @property
    def alike(self) -> float:
        """Return the number of neighbouring cells that deviate together."""
        return max(1.0, (_LENGTH_ALIKE_UM / self.cell_um) ** 2)


@dataclass(frozen=True)
class Anchoring:
    """A fit of the clouds.

    Parameters
    ----------
    weights : (N,) ndarray
        Of the functions of the basis.
    yx_empty : (Y, X) ndarray
        Probability of each cell to be empty.
    evidence : float
        Log-likelihood of phase and weights, for a comparison of signs.
    """

    weights: Array
    yx_empty: Array
    evidence: float


def anchor(cells: Cells, sign: int, one_sided: bool, start: Array | None = None) -> Anchoring:
    """Find clouds and empty places together, for a specimen of one sign.

    Parameters
    ----------
    cells : Cells
        The plain solution.
    sign : int
        1 for a specimen that delays light, -1 for one that delays it less than its surroundings.
    one_sided : bool
        Whether no specimen of the other sign is there.
    start : (Y, X) ndarray or None
        Clouds to begin with, such as a coarser grid's.
    """
    lit = cells.yx_lit
    yx_signed = sign * cells.yx_phase_rad
    yx_empty, yx_prior = _first_guess(cells)
    yx_level = np.zeros_like(yx_signed) if start is None else yx_signed + sign * start
    amplitude = mean = tolerance = 0.0
    if start is not None:
        amplitude = _amplitude(yx_level, lit)
        tolerance = 3 * float(np.hypot(_LAST_TOLERANCE * amplitude, cells.noise_rad))
        yx_empty, _ = _expectation(yx_level, yx_prior, lit, tolerance, amplitude, one_sided)
    for number in range(_ROUNDS):
        if amplitude == 0:
            yx_pull, yx_target = yx_empty / _looseness(cells, 0.05), -yx_signed
        else:
            # Specimens are pulled towards their own mean, softly: it bounds clouds where nothing else does.
            yx_soft = lit * (1 - yx_empty) / (_SOFTNESS * amplitude) ** 2 / cells.alike
            yx_pull = _clear_of_specimens(cells, yx_empty) / _looseness(cells, tolerance) + yx_soft
            yx_target = np.where(yx_pull > 0, yx_soft * mean / np.maximum(yx_pull, 1e-12), 0.0) - yx_signed
        weights, _ = _most_likely(cells.columns, yx_pull.ravel(), yx_target.ravel())
        yx_level = yx_signed + cells.basis.cloud(weights)
        amplitude = _amplitude(yx_level, lit)
        smallest = float(np.hypot(_LAST_TOLERANCE * amplitude, cells.noise_rad))
        if tolerance == 0:
            tolerance = max(_spread(yx_level, yx_empty, 0.0), _FIRST_TOLERANCE * amplitude)
        else:
            tolerance = max(tolerance * _SHRINKING, smallest)
        before = yx_empty
        yx_empty, evidence = _expectation(yx_level, yx_prior, lit, tolerance, amplitude, one_sided)
        filled = lit * (1 - yx_empty)
        mean = float(np.sum(np.maximum(yx_level, 0) * filled) / max(float(filled.sum()), 1.0))
        settled = number > 0 and tolerance <= 1.001 * smallest
        if settled and np.abs(yx_empty - before).mean() < 2e-3:
            break
    likelihood = evidence / cells.alike - 0.5 * float(weights @ weights)
    return Anchoring(weights, yx_empty, likelihood)


def _together(cells: Cells) -> float:
    """Return how many neighbouring cells of an empty place are worth one.

    Beside strong specimens, empty places are plain to see. Where the strongest structure hardly stands out from the
    noise, the flanks of specimens are among them, and neighbours are wrong together.
    """
    structure = float(np.quantile(cells.yx_structure[cells.yx_lit], 0.99)) if cells.yx_lit.any() else 0.0
    return _LEAST_TOGETHER + (cells.alike - 1) / (1 + (structure / _PLAIN_SIGMAS) ** 2)


def _looseness(cells: Cells, tolerance: float) -> float:
    """Return the variance with which each cell of an empty place is held at zero."""
    together = _together(cells) if cells.has_background else cells.alike
    return max(tolerance**2 * together, cells.noise_rad**2 * cells.alike)


def stated_factor(cells: Cells, sign: int, anchoring: Anchoring) -> Array:
    """Return the triangular factor of the weights' precision, by how far empty places and specimens were seen to stray.

    Neighbours stray together. Places that are only probably empty count little: inside cells they would bound
    clouds that nothing bounds. In a frame without background no place counts as empty, since thin places are easily
    taken for empty ones; then only the specimen's own spread about its mean bounds the clouds.
    """
    yx_level = sign * cells.yx_phase_rad + cells.basis.cloud(anchoring.weights)
    yx_empty = anchoring.yx_empty if cells.has_background else np.zeros_like(anchoring.yx_empty)
    yx_filled = cells.yx_lit * (1 - yx_empty)
    yx_counted = _clear_of_specimens(cells, yx_empty)
    noise = cells.noise_rad
    tolerance = np.sqrt(max(_spread(yx_level, yx_counted, 0.0) ** 2 - noise**2, noise**2 / 4, 1e-12))
    mean = float(np.sum(yx_level * yx_filled) / max(float(yx_filled.sum()), 1e-12))
    deviation = max(_UNSEEN * _spread(yx_level, yx_filled, mean), noise, 1e-6)
    yx_pull = yx_counted**_ONLY_SURE / tolerance**2 / (_LEAST_TOGETHER + _together(cells))
    yx_pull += yx_filled / deviation**2 / cells.alike
    return _most_likely(cells.columns, yx_pull.ravel(), np.zeros(yx_pull.size))[1]


def _clear_of_specimens(cells: Cells, yx_empty: Array) -> Array:
    """Count empty places near specimens less where there are plenty of others: faint rims are easily taken for empty.

    In a crowded frame, the narrow gaps between specimens are all there is, and count in full.
    """
    size = 2 * round(_LENGTH_ALIKE_UM / cells.cell_um) + 1
    plenty = np.clip((yx_empty[cells.yx_lit].mean() - _PLENTY) / _PLENTY_RAMP, 0, 1) if cells.yx_lit.any() else 0.0
    clear: Array = yx_empty * np.clip(ndimage.uniform_filter(yx_empty, size), 0, 1) ** (_CLEARLY * plenty)
    return clear


def _spread(yx_level: Array, yx_weights: Array, mean: float) -> float:
    return float(np.sqrt(np.sum(yx_weights * (yx_level - mean) ** 2) / max(yx_weights.sum(), 1e-12)))


def _first_guess(cells: Cells) -> tuple[Array, Array]:
    """Find empty places by the derivative's structure alone, and the prior probability that each place is empty."""
    lit = cells.yx_lit
    if not lit.any():
        return np.zeros(lit.shape), np.full(lit.shape, 0.5)
    quiet = float(np.quantile(cells.yx_structure[lit], _EMPTY_AT_LEAST))
    busy = cells.yx_structure > max(STRUCTURE_SIGMAS, quiet)
    margin = max(1, round(2.0 / cells.cell_um))
    closed = ndimage.binary_closing(np.pad(busy, 2 * margin), iterations=margin)
    empty = ~closed[2 * margin : -2 * margin, 2 * margin : -2 * margin]
    if empty[lit].mean() < _EMPTY_AT_LEAST / 3:
        empty = ~busy
    return (empty & lit).astype(np.float64), np.where(empty, *_PRIOR_EMPTY[::-1])


def _amplitude(yx_level: Array, lit: NDArray[np.bool_]) -> float:
    """Return the specimen's phase, nearly the highest value."""
    return max(float(np.quantile(yx_level[lit], 0.995)) if lit.any() else 0.0, 1e-4)


def _expectation(
    yx_level: Array, yx_prior: Array, lit: NDArray[np.bool_], tolerance: float, amplitude: float, one_sided: bool
) -> tuple[Array, float]:
    """Return the probability that each place is empty, and the log-likelihood of all.

    Empty places spread around zero like a Gaussian, specimens evenly between zero and their amplitude. Far below zero
    there can be nothing, so what lies there is empty and misplaced.
    """
    relative = yx_level / tolerance
    empty = yx_prior * np.exp(-0.5 * relative**2) / (np.sqrt(2 * np.pi) * tolerance)
    below = np.exp(-0.5 * np.minimum(4 * relative**2, 1400.0)) if one_sided else 1.0
    filled = (1 - yx_prior) / amplitude * np.where(yx_level > 0, 1.0, below)
    total = empty + filled + 1e-300
    probability = empty / total
    if one_sided:
        probability = np.where(relative < -2, 1.0, probability)
    return probability * lit, float(np.sum(np.log(total[lit])))


def _most_likely(columns: Array, pull: Array, target: Array) -> tuple[Array, Array]:
    """Solve for weights of least |w|^2 + sum pull (columns w - target)^2; return their precision's factor too."""
    pulled = columns * np.sqrt(pull)[:, None]
    precision = pulled.T @ pulled
    precision[np.diag_indices_from(precision)] += 1
    factor = linalg.cholesky(precision, lower=True, overwrite_a=True, check_finite=False)
    weights: Array = linalg.cho_solve((factor, True), columns.T @ (pull * target), check_finite=False)
    return weights, factor
