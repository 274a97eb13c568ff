"""Compute the objective's pupil: its edge, focus and aberrations."""

import math
from collections.abc import Sequence

import torch

from napari_contransgan.optics import Aberrations


def pupil_function(
    f_y: torch.Tensor,
    f_x: torch.Tensor,
    numerical_aperture: float,
    wavelength_um: float,
    aberrations: Aberrations,
    z_um: Sequence[float],
    field_um: float,
) -> torch.Tensor:
    """Compute the complex transmission of the pupil for several focus positions.

    The edge is one frequency step of the field wide: clip((NA / wavelength - |f|) field + 1/2, 0, 1). Focus z shifts
    the phase by 2 pi z sqrt(1/wavelength^2 - |f|^2) (Goodman, Fourier Optics, 3.10), minus the shift on the axis, which
    does not affect the intensity.

    Parameters
    ----------
    f_y, f_x : Tensor, shapes (Y,) and (X,)
        Spatial frequencies in 1/um.
    numerical_aperture, wavelength_um : float
        NA of the objective, and vacuum wavelength of the light.
    aberrations : Aberrations
        Wavefront errors; a positive one delays the light where its polynomial is positive.
    z_um : sequence of float
        Focus positions.
    field_um : float
        Period of the object.

    Returns
    -------
    Tensor, complex, shape (len(z_um), Y, X)
    """
    cutoff = numerical_aperture / wavelength_um
    squared = f_y[:, None].square() + f_x[None, :].square()
    edge = ((cutoff - squared.sqrt()) * field_um + 0.5).clip(0, 1)
    # sqrt(a^2 - f^2) - a, without the loss of digits in the difference.
    lag_per_um = -squared / (1 / wavelength_um + (1 / wavelength_um**2 - squared).clip(min=0).sqrt())
    focus = torch.tensor(z_um, dtype=f_y.dtype, device=f_y.device)
    phase = 2 * math.pi * focus[:, None, None] * lag_per_um
    if any(aberrations.model_dump().values()):
        error_um = wavefront_error_um(f_y[:, None] / cutoff, f_x[None, :] / cutoff, aberrations)
        phase = phase + 2 * math.pi / wavelength_um * error_um
    return torch.polar(edge.expand_as(phase).contiguous(), phase)


def wavefront_error_um(y: torch.Tensor, x: torch.Tensor, aberrations: Aberrations) -> torch.Tensor:
    """Compute the wavefront error at points of the pupil.

    Zernike polynomials of unit root mean square over the pupil (Noll, J. Opt. Soc. Am. 66, 207 (1976)).

    Parameters
    ----------
    y, x : Tensor
        Coordinates that broadcast to each other; the edge of the pupil is at y^2 + x^2 = 1.
    aberrations : Aberrations
        The coefficients.

    Returns
    -------
    Tensor
        In micrometres.
    """
    squared = y.square() + x.square()
    return (
        aberrations.astigmatism_0_um * math.sqrt(6) * (x.square() - y.square())
        + aberrations.astigmatism_45_um * math.sqrt(24) * x * y
        + aberrations.coma_y_um * math.sqrt(8) * (3 * squared - 2) * y
        + aberrations.coma_x_um * math.sqrt(8) * (3 * squared - 2) * x
        + aberrations.spherical_um * math.sqrt(5) * (6 * squared.square() - 6 * squared + 1)
    )
