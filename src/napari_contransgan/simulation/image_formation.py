"""Simulate partially coherent images: Abbe's sum over points of the condenser aperture (Koehler illumination).

Works on batches, on CPU or GPU, in single or double precision, and is differentiable with respect to the object.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len

from napari_contransgan.optics import NO_ABERRATIONS, Aberrations
from napari_contransgan.simulation.pupil import pupil_function
from napari_contransgan.simulation.source import SourcePoint, SourceSampling, source_points

FINE_SOURCE = SourceSampling(4, 12)
"""Number of source points that suffices in focus, where contrast is low; see docs/background/simulation-accuracy.md."""

_CHUNK_ELEMENTS = 2**19
"""Number of amplitudes computed together: few enough for the processor's cache, many enough for small images."""

SpectrumOf = Callable[[SourcePoint, int, int, int], torch.Tensor]
"""Returns a square part of the spectrum behind an object, of shape (..., count, count), for light of a source point.
The first row and column are steps of frequency from 0, and may be negative."""


@dataclass(frozen=True)
class Optics:
    """Lens, condenser and filter for one image.

    Parameters
    ----------
    numerical_aperture : float
        NA of the objective.
    wavelength_um : float
        Centre vacuum wavelength.
    coherence : float
        S, condenser NA divided by objective NA; 0 is a plane wave.
    bandwidth_um : float
        Full width at half maximum of the filter.
    aberrations : Aberrations
        Aberrations of the objective.
    """

    numerical_aperture: float
    wavelength_um: float
    coherence: float
    bandwidth_um: float = 0.0
    aberrations: Aberrations = NO_ABERRATIONS


@dataclass(frozen=True)
class PixelGrid:
    """The camera's pixels in the plane of the object.

    Parameters
    ----------
    pixel_um : float
        Side of a pixel.
    shape_px : int
        Pixels per side of the square image.
    edge_um : float
        Position of the edge of the first pixel, along y and x, relative to that of the object's first pixel.
    """

    pixel_um: float
    shape_px: int
    edge_um: float = 0.0


def transmission(yx_phase_rad: torch.Tensor, yx_absorption: torch.Tensor | None = None) -> torch.Tensor:
    """Compute the complex transmission exp(i phase - absorption) of a thin object of any shape."""
    size = torch.ones_like(yx_phase_rad) if yx_absorption is None else torch.exp(-yx_absorption)
    return torch.polar(size, yx_phase_rad)


def through_focus_images(
    field: torch.Tensor,
    field_pixel_um: float,
    optics: Optics,
    grid: PixelGrid,
    *,
    z_um: Sequence[float] = (0.0,),
    source: SourceSampling = FINE_SOURCE,
    turn_rad: float = 0.0,
) -> torch.Tensor:
    """Compute camera images of a thin object at several focus positions, relative to the intensity of the empty field.

    I_z = sum_s w_s |F^-1{ T(f) P(f + s) exp(2 pi i z sqrt(1/wavelength^2 - |f + s|^2)) }|^2 (Abbe; Born & Wolf 10.6).
    The pupil is evaluated analytically at f + s, so that source points need not be on the frequency grid. The spectrum
    of the field is cropped to the frequencies that the objective passes, so a low-power image is fast to compute
    however fine the object is. The intensity is averaged exactly over each camera pixel at any position.

    Parameters
    ----------
    field : Tensor, complex, shape (..., N, N)
        Transmission of the object, periodic, on pixels of `field_pixel_um`. It is the same for all wavelengths of a
        band; see `thin_object` for one that is not.
    field_pixel_um : float
        Pixel size of the object.
    optics : Optics
        Lens, condenser and filter.
    grid : PixelGrid
        The camera's pixels.
    z_um : sequence of float
        Focus positions; z grows along the light's path.
    source : SourceSampling
        Sampling of the source.
    turn_rad : float
        Rotation of the source.

    Returns
    -------
    Tensor, real, shape (..., len(z_um), M, M)
        M is ``grid.shape_px``.

    Raises
    ------
    ValueError
        If the object's pixels are too coarse for the frequencies that the lens passes.
    """
    largest_per_um = optics.numerical_aperture * (1 + optics.coherence) / (optics.wavelength_um - optics.bandwidth_um)
    low = low_frequencies(torch.fft.fft2(field, norm="forward"), field_pixel_um, largest_per_um)
    return sum_over_source(
        lambda _, row, column, count: square_of(low, row, column, count),
        field.shape[-1],
        field_pixel_um,
        optics,
        grid,
        z_um=z_um,
        source=source,
        turn_rad=turn_rad,
    )


