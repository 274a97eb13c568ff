"""Represent the condenser aperture by points, and the filter of the lamp by wavelengths."""

import math
from dataclasses import dataclass

import numpy as np

BAND_WAVELENGTHS = 3
"""Each wavelength of a band uses every third angle of each ring, so that a band needs no more points than a line."""


@dataclass(frozen=True)
class SourceSampling:
    """Number of points that represent the condenser aperture.

    Parameters
    ----------
    rings : int
        Number of rings.
    angles : int
        Points on each ring; a multiple of 6, so that each point has an opposite point of the same wavelength.
    """

    rings: int
    angles: int

    def __post_init__(self) -> None:
        if self.rings < 1 or self.angles < 6 or self.angles % 6:
            raise ValueError("a source needs at least one ring, and a number of angles that is a multiple of 6")

    @property
    def points(self) -> int:
        """Return the total number of points."""
        return self.rings * self.angles


@dataclass(frozen=True)
class SourcePoint:
    """One point of the source.

    Parameters
    ----------
    y_per_um, x_per_um : float
        Spatial frequency of its light.
    wavelength_um : float
        Vacuum wavelength of its light.
    weight : float
        Its fraction of all light.
    """

    y_per_um: float
    x_per_um: float
    wavelength_um: float
    weight: float


def source_points(
    aperture: float, wavelength_um: float, bandwidth_um: float, sampling: SourceSampling, turn_rad: float = 0.0
) -> tuple[SourcePoint, ...]:
    """Return points that represent a uniformly filled condenser aperture behind a filter.

    Rings are at the Gauss-Legendre nodes of the squared radius and have their weights. Points are evenly spaced on each
    ring, rotated by half a step from ring to ring. For a smooth integrand, this takes several times fewer points than
    an even distribution over the disc. Each point has an opposite, so the in-focus image of a pure phase object is
    exactly that of its negative, as in nature.

    Parameters
    ----------
    aperture : float
        NA of the condenser.
    wavelength_um, bandwidth_um : float
        Centre and full width at half maximum of the (Gaussian) filter. A band is represented by three wavelengths of
        equal weight, the centre and the centre +- 0.52 widths, which have the same variance.
    sampling : SourceSampling
        Number of points.
    turn_rad : float
        Rotation of all rings; a random rotation for each image avoids a systematic sampling error.

    Returns
    -------
    tuple of SourcePoint
        Sorted by wavelength; the weights add up to 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(sampling.rings)
    offset_um = bandwidth_um / math.sqrt(8 * math.log(2)) * math.sqrt(1.5)
    points = []
    for ring, (node, weight) in enumerate(zip(nodes, weights, strict=True)):
        radius = aperture * math.sqrt((1 + float(node)) / 2)
        for step in range(sampling.angles):
            angle = turn_rad + 2 * math.pi * (step + ring % 2 / 2) / sampling.angles
            own_um = wavelength_um + offset_um * ((step + ring) % BAND_WAVELENGTHS - 1)
            points.append(
                SourcePoint(
                    radius * math.sin(angle) / own_um,
                    radius * math.cos(angle) / own_um,
                    own_um,
                    float(weight) / 2 / sampling.angles,
                )
            )
    return tuple(sorted(points, key=lambda point: point.wavelength_um))
