# mypy: disable-error-code="no-untyped-call"
"""Score a phase map against its label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from napari_contransgan.errors import InputError
from napari_contransgan.tie.background import background_median

FOREGROUND_FRACTION = 0.1
"""Foreground is where the levelled label exceeds this fraction of its largest magnitude."""

SMALLEST_BACKGROUND = 0.01
"""Fraction of the frame that must be empty for its median to be used as the background level."""

SMALLEST_SIDE_PX = 11
"""Width of the Gaussian window of SSIM."""


@dataclass(frozen=True)
class Scores:
    """Scores of a phase map against its label.

    All maps are levelled (background median 0) except for the raw scores. Offset and gain are never fitted.

    Parameters
    ----------
    ssim, psnr_db : float
        Over the whole frame. SSIM does not see a wrong scale, so read it together with `slope`. The PSNR of an exact
        copy is infinite.
    slope : float
        Slope of the least-squares line through the origin, of the map against the label over the foreground; 1 is
        right.
    ssim_raw, psnr_raw_db : float
        Scores of the maps without levelling.
    ssim_foreground, psnr_foreground_db : float
        Over the foreground only.
    ssim_zero, psnr_zero_db : float
        Scores of a map of zeros.
    rmse_rad : float
        Root mean square difference over the whole frame.
    data_range_rad : float
        Range used for SSIM and PSNR; scores with different ranges cannot be compared.
    foreground_fraction : float
        Fraction of the frame that is foreground.
    correlation : float
        Pearson correlation over the whole frame; 0 for a constant map.
    """

    ssim: float
    psnr_db: float
    slope: float
    ssim_raw: float
    psnr_raw_db: float
    ssim_foreground: float
    psnr_foreground_db: float
    ssim_zero: float
    psnr_zero_db: float
    rmse_rad: float
    data_range_rad: float
    foreground_fraction: float
    correlation: float


def level(yx_phase_rad: NDArray[np.floating], yx_background: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Subtract the median of the map's own background.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase in radians, finite.
    yx_background : (Y, X) ndarray of bool, optional
        Where the frame is known to be empty, as in a simulation. If less than 1 % of the frame is empty, the map is not
        levelled. Without this argument, the background is all pixels within 2.5 robust standard deviations of the most
        common value (`napari_contransgan.tie.background.background_median`); in confluent layers this may be the
        specimen itself, and different parts of it in two maps.

    Returns
    -------
    (Y, X) ndarray of float64
    """
    values = np.asarray(yx_phase_rad, dtype=np.float64)
    if yx_background is None:
        return values - background_median(values)
    if np.mean(yx_background) < SMALLEST_BACKGROUND:
        return values
    levelled: NDArray[np.float64] = values - np.median(values[yx_background])
    return levelled


def evaluate(
    yx_phase_rad: NDArray[np.floating],
    yx_label_rad: NDArray[np.floating],
    *,
    data_range_rad: float | None = None,
    yx_background: NDArray[np.bool_] | None = None,
) -> Scores:
    """Score a phase map against its label.

    SSIM uses a Gaussian window of sigma 1.5 px, as published (Wang et al., IEEE TIP 13:600, 2004). PSNR is 10
    log10(range^2 / mean squared difference).

    Parameters
    ----------
    yx_phase_rad, yx_label_rad : (Y, X) ndarray
        Phase in radians on the same grid.
    data_range_rad : float or None
        Range for SSIM and PSNR: the specimen's reference phase, the same for all images that are compared. None uses
        the label's maximum minus its minimum.
    yx_background : (Y, X) ndarray of bool, optional
        Where the frame is known to be empty; both maps are levelled there, see `level`. Without it, each map is
        levelled by its own estimated background.

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        If the maps differ in shape, are smaller than 11 px per side or contain NaN, if the label is constant, or if the
        range is not above 0.
    """
    _check_maps(yx_phase_rad, yx_label_rad)
    if data_range_rad is not None and not 0 < data_range_rad < np.inf:
        raise InputError(f"a data range of {data_range_rad:g} rad cannot be right: give the specimen's largest phase")
    raw, raw_label = np.asarray(yx_phase_rad, dtype=np.float64), np.asarray(yx_label_rad, dtype=np.float64)
    phase, label = level(raw, yx_background), level(raw_label, yx_background)
    value_range = float(label.max() - label.min()) if data_range_rad is None else float(data_range_rad)

    magnitude = np.abs(label)
    foreground = magnitude > FOREGROUND_FRACTION * magnitude.max()
    ssim, ssim_map = _ssim(phase, label, value_range)
    zero = np.zeros_like(label)
    return Scores(
        ssim=ssim,
        psnr_db=_psnr_db(phase - label, value_range),
        slope=float(np.sum(phase[foreground] * label[foreground]) / np.sum(label[foreground] ** 2)),
        ssim_raw=_ssim(raw, raw_label, value_range)[0],
        psnr_raw_db=_psnr_db(raw - raw_label, value_range),
        ssim_foreground=float(ssim_map[foreground].mean()),
        psnr_foreground_db=_psnr_db((phase - label)[foreground], value_range),
        ssim_zero=_ssim(zero, label, value_range)[0],
        psnr_zero_db=_psnr_db(label, value_range),
        rmse_rad=float(np.sqrt(np.mean((phase - label) ** 2))),
        data_range_rad=value_range,
        foreground_fraction=float(foreground.mean()),
        correlation=correlation(phase, label),
    )


def correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the Pearson correlation of two arrays of the same shape; 0 if one is constant."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.sum(a * b)) / scale if scale > 0 else 0.0


def _check_maps(yx_phase_rad: NDArray[np.floating], yx_label_rad: NDArray[np.floating]) -> None:
    if yx_phase_rad.shape != yx_label_rad.shape:
        raise InputError(
            f"the phase has {yx_phase_rad.shape} px and the label {yx_label_rad.shape}: bring both to the same grid"
        )
    if yx_phase_rad.ndim != 2 or min(yx_phase_rad.shape) < SMALLEST_SIDE_PX:
        raise InputError(
            f"maps of the shape {yx_phase_rad.shape} cannot be scored: give two YX maps of at least "
            f"{SMALLEST_SIDE_PX} px per side"
        )
    for name, values in (("phase", yx_phase_rad), ("label", yx_label_rad)):
        if not np.all(np.isfinite(values)):
            raise InputError(f"the {name} holds NaN or infinite values: replace them first")
    if np.min(yx_label_rad) == np.max(yx_label_rad):
        raise InputError("the label is constant, so there is nothing to score against: give the true phase")


def _ssim(
    phase: NDArray[np.float64], label: NDArray[np.float64], value_range: float
) -> tuple[float, NDArray[np.float64]]:
    mean, ssim_map = structural_similarity(
        label, phase, data_range=value_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    return float(mean), ssim_map


def _psnr_db(difference: NDArray[np.float64], value_range: float) -> float:
    mean_square = float(np.mean(difference**2))
    return float(10 * np.log10(value_range**2 / mean_square)) if mean_square > 0 else float("inf")