def thin_object(
    yx_path_um: torch.Tensor, yx_absorption: torch.Tensor | None, field_pixel_um: float, largest_per_um: float
) -> SpectrumOf:
    """Return a thin object for `sum_over_source` whose phase depends on the wavelength.

    Parameters
    ----------
    yx_path_um : Tensor, real, shape (..., N, N)
        Optical path, periodic, on pixels of `field_pixel_um`.
    yx_absorption : Tensor, optional
        Absorption exponent of the amplitude.
    field_pixel_um : float
        Pixel size of the object.
    largest_per_um : float
        Largest spatial frequency that any image needs, (NA + condenser NA) / shortest wavelength.

    Returns
    -------
    callable
        Returns the spectrum for a source point; spectra of each wavelength are kept for further images.
    """
    spectra: dict[float, torch.Tensor] = {}

    def spectrum_of(point: SourcePoint, row: int, column: int, count: int) -> torch.Tensor:
        own_um = point.wavelength_um
        if own_um not in spectra:
            whole = torch.fft.fft2(transmission(yx_path_um * (2 * math.pi / own_um), yx_absorption), norm="forward")
            spectra[own_um] = low_frequencies(whole, field_pixel_um, largest_per_um)
        return square_of(spectra[own_um], row, column, count)

    return spectrum_of


def low_frequencies(spectrum: torch.Tensor, pixel_um: float, largest_per_um: float) -> torch.Tensor:
    """Bring a spectrum from FFT order into rising order, up to `largest_per_um` and a few steps more."""
    size = spectrum.shape[-1]
    half = math.ceil(largest_per_um * size * pixel_um) + 3
    kept = torch.arange(-half, half + 1, device=spectrum.device) % size
    return spectrum[..., kept[:, None], kept]


def square_of(low: torch.Tensor, row: int, column: int, count: int) -> torch.Tensor:
    """Cut a square part out of the result of `low_frequencies`; row and column count steps from frequency 0."""
    half = low.shape[-1] // 2
    return low[..., half + row : half + row + count, half + column : half + column + count]


