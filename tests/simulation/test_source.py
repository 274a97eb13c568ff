"""Source points fill the condenser aperture and the filter's band."""

import numpy as np
import pytest

from napari_contransgan.simulation.source import SourceSampling, source_points


def moments(points: tuple, wavelength_um: float) -> tuple[np.ndarray, np.ndarray]:
    places = np.array([(p.y_per_um, p.x_per_um) for p in points]) * [[p.wavelength_um] for p in points]
    return places, np.array([p.weight for p in points])


@pytest.mark.parametrize("bandwidth_um", [0.0, 0.05])
@pytest.mark.parametrize("sampling", [(1, 6), (2, 12), (4, 12)])
def test_points_have_the_moments_of_a_uniform_disc(sampling: tuple[int, int], bandwidth_um: float) -> None:
    points = source_points(0.3, 0.55, bandwidth_um, SourceSampling(*sampling), turn_rad=0.4)
    places, weights = moments(points, 0.55)
    assert len(points) == sampling[0] * sampling[1]
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights @ places, 0, atol=1e-12)
    # Mean square radius of a disc: R^2 / 2, shared by y and x.
    np.testing.assert_allclose((weights * places.T) @ places, np.eye(2) * 0.3**2 / 4, atol=1e-12)
    if sampling[0] > 1:
        radius = np.hypot(*places.T)
        assert weights @ radius**4 == pytest.approx(0.3**4 / 3)
    assert np.hypot(*places.T).max() <= 0.3


@pytest.mark.parametrize("bandwidth_um", [0.0, 0.05])
def test_each_point_has_its_opposite_of_the_same_wavelength(bandwidth_um: float) -> None:
    points = source_points(0.3, 0.55, bandwidth_um, SourceSampling(3, 12), turn_rad=0.7)
    found = {(round(p.y_per_um, 9), round(p.x_per_um, 9), p.wavelength_um) for p in points}
    assert {(-y, -x, wavelength) for y, x, wavelength in found} == found


def test_a_band_has_the_mean_and_the_width_of_its_filter() -> None:
    points = source_points(0.3, 0.55, 0.0471, SourceSampling(2, 12))
    wavelengths, weights = np.array([p.wavelength_um for p in points]), np.array([p.weight for p in points])
    assert weights @ wavelengths == pytest.approx(0.55)
    assert np.sqrt(weights @ (wavelengths - 0.55) ** 2) == pytest.approx(0.0471 / 2.3548, rel=1e-3)
    assert list(wavelengths) == sorted(wavelengths)


@pytest.mark.parametrize("sampling", [(0, 6), (2, 8), (2, 0), (1, 3)])
def test_samplings_without_opposites_are_refused(sampling: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiple of 6"):
        SourceSampling(*sampling)
