"""Simulate thick objects: propagate light slice by slice (multi-slice or beam propagation method).

Works on batches, on CPU or GPU, and is differentiable with respect to the object.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.simulation.image_formation import (
    FINE_SOURCE,
    Optics,
    PixelGrid,
    SpectrumOf,
    low_frequencies,
    square_of,
    sum_over_source,
    transmission,
)
from napari_contransgan.simulation.source import SourcePoint, SourceSampling


def multi_slice_images(
    zyx_path_um: torch.Tensor,
    slice_um: float,
    field_pixel_um: float,
    optics: Optics,
    grid: PixelGrid,
    *,
    medium_index: float,
    z_um: Sequence[float] = (0.0,),
    source: SourceSampling = FINE_SOURCE,
    turn_rad: float = 0.0,
    every_tilt: bool = False,
) -> torch.Tensor:
    """Compute camera images of a thick object at several focus positions, relative to the intensity of the empty field.

    For each source point, the field behind the object (`exit_field`) is propagated back to the object's middle plane
    and imaged like that of a thin object (see `through_focus_images`); for a single slice the two agree. z is the
    travel of a dry lens, in air, whatever the medium. An object at a distance h behind the middle plane is in focus
    near z = h / medium_index.

    Parameters
    ----------
    zyx_path_um : Tensor, real, shape (..., Z, N, N)
        Optical path within each slice: index minus that of the medium, times thickness. Slices are in the order in
        which light passes them and fill the object; each is periodic, on pixels of `field_pixel_um`. With float32, the
        computation is in single precision; with float64, in double precision.
    slice_um : float
        Distance between slices.
    field_pixel_um, optics, grid, source, turn_rad
        As for `through_focus_images`.
    medium_index : float
        Refractive index of the medium.
    z_um : sequence of float
        Focus positions relative to the middle plane; z grows along the light's path.
    every_tilt : bool
        Propagate the light of each source point. Otherwise `thick_object` is used, which is ten times faster and agrees
        to within 1 % of the contrast for beads with a 40x lens.

    Returns
    -------
    Tensor, real, shape (..., len(z_um), M, M)
        With M = ``grid.shape_px``.

    Raises
    ------
    ValueError
        If the object's pixels are too coarse, or light of the condenser's angles cannot propagate in the medium.
    """
    aperture = optics.numerical_aperture * optics.coherence
    spectrum_of = (
        _object_at_every_tilt(zyx_path_um, slice_um, field_pixel_um, medium_index)
        if every_tilt
        else thick_object(
            zyx_path_um,
            slice_um,
            field_pixel_um,
            wavelength_um=optics.wavelength_um,
            medium_index=medium_index,
            condenser_aperture=aperture,
            largest_per_um=(optics.numerical_aperture + aperture) / (optics.wavelength_um - optics.bandwidth_um),
        )
    )
    return sum_over_source(
        spectrum_of, zyx_path_um.shape[-1], field_pixel_um, optics, grid, z_um=z_um, source=source, turn_rad=turn_rad
    )


def thick_object(
    zyx_path_um: torch.Tensor,
    slice_um: float,
    field_pixel_um: float,
    *,
    wavelength_um: float,
    medium_index: float,
    condenser_aperture: float,
    largest_per_um: float,
) -> SpectrumOf:
    """Propagate light through a thick object once, for all images of it with any lens.

    Propagated back to the object's middle plane, the field changes little and smoothly with the tilt of the light. Six
    tilts, on the axis and on a pentagon at the edge of the condenser aperture, determine a polynomial of second degree
    in the tilt. For a band of wavelengths, the change of the on-axis field with the wavelength is added.

    Parameters
    ----------
    zyx_path_um, slice_um, field_pixel_um, medium_index
        As for `multi_slice_images`.
    wavelength_um : float
        Centre of the filter.
    condenser_aperture : float
        Largest numerical aperture of the condenser that any image uses.
    largest_per_um : float
        Largest spatial frequency that any image needs, (NA + condenser NA) / shortest wavelength.

    Returns
    -------
    callable
        Spectrum function for `sum_over_source`.
    """
    condenser_aperture = max(condenser_aperture, 1e-6)

    def follow(tilt: tuple[float, float], own_um: float, screens: torch.Tensor) -> torch.Tensor:
        tilt_per_um = (tilt[0] / own_um, tilt[1] / own_um)
        spectrum = _exit_spectrum(screens, slice_um, field_pixel_um, medium_index / own_um, tilt_per_um, 0.0)
        return low_frequencies(spectrum, field_pixel_um, largest_per_um)

    tilts = _tilt_nodes(condenser_aperture)
    screens = _screens(zyx_path_um, wavelength_um)
    nodes = [follow(tilt, wavelength_um, screens) for tilt in tilts]
    fit = np.linalg.inv(_second_degree(np.array(tilts), condenser_aperture))
    change_per_um: list[torch.Tensor] = []

    def spectrum_of(point: SourcePoint, row: int, column: int, count: int) -> torch.Tensor:
        away_um = point.wavelength_um - wavelength_um
        if away_um and not change_per_um:
            upright = follow((0.0, 0.0), point.wavelength_um, _screens(zyx_path_um, point.wavelength_um))
            change_per_um.append((upright - nodes[0]) / away_um)
        tilt = np.array([[point.y_per_um, point.x_per_um]]) * point.wavelength_um
        weights = [*(_second_degree(tilt, condenser_aperture) @ fit)[0].tolist(), away_um]
        block = torch.zeros_like(square_of(nodes[0], row, column, count))
        for weight, part in zip(weights, nodes + change_per_um, strict=False):
            block = block.add_(square_of(part, row, column, count), alpha=weight)
        return block

    return spectrum_of


def _tilt_nodes(aperture: float) -> list[tuple[float, float]]:
    """Return six condenser points that determine a polynomial of second degree; the first is on the axis."""
    angles = [2 * math.pi * step / 5 for step in range(5)]
    return [(0.0, 0.0), *((aperture * math.sin(angle), aperture * math.cos(angle)) for angle in angles)]


def _second_degree(tilts: NDArray[np.float64], aperture: float) -> NDArray[np.float64]:
    """Return monomials up to the second degree, one row for each tilt, scaled to the aperture."""
    y, x = tilts.T / aperture
    return np.stack([np.ones_like(y), y, x, y * y, y * x, x * x], axis=1)


def _object_at_every_tilt(
    zyx_path_um: torch.Tensor, slice_um: float, field_pixel_um: float, medium_index: float
) -> SpectrumOf:
    screens: dict[float, torch.Tensor] = {}
    field_um = zyx_path_um.shape[-1] * field_pixel_um

    def spectrum_of(point: SourcePoint, row: int, column: int, count: int) -> torch.Tensor:
        if point.wavelength_um not in screens:
            screens.clear()
            screens[point.wavelength_um] = _screens(zyx_path_um, point.wavelength_um)
        tilt_per_um = (point.y_per_um, point.x_per_um)
        wave_per_um = medium_index / point.wavelength_um
        screen = screens[point.wavelength_um]
        whole = _exit_spectrum(screen, slice_um, field_pixel_um, wave_per_um, tilt_per_um, 0.0)
        largest_per_um = math.hypot(*tilt_per_um) + count / field_um
        return square_of(low_frequencies(whole, field_pixel_um, largest_per_um), row, column, count)

    return spectrum_of


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
    """Compute the field of a plane wave behind a thick object, relative to the wave without the object.

    Each slice shifts the phase by 2 pi path / wavelength in its middle. Between the middles, the field propagates
    through the medium (Cowley & Moodie 1957; Feit & Fleck 1978) by its angular spectrum (Goodman, Fourier Optics,
    3.10): a wave of transverse frequency f is multiplied by exp(2 pi i distance sqrt((n / wavelength)^2 - |f|^2)).
    Evanescent waves are dropped. The carrier exp(2 pi i s r) of a tilted wave is left out and f is replaced by f + s,
    so that any tilt fits a periodic field.

    The path is measured straight through the slice; a tilt by an angle a lengthens it by 1 / cos(a), which is neglected
    as for thin objects. Reflected light is neglected too.

    Parameters
    ----------
    zyx_path_um, slice_um, field_pixel_um, wavelength_um, medium_index
        As for `multi_slice_images`.
    tilt_per_um : tuple of float
        Transverse frequency s (y, x) of the incident wave in 1/um; its magnitude is n sin(angle) / wavelength.
    plane_um : float
        Plane of the field, as a distance from the object's middle plane along the path of the light. For planes within
        or before the object, this is the field that seems to come from there when the object is seen from behind.

    Returns
    -------
    Tensor, complex, shape (..., N, N)
        1 where there is no object.

    Raises
    ------
    ValueError
        If no wave of that tilt propagates in the medium.
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
    """Compute the spectrum of `exit_field`, in FFT order and forward norm; `wave_per_um` is that of the medium."""
    count, size = screens.shape[-3], screens.shape[-1]
    real = screens.real.dtype
    frequency = torch.fft.fftfreq(size, pixel_um, dtype=torch.float64).to(device=screens.device, dtype=real)
    s_y, s_x = tilt_per_um
    tilt_squared = s_y**2 + s_x**2
    if tilt_squared >= wave_per_um**2:
        raise ValueError(f"no wave of frequency {math.sqrt(tilt_squared):g} per um propagates in the medium")
    squared = (frequency + s_y)[:, None].square() + (frequency + s_x)[None, :].square()
    travelling = (squared < wave_per_um**2).to(real)
    upright_per_um = math.sqrt(wave_per_um**2 - tilt_squared)
    # sqrt(k^2 - |f + s|^2) - sqrt(k^2 - |s|^2), without the loss of digits in the difference.
    lag_per_um = (tilt_squared - squared) / ((wave_per_um**2 - squared).clip(min=0).sqrt() + upright_per_um)

    def travel(distance_um: float) -> torch.Tensor:
        return torch.polar(travelling, 2 * math.pi * distance_um * lag_per_um)

    step = travel(slice_um)
    field = screens[..., 0, :, :]
    for index in range(1, count):
        field = torch.fft.ifft2(torch.fft.fft2(field).mul_(step)).mul_(screens[..., index, :, :])
    last_um = (count - 1) / 2 * slice_um
    spectrum: torch.Tensor = torch.fft.fft2(field, norm="forward") * travel(plane_um - last_um)
    return spectrum