def sum_over_source(
    spectrum_of: SpectrumOf,
    field_px: int,
    field_pixel_um: float,
    optics: Optics,
    grid: PixelGrid,
    *,
    z_um: Sequence[float],
    source: SourceSampling,
    turn_rad: float,
    shifts_yx_um: Sequence[tuple[float, float]] | None = None,
) -> torch.Tensor:
    """Compute camera images of an object given by its spectrum for each source point.

    Image formation is that of `through_focus_images`, with a spectrum T_s(f) for each source point s instead of T(f).

    Parameters
    ----------
    spectrum_of : callable
        Returns part of the spectrum ``torch.fft.fft2(field, norm="forward")`` of the field in the object plane, for a
        source point. The field is relative to the undisturbed wave exp(2 pi i s r), so that it is periodic for any s.
        Points are sorted by wavelength.
    field_px : int
        Side N of the object.
    field_pixel_um, optics, grid, z_um, source, turn_rad
        As for `through_focus_images`.
    shifts_yx_um : sequence of (float, float), optional
        Shift of the object in each plane.

    Returns
    -------
    Tensor, real, shape (..., len(z_um), M, M)
        As for `through_focus_images`.

    Raises
    ------
    ValueError
        If the object's pixels are too coarse for the frequencies that the lens passes.
    """
    points = source_points(
        optics.numerical_aperture * optics.coherence, optics.wavelength_um, optics.bandwidth_um, source, turn_rad
    )
    field_um = field_px * field_pixel_um
    shortest_um = points[0].wavelength_um
    steepest_per_um = optics.numerical_aperture * (1 + optics.coherence) / shortest_um
    if steepest_per_um > 0.5 / field_pixel_um:
        raise ValueError(
            f"pixels of {field_pixel_um:g} um are too coarse for an object whose light the lens takes in up to "
            f"{steepest_per_um:.3g} per um: give at most {0.5 / steepest_per_um:.3g} um"
        )
    reach = math.ceil(optics.numerical_aperture / shortest_um * field_um + 1)
    # The intensity contains frequencies up to twice those of the amplitude.
    size = next_fast_len(4 * reach + 2, real=True)
    # The squares of real and imaginary parts are summed separately, because adding neighbours in memory is slow.
    squares: torch.Tensor | None = None
    chunk = max(1, _CHUNK_ELEMENTS // (len(z_um) * size**2))
    for first in range(0, len(points), chunk):
        passed = [_passed(spectrum_of, point, field_um, reach, optics, z_um) for point in points[first : first + chunk]]
        amplitude = _inverse_transform(torch.stack(passed, dim=-4), size)
        parts = torch.view_as_real(amplitude).square().sum(-5)
        squares = parts if squares is None else squares + parts
    assert squares is not None  # noqa: S101 - there is at least one point
    total = (squares[..., 0] + squares[..., 1]) / _empty_field(points, field_um, optics.numerical_aperture)
    if shifts_yx_um is None:
        return _expose_pixels(total, field_um, field_pixel_um, grid, (0.0, 0.0))
    planes = zip(total.unbind(-3), shifts_yx_um, strict=True)
    exposed = [_expose_pixels(plane, field_um, field_pixel_um, grid, shift_um) for plane, shift_um in planes]
    return torch.stack(exposed, dim=-3)


def _empty_field(points: Sequence[SourcePoint], field_um: float, numerical_aperture: float) -> float:
    """Return the intensity without an object; it is below 1 where the pupil's soft edge blocks light near its rim."""
    distances = [
        numerical_aperture / point.wavelength_um - math.hypot(point.y_per_um, point.x_per_um) for point in points
    ]
    edges = [min(1.0, max(0.0, distance * field_um + 0.5)) for distance in distances]
    return sum(point.weight * edge**2 for point, edge in zip(points, edges, strict=True))


def _passed(
    spectrum_of: SpectrumOf, point: SourcePoint, field_um: float, reach: int, optics: Optics, z_um: Sequence[float]
) -> torch.Tensor:
    """Return the light of a source point that the lens passes, times the root of its weight, from -reach to reach.

    The spectrum is shifted by the whole steps of the point's own frequency, so that the pupil is always in the middle.
    This changes the phase of the amplitude along the image, but not its intensity.
    """
    own = (point.y_per_um, point.x_per_um)
    first = [-reach - round(s * field_um) for s in own]
    block = spectrum_of(point, first[0], first[1], 2 * reach + 1)
    f_y, f_x = (
        (torch.arange(start, start + 2 * reach + 1) / field_um + s).to(block.device, block.real.dtype)
        for start, s in zip(first, own, strict=True)
    )
    pupil = pupil_function(f_y, f_x, optics.numerical_aperture, point.wavelength_um, optics.aberrations, z_um, field_um)
    return block[..., None, :, :] * (pupil * math.sqrt(point.weight))


def _inverse_transform(block: torch.Tensor, size: int) -> torch.Tensor:
    """Compute the inverse 2D transform of frequencies -reach to reach, without transforming the zeros around them."""
    reach = block.shape[-1] // 2
    tall = block.new_zeros((*block.shape[:-2], size, block.shape[-1]))
    tall[..., : reach + 1, :] = block[..., reach:, :]
    tall[..., size - reach :, :] = block[..., :reach, :]
    tall = torch.fft.ifft(tall, dim=-2, norm="forward")
    full = block.new_zeros((*block.shape[:-2], size, size))
    full[..., : reach + 1] = tall[..., reach:]
    full[..., size - reach :] = tall[..., :reach]
    amplitude: torch.Tensor = torch.fft.ifft(full, dim=-1, norm="forward")
    return amplitude


def _expose_pixels(
    intensity: torch.Tensor, field_um: float, field_pixel_um: float, grid: PixelGrid, shift_yx_um: tuple[float, float]
) -> torch.Tensor:
    """Average a band-limited periodic intensity over each square pixel, by its Fourier series."""
    size = intensity.shape[-1]
    real, device = intensity.dtype, intensity.device
    # The object's samples are half a pixel inside its first edge; the camera's averages are at its pixel centres.
    centre_um = grid.edge_um + (torch.arange(grid.shape_px, dtype=torch.float64) + 0.5) * grid.pixel_um
    place_um = centre_um - field_pixel_um / 2

    def series(f: torch.Tensor, weight: torch.Tensor, shift_um: float) -> torch.Tensor:
        waves = torch.polar(
            (torch.sinc(f * grid.pixel_um) * weight).expand(len(place_um), -1).contiguous(),
            2 * math.pi * (place_um[:, None] - shift_um) * f,
        )
        return waves.to(device=device, dtype=torch.complex64 if real == torch.float32 else torch.complex128)

    f_y = torch.fft.fftfreq(size, field_um / size, dtype=torch.float64)
    f_x = torch.fft.rfftfreq(size, field_um / size, dtype=torch.float64)
    spectrum = torch.fft.rfft2(intensity, norm="forward")
    # For a real image, each frequency along x except the zeroth also represents its opposite.
    both = torch.full_like(f_x, 2.0)
    both[0] = 1.0
    rows, columns = series(f_y, torch.ones_like(f_y), shift_yx_um[0]), series(f_x, both, shift_yx_um[1])
    exposed: torch.Tensor = (rows @ spectrum @ columns.mT).real
    return exposed
