"""Thick objects: light is followed slice by slice (multi-slice or beam propagation method).

Works on batches, on CPU or GPU, and is differentiable with respect to the object.
"""

import math
from collections.abc import Sequence

import torch

from napari_contransgan.simulation.image_formation import sum_over_source, transmission


def multi_slice_images(
    zyx_path_um: torch.Tensor,
    slice_um: float,
    field_pixel_um: float,
    image_pixel_um: float,
    *,
    numerical_aperture: float,
    wavelength_um: float,
    coherence: float,
    medium_index: float,
    z_um: Sequence[float] = (0.0,),
    points: int = 64,
    turn_rad: float = 0.0,
) -> torch.Tensor:
    """Camera images of a thick object at several focus positions, in units of the empty field's intensity.

    For each source point the field behind the object (`exit_field`) is referred to the object's middle plane and imaged
    as that of a thin object is, see `through_focus_images`; with a single slice the two agree. Beyond the slices z is
    the travel of a dry lens: it counts in air, whatever the medium. What lies h behind the middle plane is in
    focus near z = h / medium_index.

    Parameters
    ----------
    zyx_path_um : Tensor, real, shape (..., Z, N, N)
        Optical path within each slice: index minus that of the medium, times thickness. Slices stand in the order in
        which light passes them and fill the object; each is periodic, on pixels of `field_pixel_um`. float32 computes
        in single precision, float64 in double.
    slice_um : float
        Distance from slice to slice.
    field_pixel_um, image_pixel_um : float
        Pixel sizes; N * field_pixel_um must be a whole number of image pixels.
    numerical_aperture, wavelength_um, coherence : float
        Of the objective; vacuum wavelength; condenser NA over objective NA.
    medium_index : float
        Refractive index of the medium.
    z_um : sequence of float
        Focus positions relative to the middle plane; z grows along the light's path.
    points : int
        Source points. Each costs 2 Z transforms of the whole field; one is in memory at a time.
    turn_rad : float
        Turn of the source's spiral.

    Returns
    -------
    Tensor, real, shape (..., len(z_um), M, M)
        With M = N * field_pixel_um / image_pixel_um; both grids begin at the same edge.

    Raises
    ------
    ValueError
        If the grids do not fit each other, or the condenser's light cannot travel in the medium.
    """
    screens = _screens(zyx_path_um, wavelength_um)

    def spectrum_of(tilt_per_um: tuple[float, float]) -> torch.Tensor:
        return _exit_spectrum(screens, slice_um, field_pixel_um, medium_index / wavelength_um, tilt_per_um, 0.0)

    return sum_over_source(
        spectrum_of,
        zyx_path_um.shape[-1],
        field_pixel_um,
        image_pixel_um,
        numerical_aperture=numerical_aperture,
        wavelength_um=wavelength_um,
        coherence=coherence,
        z_um=z_um,
        points=points,
        turn_rad=turn_rad,
    )


def exit_field(
    zyx_path_um: torch.Tensor,
    slice_um: float,
    field_pixel_um: float,
    *,
    wavelength_um: float,
    medium_index: float,
    tilt_per_um: tuple[float, float] = (0.0, 0.0),
    plane_um: float = 0.0,
) -> torch.Tensor:
    """Field of a plane wave behind a thick object, relative to the wave without the object.

    Each slice turns the phase by 2 pi path / wavelength in its middle, and between the middles the field travels
    through the medium (Cowley & Moodie 1957; Feit & Fleck 1978) by its angular spectrum (Goodman, Fourier Optics,
    3.10): a wave of transverse frequency f gets exp(2 pi i distance sqrt((n / wavelength)^2 - |f|^2)). Evanescent waves
    are dropped. A tilted wave's carrier exp(2 pi i s r) is left out, and f + s stands for f, so that any tilt fits a
    periodic field.

    The path is the one straight through the slice: a tilt of angle a lengthens it by 1 / cos(a), which is left out as
    in thin objects. Light thrown back is left out too.

    Parameters
    ----------
    zyx_path_um, slice_um, field_pixel_um, wavelength_um, medium_index
        As for `multi_slice_images`.
    tilt_per_um : tuple of float
        Transverse frequency s (y, x) of the incident wave in 1/um; its length is n sin(angle) / wavelength.
    plane_um : float
        Where the field is wanted, from the object's middle plane along the light's path. Planes within or before the
        object get the field that seems to come from there when the object is seen from behind.

    Returns
    -------
    Tensor, complex, shape (..., N, N)
        1 where there is no object.

    Raises
    ------
    ValueError
        If no wave of that tilt travels in the medium.
    """
    screens = _screens(zyx_path_um, wavelength_um)
    spectrum = _exit_spectrum(screens, slice_um, field_pixel_um, medium_index / wavelength_um, tilt_per_um, plane_um)
    field: torch.Tensor = torch.fft.ifft2(spectrum, norm="forward")
    return field


def _screens(zyx_path_um: torch.Tensor, wavelength_um: float) -> torch.Tensor:
    return transmission(zyx_path_um * (2 * math.pi / wavelength_um))


def _exit_spectrum(
    screens: torch.Tensor,
    slice_um: float,
    pixel_um: float,
    wave_per_um: float,
    tilt_per_um: tuple[float, float],
    plane_um: float,
) -> torch.Tensor:
    """Spectrum, in FFT order and forward norm, of `exit_field`; `wave_per_um` is the wave number in the medium."""
    count, size = screens.shape[-3], screens.shape[-1]
    frequency = torch.fft.fftfreq(size, pixel_um, dtype=torch.float64)
    s_y, s_x = tilt_per_um
    squared = (frequency + s_y)[:, None] ** 2 + (frequency + s_x)[None, :] ** 2
    if math.hypot(s_y, s_x) >= wave_per_um:
        raise ValueError(f"no wave of frequency {math.hypot(s_y, s_x):g} per um travels in the medium")
    travelling = (squared < wave_per_um**2).double()
    lag_per_um = (wave_per_um**2 - squared).clip(min=0).sqrt() - math.sqrt(wave_per_um**2 - s_y**2 - s_x**2)

    def travel(distance_um: float) -> torch.Tensor:
        return torch.polar(travelling, 2 * math.pi * distance_um * lag_per_um).to(screens)

    step = travel(slice_um)
    field = screens[..., 0, :, :]
    for index in range(1, count):
        field = torch.fft.ifft2(torch.fft.fft2(field) * step) * screens[..., index, :, :]
    last_um = (count - 1) / 2 * slice_um
    spectrum: torch.Tensor = torch.fft.fft2(field, norm="forward") * travel(plane_um - last_um)
    return spectrum
