"""Compute statistics by which simulated and real images are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

Array = NDArray[np.floating]

PERCENTILES = (5, 25, 75, 95, 99)
"""Percentiles are relative to the median, because an image of a sheet does not show where 0 is."""
FREQUENCIES_PER_UM = (0.1, 0.2, 0.5, 1.0)
PERIODS_UM = ((1.5, 2.5), (2.5, 4.0), (4.0, 8.0))


@dataclass(frozen=True)
class Spectrum:
    """Radial average of a power spectrum.

    Parameters
    ----------
    f_per_um : ndarray, shape (N,)
        Centres of the rings, evenly spaced on a logarithmic scale.
    power : ndarray, shape (N,)
        Power density in units of the image squared times um^2; its integral over the plane is the variance.
    """

    f_per_um: Array
    power: Array

    def at(self, f_per_um: float) -> float:
        """Return the interpolated power at one frequency; NaN beyond the frequencies of the image."""
        inside = self.f_per_um[0] <= f_per_um <= self.f_per_um[-1]
        log_power = np.interp(np.log(f_per_um), np.log(self.f_per_um), np.log(self.power))
        return float(np.exp(log_power)) if inside else float("nan")

    def slope(self, low_per_um: float, high_per_um: float) -> float:
        """Fit a power law between two frequencies, and return its exponent."""
        chosen = (self.f_per_um >= low_per_um) & (self.f_per_um <= high_per_um)
        return float(np.polyfit(np.log(self.f_per_um[chosen]), np.log(self.power[chosen]), 1)[0])


def radial_spectrum(yx_values: Array, pixel_size_um: float) -> Spectrum:
    """Compute the radially averaged power spectrum, with a Hann window and ten rings per decade.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        The image.
    pixel_size_um : float
        Pixel size.
    """
    window = np.hanning(yx_values.shape[0])[:, None] * np.hanning(yx_values.shape[1])[None, :]
    mean = (yx_values * window).sum() / window.sum()
    power = np.abs(np.fft.fft2((yx_values - mean) * window)) ** 2 * pixel_size_um**2 / (window**2).sum()
    f_y, f_x = (np.fft.fftfreq(side, pixel_size_um) for side in yx_values.shape)
    f_per_um = np.hypot(f_y[:, None], f_x[None, :])
    lowest, highest = 1.5 / (min(yx_values.shape) * pixel_size_um), 0.5 / pixel_size_um
    edges = np.geomspace(lowest, highest, max(8, round(10 * np.log10(highest / lowest))) + 1)
    ring = np.digitize(f_per_um.ravel(), edges) - 1
    chosen = (ring >= 0) & (ring < len(edges) - 1)
    count = np.bincount(ring[chosen], minlength=len(edges) - 1)
    total = np.bincount(ring[chosen], power.ravel()[chosen], minlength=len(edges) - 1)
    filled = count > 0
    return Spectrum(np.sqrt(edges[1:] * edges[:-1])[filled], total[filled] / count[filled])


def band_pass(yx_values: Array, pixel_size_um: float, sizes_um: tuple[float, float] = (0.65, 13.0)) -> Array:
    """Return the image between two Gaussians; the usual ones remove noise and low-frequency artefacts.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        The image.
    pixel_size_um : float
        Pixel size.
    sizes_um : (float, float)
        Standard deviations of the fine and of the coarse Gaussian.
    """
    fine, coarse = (ndimage.gaussian_filter(yx_values, size_um / pixel_size_um) for size_um in sizes_um)
    return np.asarray(fine - coarse)


def relative(yx_intensity: Array, pixel_size_um: float) -> Array:
    """Return the intensity divided by its slow background (the image blurred by a Gaussian of 13 um), minus 1."""
    values = np.asarray(yx_intensity, np.float64)
    return np.asarray(values / ndimage.gaussian_filter(values, 13.0 / pixel_size_um) - 1)


def phase_figures(yx_phase_rad: Array, pixel_size_um: float) -> dict[str, float]:
    """Compute percentiles relative to the median, spread, and spectrum of a phase map.

    Parameters
    ----------
    yx_phase_rad : ndarray, shape (Y, X)
        The phase.
    pixel_size_um : float
        Pixel size.
    """
    centred = yx_phase_rad - np.median(yx_phase_rad)
    figures = {f"p{percent}": float(np.percentile(centred, percent)) for percent in PERCENTILES}
    figures["std"] = float(centred.std())
    return figures | spectrum_figures(yx_phase_rad, pixel_size_um, frequencies_per_um=(0.1, 0.2, 0.5))


def spectrum_figures(
    yx_values: Array,
    pixel_size_um: float,
    *,
    frequencies_per_um: Sequence[float] = FREQUENCIES_PER_UM,
) -> dict[str, float]:
    """Compute the power at some frequencies, as a logarithm to base 10, and the slope from lowest to highest."""
    spectrum = radial_spectrum(yx_values, pixel_size_um)
    figures = {f"log P({f:g})": float(np.log10(spectrum.at(f))) for f in frequencies_per_um}
    return figures | {"slope": spectrum.slope(min(frequencies_per_um), max(frequencies_per_um))}


def image_figures(yx_intensity: Array, pixel_size_um: float) -> dict[str, float]:
    """Compute the contrast and spectrum of a bright-field image relative to its slow background."""
    values = relative(yx_intensity, pixel_size_um)
    return {"contrast": float(values.std())} | spectrum_figures(values, pixel_size_um)


def granule_figures(yx_intensity: Array, pixel_size_um: float) -> dict[str, float]:
    """Compute skewness and excess kurtosis of the fine contrast, that is, minus its own Gaussian blur of 0.8 um.

    Bright and dark granules in equal numbers give a skewness of 0; a few strong ones give a large kurtosis.
    """
    values = relative(yx_intensity, pixel_size_um)
    fine = (values - ndimage.gaussian_filter(values, 0.8 / pixel_size_um)).ravel()
    return {"skewness": float(stats.skew(fine)), "kurtosis": float(stats.kurtosis(fine))}


def plane_figures(zyx_intensity: Array, pixel_size_um: float) -> dict[str, float]:
    """Compute the correlation between the spectra of two planes, within bands of periods.

    It is -1 where a thin layer is on opposite sides of focus, and nearer to 0 where structure lies at other heights.

    Parameters
    ----------
    zyx_intensity : ndarray, shape (2, Y, X)
        The planes.
    pixel_size_um : float
        Pixel size.
    """
    window = np.hanning(zyx_intensity.shape[-1])
    first, second = (np.fft.fft2(relative(plane, pixel_size_um) * np.outer(window, window)) for plane in zyx_intensity)
    f_per_um = np.fft.fftfreq(zyx_intensity.shape[-1], pixel_size_um)
    period_um = 1 / np.maximum(np.hypot(f_per_um[:, None], f_per_um), 1e-9)
    figures = {}
    for shortest_um, longest_um in PERIODS_UM:
        a, b = (spectrum[(period_um > shortest_um) & (period_um <= longest_um)] for spectrum in (first, second))
        product = np.vdot(b, a).real / np.sqrt(np.vdot(a, a).real * np.vdot(b, b).real)
        figures[f"{shortest_um:g} to {longest_um:g} µm"] = float(product)
    return figures


def dark_spot_figures(zyx_intensity: Array, pixel_size_um: float) -> dict[str, float]:
    """Count dark spots of about 0.5 and 1.6 um in the first plane, per 1000 um^2, and those that are dark in both.

    A spot that delays light is bright on the other side of focus; a spot that absorbs is dark in both planes.

    Parameters
    ----------
    zyx_intensity : ndarray, shape (2, Y, X)
        Planes on opposite sides of focus.
    pixel_size_um : float
        Pixel size.
    """
    thousands_um2 = zyx_intensity[0].size * pixel_size_um**2 / 1000
    planes = [relative(plane, pixel_size_um) for plane in zyx_intensity]
    figures = {}
    for size_um, depth in ((0.5, 0.06), (1.6, 0.04)):
        first, second = (band_pass(plane, pixel_size_um, (0.5 * size_um, 2 * size_um)) for plane in planes)
        nearby_px = 2 * round(size_um / pixel_size_um) + 1
        spots = (first == ndimage.minimum_filter(first, nearby_px)) & (first < -depth)
        figures[f"{size_um:g} µm"] = float(spots.sum() / thousands_um2)
        figures[f"{size_um:g} µm, dark in both planes"] = float((spots & (second < -depth / 2)).sum() / thousands_um2)
    return figures


def relief_figures(yx_phase_rad: Array, pixel_size_um: float) -> dict[str, float]:
    """Compute how steep a phase map is, and how sharply its ridges and hills are curved.

    Flat lamellae show in the lowest gradients; borders and fibres in the ridges; nuclei in the hills.

    Parameters
    ----------
    yx_phase_rad : ndarray, shape (Y, X)
        The phase.
    pixel_size_um : float
        Pixel size.
    """
    smooth = ndimage.gaussian_filter(yx_phase_rad, 1.3 / pixel_size_um)
    steepness = np.hypot(*np.gradient(smooth, pixel_size_um))
    figures = {f"gradient p{percent}, rad/µm": float(np.percentile(steepness, percent)) for percent in (10, 50, 99)}
    yy, yx, xx = (
        ndimage.gaussian_filter(yx_phase_rad, 2.0 / pixel_size_um, order=order) / pixel_size_um**2
        for order in ((2, 0), (1, 1), (0, 2))
    )
    spread = np.hypot(yy - xx, 2 * yx)
    across, along = (yy + xx - spread) / 2, (yy + xx + spread) / 2
    ridge = (across < 0) & (np.abs(along) < 0.3 * np.abs(across))
    figures["ridges p99, rad/µm²"] = float(np.percentile(np.where(ridge, -across, 0), 99))
    figures["hills p99, rad/µm²"] = float(np.percentile(np.where(~ridge, np.maximum(-along, 0), 0), 99))
    return figures


def round_cell_figures(yx_phase: Array, pixel_size_um: float) -> dict[str, float]:
    """Compute the peak of a round cell in the middle of the frame, and its texture there as a fraction of the peak.

    Parameters
    ----------
    yx_phase : ndarray, shape (Y, X)
        Phase in any unit, 0 outside the cell.
    pixel_size_um : float
        Pixel size.
    """
    peak = float(yx_phase.max())
    inner, core = (_middle(yx_phase, round(side_um / pixel_size_um)) / peak for side_um in (8.3, 4.2))
    figures = {"peak": peak, "std in 4.2 µm": float(core.std())}
    return figures | spectrum_figures(inner, pixel_size_um, frequencies_per_um=(0.5, 1.0))


def _middle(yx_values: Array, side_px: int) -> Array:
    first_y, first_x = ((side - side_px) // 2 for side in yx_values.shape)
    return yx_values[first_y : first_y + side_px, first_x : first_x + side_px]
