"""Partially coherent image formation: Abbe's sum over points of the condenser aperture (Koehler illumination).

Works on batches, on CPU or GPU, and is differentiable with respect to the object.
"""

import math
from collections.abc import Callable, Sequence

import torch

GOLDEN_ANGLE_RAD = math.pi * (3 - math.sqrt(5))


def transmission(yx_phase_rad: torch.Tensor, yx_absorption: torch.Tensor | None = None) -> torch.Tensor:
    """Complex transmission exp(i phase - absorption) of a thin object; any shape."""
    exponent = torch.complex(-torch.zeros_like(yx_phase_rad) if yx_absorption is None else -yx_absorption, yx_phase_rad)
    return torch.exp(exponent)


def source_points(aperture_per_um: float, count: int, turn_rad: float = 0.0) -> torch.Tensor:
    """Points of a uniformly filled condenser aperture on a golden-angle spiral.

    Parameters
    ----------
    aperture_per_um : float
        Radius of the source, S * NA / wavelength.
    count : int
        Number of points of equal weight.
    turn_rad : float
        Turns the whole spiral; a random turn per sample keeps the sampling error from repeating.

    Returns
    -------
    Tensor, shape (count, 2)
        Spatial frequencies (y, x) in 1/um.
    """
    index = torch.arange(count, dtype=torch.float64)
    radius = aperture_per_um * torch.sqrt((index + 0.5) / count)
    angle = index * GOLDEN_ANGLE_RAD + turn_rad
    return torch.stack([radius * torch.sin(angle), radius * torch.cos(angle)], dim=-1)


def through_focus_images(
    field: torch.Tensor,
    field_pixel_um: float,
    image_pixel_um: float,
    *,
    numerical_aperture: float,
    wavelength_um: float,
    coherence: float,
    z_um: Sequence[float] = (0.0,),
    points: int = 64,
    turn_rad: float = 0.0,
) -> torch.Tensor:
    """Camera images of a thin object at several focus positions, in units of the empty field's intensity.

    I_z = (1/N) sum_s |F^-1{ T(f) P(f + s) exp(2 pi i z sqrt(1/wavelength^2 - |f + s|^2)) }|^2 (Abbe; Born & Wolf 10.6).
    The pupil is evaluated analytically at f + s, so that source points need not lie on the frequency grid. The field's
    spectrum is cropped to what the objective passes, and the intensity is averaged over each camera pixel exactly.

    Parameters
    ----------
    field : Tensor, complex, shape (..., N, N)
        Transmission of the object, periodic, on pixels of `field_pixel_um`.
    field_pixel_um, image_pixel_um : float
        Pixel sizes; N * field_pixel_um must be a whole number of image pixels.
    numerical_aperture, wavelength_um, coherence : float
        Of the objective; vacuum wavelength; condenser NA over objective NA.
    z_um : sequence of float
        Focus positions; z grows along the light's path.
    points : int
        Source points.
    turn_rad : float
        Turn of the source's spiral.

    Returns
    -------
    Tensor, real, shape (..., len(z_um), M, M)
        With M = N * field_pixel_um / image_pixel_um; both grids begin at the same edge.

    Raises
    ------
    ValueError
        If the grids do not fit each other.
    """
    spectrum = torch.fft.fft2(field, norm="forward")
    return sum_over_source(
        lambda _: spectrum,
        field.shape[-1],
        field_pixel_um,
        image_pixel_um,
        numerical_aperture=numerical_aperture,
        wavelength_um=wavelength_um,
        coherence=coherence,
        z_um=z_um,
        points=points,
        turn_rad=turn_rad,
    )


