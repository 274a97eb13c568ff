"""Compare two phase maps within a band of sizes that excludes low-frequency artefacts and single pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation.scores import correlation

FINE_PX, COARSE_PX = 2.0, 40.0
"""Gaussians on the model's grid of 0.325 um, which keep structure of about 1.5 to 80 um."""


@dataclass(frozen=True)
class BandAgreement:
    """Agreement of two maps within a band.

    Parameters
    ----------
    correlation : float
        Pearson correlation of the band-passed maps inside the mask; negative if one of them is inverted.
    slope : float
        Slope of the least-squares fit of the band-passed map to the band-passed label; 1 is right.
    label_rad : float
        Standard deviation of the band-passed label, in radians.
    """

    correlation: float
    slope: float
    label_rad: float


def band_pass(
    yx_phase_rad: NDArray[np.floating],
    inside: NDArray[np.bool_] | None = None,
    *,
    fine_px: float = FINE_PX,
    coarse_px: float = COARSE_PX,
) -> NDArray[np.float64]:
    """Return the Gaussian of `fine_px` minus the Gaussian of `coarse_px`, using only pixels inside a mask.

    Both are normalised convolutions (Knutsson & Westin, CVPR 1993): pixels outside have no weight, so that the edge of
    an aperture causes no halo.

    Parameters
    ----------
    yx_phase_rad : (Y, X) ndarray
        Phase in radians.
    inside : (Y, X) ndarray of bool, optional
        Where the map is known; everywhere by default.
    fine_px, coarse_px : float
        Standard deviations in pixels.

    Returns
    -------
    (Y, X) ndarray of float64
        0 outside.
    """
    weight = np.ones(yx_phase_rad.shape) if inside is None else inside.astype(np.float64)
    known = np.where(weight > 0, yx_phase_rad, 0.0).astype(np.float64)

    def smooth(sigma_px: float) -> NDArray[np.float64]:
        blurred = ndimage.gaussian_filter(known, sigma_px, mode="constant")
        return np.asarray(blurred / np.maximum(ndimage.gaussian_filter(weight, sigma_px, mode="constant"), 1e-6))

    return (smooth(fine_px) - smooth(coarse_px)) * (weight > 0)


def band_agreement(
    yx_phase_rad: NDArray[np.floating],
    yx_label_rad: NDArray[np.floating],
    inside: NDArray[np.bool_] | None = None,
    *,
    fine_px: float = FINE_PX,
    coarse_px: float = COARSE_PX,
) -> BandAgreement:
    """Compare a map with a label whose low frequencies are unknown, such as the TIE phase of a confluent sheet.

    Parameters
    ----------
    yx_phase_rad, yx_label_rad : (Y, X) ndarray
        Phase in radians on the same grid.
    inside : (Y, X) ndarray of bool, optional
        Which pixels are compared; all by default.
    fine_px, coarse_px : float
        Standard deviations of the Gaussians, in pixels.

    Raises
    ------
    InputError
        If the maps or the mask differ in shape, or the mask leaves no pixel.
    """
    mask = np.ones(yx_label_rad.shape, bool) if inside is None else inside
    if not yx_phase_rad.shape == yx_label_rad.shape == mask.shape:
        raise InputError(
            f"the phase has {yx_phase_rad.shape} px, the label {yx_label_rad.shape} and the mask {mask.shape}: "
            f"bring them to the same grid"
        )
    if not mask.any():
        raise InputError("the mask leaves no pixel to compare")
    phase, label = (
        band_pass(values, mask, fine_px=fine_px, coarse_px=coarse_px)[mask] for values in (yx_phase_rad, yx_label_rad)
    )
    phase, label = phase - phase.mean(), label - label.mean()
    power = float(np.sum(label**2))
    return BandAgreement(
        correlation=correlation(phase, label),
        slope=float(np.sum(phase * label)) / power if power > 0 else 0.0,
        label_rad=float(label.std()),
    )
