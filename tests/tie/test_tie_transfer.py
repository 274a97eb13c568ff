"""Transfer functions against gratings that are imaged wave by wave, and the sharpening that undoes them."""

import numpy as np
import pytest

from napari_contransgan.tie.derivative import derivative_weights
from napari_contransgan.tie.poisson import COSINES
from napari_contransgan.tie.transfer import (
    Aperture,
    derivative_transfer,
    frequency_line,
    on_frame,
    phase_transfer,
    sharpening,
)

WAVELENGTH_UM = 0.55
AMPLITUDE_RAD = 0.01


def imaged_contrast(f_per_um: float, z_um: float, na: float, coherence: float) -> float:
    """Contrast of a phase grating over its amplitude, by Abbe: every order of every direction of the lamp is traced."""
    points = 16
    x = np.arange(points) / points
    orders = np.fft.fft(np.exp(1j * AMPLITUDE_RAD * np.cos(2 * np.pi * x))) / points
    count = np.fft.fftfreq(points, 1 / points)
    cutoff = na / WAVELENGTH_UM
    side = np.linspace(-1, 1, 161) * coherence * cutoff
    s_y, s_x = (s.ravel() for s in np.meshgrid(side, side))
    inside = np.hypot(s_y, s_x) <= coherence * cutoff
    s_y, s_x = s_y[inside, None], s_x[inside, None]
    square = s_y**2 + (s_x + count * f_per_um) ** 2
    axial = np.sqrt(np.maximum(WAVELENGTH_UM**-2 - square, 0))
    field = np.fft.ifft(orders * (square <= cutoff**2) * np.exp(2j * np.pi * z_um * axial), axis=1) * points
    intensity = np.mean(np.abs(field) ** 2, axis=0)
    return float(2 * np.mean(intensity * np.cos(2 * np.pi * x)) / intensity.mean() / AMPLITUDE_RAD)


@pytest.mark.parametrize("z_um", [-3.0, 0.5, 4.0])
def test_without_apertures_the_transfer_is_the_sine_of_paraxial_propagation(z_um):
    f_per_um = np.linspace(0, 1.5, 40)

    found = phase_transfer(f_per_um, z_um, WAVELENGTH_UM, None)

    np.testing.assert_allclose(found, 2 * np.sin(np.pi * WAVELENGTH_UM * z_um * f_per_um**2), atol=1e-12)


def test_a_grating_lit_from_one_direction_shows_the_paraxial_contrast():
    assert imaged_contrast(0.2, 3.0, 0.9, 0.001) == pytest.approx(
        phase_transfer(np.array([0.2]), 3.0, WAVELENGTH_UM, None)[0], rel=0.01
    )


@pytest.mark.parametrize("coherence", [0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize(("na", "z_um"), [(0.25, 8.0), (0.65, 3.0), (0.65, -1.0), (0.9, 1.0)])
def test_the_transfer_is_the_contrast_of_an_imaged_grating(na, z_um, coherence):
    f_per_um = np.linspace(0.05, 1.05, 11) * (1 + coherence) * na / WAVELENGTH_UM

    found = phase_transfer(f_per_um, z_um, WAVELENGTH_UM, Aperture(na, coherence))

    expected = np.array([imaged_contrast(f, z_um, na, coherence) for f in f_per_um])
    np.testing.assert_allclose(found, expected, atol=0.02 * max(np.abs(expected).max(), 0.25))
    assert found[-1] == 0


def test_light_that_passes_the_condenser_alone_and_not_the_objective_changes_nothing():
    f_per_um = np.linspace(0.1, 1.2, 7)

    found = phase_transfer(f_per_um, 3.0, WAVELENGTH_UM, Aperture(0.4, 1.3))

    expected = phase_transfer(f_per_um, 3.0, WAVELENGTH_UM, Aperture(0.4, 1.0))
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("aperture", [None, Aperture(0.65, 0.3)])
@pytest.mark.parametrize("z_um", [(-1.0, 0.0, 1.0), (0.0, 1.0), (-2.0, -1.0, 0.0, 1.0, 2.0)])
def test_planes_measure_the_whole_derivative_of_coarse_structure(aperture, z_um):
    focus = z_um.index(0.0)
    weights = derivative_weights(z_um, focus, min(len(z_um) - 1, 2))

    share = derivative_transfer(np.array([0.01, 0.02]), z_um, weights, WAVELENGTH_UM, aperture)

    # oblique light travels further between the planes, which S = 0.3 of NA 0.65 makes 1 % or so
    np.testing.assert_allclose(share, 1, atol=0.002 if aperture is None else 0.04)


def test_planes_further_apart_measure_less_of_fine_structure():
    f_per_um = np.array([0.3, 0.5])
    shares = [
        derivative_transfer(f_per_um, (-z, 0.0, z), derivative_weights((-z, 0.0, z), 1, 2), WAVELENGTH_UM, None)
        for z in (0.5, 2.0, 3.0)
    ]

    assert np.all(np.diff(shares, axis=0) < 0)
    expected = [np.sinc(WAVELENGTH_UM * 2.0 * f**2) for f in f_per_um]
    np.testing.assert_allclose(shares[1], expected, rtol=1e-9)


def test_sharpening_undoes_what_was_lost_and_leaves_the_rest():
    share = np.array([1.0, 0.9, 0.5, 0.3])

    np.testing.assert_allclose(sharpening(share) * share, 1, atol=0.1)
    assert sharpening(share)[0] == 1


def test_sharpening_is_bounded_and_ends_where_contrast_turns_over():
    z_um = (-3.0, 0.0, 3.0)
    line = frequency_line(0.1)
    share = derivative_transfer(line, z_um, derivative_weights(z_um, 1, 2), WAVELENGTH_UM, None)
    reversal = np.flatnonzero(share < 0)[0]

    gain = sharpening(share)

    assert 3 < gain.max() < 6
    assert np.all(gain[:reversal] > 0)
    assert np.all(gain[reversal:] == 0)


def test_a_line_is_spread_over_a_frame_by_the_length_of_each_wave():
    pixel_um, shape = 0.2, (30, 50)
    line = frequency_line(pixel_um)
    squares = COSINES.squared_wavenumbers(shape, pixel_um)

    spread = on_frame(line, line**2, squares)

    assert spread.dtype == np.float32
    expected = np.maximum(squares.astype(float) / (2 * np.pi) ** 2, line[0] ** 2)
    np.testing.assert_allclose(spread, expected, atol=0.005)