def sum_over_source(
    spectrum_of: Callable[[tuple[float, float]], torch.Tensor],
    field_px: int,
    field_pixel_um: float,
    image_pixel_um: float,
    *,
    numerical_aperture: float,
    wavelength_um: float,
    coherence: float,
    z_um: Sequence[float],
    points: int,
    turn_rad: float,
) -> torch.Tensor:
    """Camera images of any object that says what light of each source point makes of it.

    The image formation of `through_focus_images`, with a spectrum T_s(f) for each source point s in place of T(f). One
    spectrum at a time is held.

    Parameters
    ----------
    spectrum_of : callable
        Gives, for a source point (y, x) in 1/um, the spectrum of the field in the object plane, complex, shape
        (..., N, N), in FFT order, as ``torch.fft.fft2(field, norm="forward")`` does. The field is taken relative to the
        undisturbed wave exp(2 pi i s r), so that it is periodic for any s.
    field_px : int
        N.
    field_pixel_um, image_pixel_um, numerical_aperture, wavelength_um, coherence, z_um, points, turn_rad
        As for `through_focus_images`.

    Returns
    -------
    Tensor, real, shape (..., len(z_um), M, M)
        As from `through_focus_images`.

    Raises
    ------
    ValueError
        If the grids do not fit each other.
    """
    field_um = field_px * field_pixel_um
    image_px = round(field_um / image_pixel_um)
    if not math.isclose(image_px * image_pixel_um, field_um, rel_tol=1e-6):
        raise ValueError(f"a field of {field_um:g} um is no whole number of pixels of {image_pixel_um:g} um")
    cutoff = numerical_aperture / wavelength_um
    # The intensity holds frequencies up to twice the cut-off: compute it that finely, then let the camera bin it.
    refine = max(1, math.ceil(image_pixel_um * 4 * cutoff - 1e-9))
    grid_px = min(image_px * refine, field_px)
    if grid_px % image_px:
        raise ValueError("the object's pixel must be an even part of the image's pixel")
    lowest = _lowest_frequencies(field_px, grid_px)

    intensity = torch.zeros(())
    frequency = torch.fft.fftfreq(grid_px, field_um / grid_px, dtype=torch.float64)
    for s_y, s_x in source_points(coherence * cutoff, points, turn_rad).tolist():
        # Outside these rows and columns the shifted pupil is dark.
        rows, columns = (
            torch.nonzero((frequency + s).abs() * field_um < cutoff * field_um + 1)[:, 0] for s in (s_y, s_x)
        )
        squared = (frequency[rows] + s_y)[:, None] ** 2 + (frequency[columns] + s_x)[None, :] ** 2
        pupil = ((cutoff - squared.sqrt()) * field_um + 0.5).clip(0, 1)
        axial = (1 / wavelength_um**2 - squared).clip(min=0).sqrt()
        phases = 2 * math.pi * torch.tensor(z_um, dtype=torch.float64)[:, None, None] * axial
        block = spectrum_of((s_y, s_x))[..., None, lowest[rows][:, None], lowest[columns]]
        passed = block * torch.polar(pupil.expand_as(phases).contiguous(), phases).to(block)
        amplitude = _inverse_transform(passed, rows, columns, grid_px)
        intensity = intensity + amplitude.real.square() + amplitude.imag.square()
    return _expose_pixels(intensity / points, image_px, field_um, field_pixel_um)


def _lowest_frequencies(size: int, count: int) -> torch.Tensor:
    """Where the `count` lowest of `size` frequencies stand, in FFT order."""
    half = count // 2
    return torch.cat([torch.arange(count - half), torch.arange(size - half, size)])


def _inverse_transform(block: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, size: int) -> torch.Tensor:
    """Inverse 2D transform of a spectrum that is zero outside some rows and columns, without transforming zeros."""
    tall = block.new_zeros((*block.shape[:-2], size, len(columns)))
    tall[..., rows, :] = block
    full = block.new_zeros((*block.shape[:-2], size, size))
    full[..., columns] = torch.fft.ifft(tall, dim=-2, norm="forward")
    amplitude: torch.Tensor = torch.fft.ifft(full, dim=-1, norm="forward")
    return amplitude


def _expose_pixels(intensity: torch.Tensor, image_px: int, field_um: float, field_pixel_um: float) -> torch.Tensor:
    """Average a band-limited intensity over square camera pixels whose first edge is the object grid's first edge."""
    grid_px = intensity.shape[-1]
    pixel_um = field_um / image_px
    f_y = torch.fft.fftfreq(grid_px, field_um / grid_px, dtype=torch.float64)
    f_x = torch.fft.rfftfreq(grid_px, field_um / grid_px, dtype=torch.float64)
    # Grid samples stand where object samples stand (half an object pixel inside); camera pixels half a camera pixel.
    shift_um = (pixel_um - field_pixel_um) / 2
    window_y = torch.polar(torch.sinc(f_y * pixel_um), 2 * math.pi * f_y * shift_um)
    window_x = torch.polar(torch.sinc(f_x * pixel_um), 2 * math.pi * f_x * shift_um)
    spectrum = torch.fft.rfft2(intensity)
    window = (window_y[:, None] * window_x[None, :]).to(spectrum.dtype).to(spectrum.device)
    exposed: torch.Tensor = torch.fft.irfft2(spectrum * window, s=(grid_px, grid_px))
    step = grid_px // image_px
    return exposed[..., ::step, ::step]
