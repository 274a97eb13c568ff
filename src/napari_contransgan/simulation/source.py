"""The condenser's aperture as a sum of points, and the lamp's filter as a sum of wavelengths."""

import math
from dataclasses import dataclass

import numpy as np

BAND_WAVELENGTHS = 3
"""Each wavelength of a band takes every third angle of each ring, so that a band costs no more points than a line."""


@dataclass(frozen=True)
class SourceSampling:
    """How many points stand for the condenser's aperture.

    Parameters
    ----------
    rings : int
        Rings of points.
    angles : int
        Points on each ring; a multiple of 6, so that each point has its opposite, also among those of one wavelength.
    """

    rings: int
    angles: int

    def __post_init__(self) -> None:
        if self.rings < 1 or self.angles < 6 or self.angles % 6:
            raise ValueError("a source needs one ring or more, and angles in a multiple of 6")

    @property
    def points(self) -> int:
        """Points in all."""
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
        Its share of all light.
    """

    y_per_um: float
    x_per_um: float
    wavelength_um: float
    weight: float


def source_points(
    aperture: float, wavelength_um: float, bandwidth_um: float, sampling: SourceSampling, turn_rad: float = 0.0
) -> tuple[SourcePoint, ...]:
    """Points of a uniformly filled condenser aperture behind a filter.

    Rings stand at the Gauss-Legendre nodes of the squared radius and carry their weights; points are evenly spaced on a
    ring, turned by half a step from ring to ring. For a smooth integrand this needs several times fewer points than
    points spread evenly over the disc. Each point has its opposite, and so the image in focus of a pure phase object is
    exactly that of its negative, as in nature.

    Parameters
    ----------
    aperture : float
        The condenser's numerical aperture.
    wavelength_um, bandwidth_um : float
        Centre and full width at half maximum of the (Gaussian) filter; a band stands as three wavelengths of equal
        weight, centre and centre +- 0.52 widths, which have its variance.
    sampling : SourceSampling
        How many points.
    turn_rad : float
        Turns all rings; a random turn per image keeps the sampling error from repeating.

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
