"""Image formation against closed forms and an independent propagator."""

import math

import nrefocus
import numpy as np
import pytest
import torch

from napari_contransgan.simulation.image_formation import source_points, through_focus_images, transmission

WAVELENGTH_UM = 0.55


def smooth_phase(size: int = 128, peak_rad: float = 1.0, width_px: float = 12.0) -> torch.Tensor:
    y, x = np.mgrid[:size, :size] - size / 2
    return torch.from_numpy(peak_rad * np.exp(-(y**2 + 1.5 * x**2) / (2 * width_px**2)))


def images(
    phase: torch.Tensor, *, pixel_um: float = 0.1625, image_pixel_um: float = 0.1625, **optics: object
) -> np.ndarray:
    settings = {"numerical_aperture": 0.65, "wavelength_um": WAVELENGTH_UM, "coherence": 0.3, "points": 16} | optics
    return through_focus_images(transmission(phase), pixel_um, image_pixel_um, **settings).numpy()  # type: ignore[arg-type]


def test_an_empty_field_has_intensity_one_at_every_focus() -> None:
    planes = images(torch.zeros(64, 64, dtype=torch.float64), z_um=(-3.0, 0.0, 3.0))
    assert planes.shape == (3, 64, 64)
    np.testing.assert_allclose(planes, 1, atol=1e-9)


def test_in_focus_the_sign_of_a_phase_object_cannot_be_seen() -> None:
    phase = smooth_phase()
    np.testing.assert_allclose(images(phase)[0], images(-phase)[0], atol=1e-6)


def test_defocus_keeps_the_energy() -> None:
    phase = smooth_phase()
    means = images(phase, z_um=(-3.0, 0.0, 3.0)).mean(axis=(1, 2))
    np.testing.assert_allclose(means, 1, atol=1e-3)


def test_a_dense_object_is_brighter_in_the_middle_at_positive_z() -> None:
    below, above = images(smooth_phase(), z_um=(-3.0, 3.0))
    assert above[64, 64] > 1.05
    assert below[64, 64] < 0.95


@pytest.mark.parametrize("z_um", [-6.0, 2.0, 9.0])
def test_a_coherent_image_agrees_with_nrefocus_within_2_percent(z_um: float) -> None:
    phase = smooth_phase()
    ours = images(phase, z_um=(z_um,), coherence=1e-6, points=1)[0]
    pixel_um = 0.1625
    field = np.exp(1j * phase.numpy())
    refocused = nrefocus.refocus(field, d=z_um / pixel_um, nm=1.0, res=WAVELENGTH_UM / pixel_um, padding=False)
    contrast = np.abs(refocused) ** 2 - 1
    error = np.linalg.norm(ours - 1 - contrast) / np.linalg.norm(contrast)
    assert error <= 0.02, f"relative error of the contrast {error:.4f}"


@pytest.mark.parametrize("periods", [4, 11])
def test_a_weak_grating_follows_the_contrast_transfer_function(periods: int) -> None:
    size, pixel_um, z_um, weak = 128, 0.1625, 2.5, 1e-3
    f_per_um = periods / (size * pixel_um)
    x_um = torch.arange(size, dtype=torch.float64) * pixel_um
    grating = weak * torch.cos(2 * math.pi * f_per_um * x_um).expand(size, size)
    image = images(grating, z_um=(z_um,), coherence=1e-6, points=1)[0]
    lag = 2 * math.pi * z_um * (1 / WAVELENGTH_UM - math.sqrt(1 / WAVELENGTH_UM**2 - f_per_um**2))
    # The camera's pixel averages over its width.
    expected = 1 + 2 * weak * math.sin(lag) * np.sinc(f_per_um * pixel_um) * np.cos(2 * np.pi * f_per_um * x_um.numpy())
    np.testing.assert_allclose(image, np.broadcast_to(expected, image.shape), atol=2e-2 * 2 * weak)


def test_the_camera_averages_over_its_pixels_and_keeps_its_place() -> None:
    rng = np.random.default_rng(3)
    size = 160
    spectrum = np.fft.fft2(rng.standard_normal((size, size)))
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(size, 0.08125), np.fft.fftfreq(size, 0.08125)))
    phase = torch.from_numpy(np.fft.ifft2(spectrum * np.exp(-((f / 0.4) ** 2))).real * 3)
    optics = {"numerical_aperture": 0.25, "coherence": 0.6, "points": 8, "z_um": (2.2,), "pixel_um": 0.08125}
    fine = images(phase, image_pixel_um=0.08125, **optics)[0]
    coarse = images(phase, image_pixel_um=0.65, **optics)[0]
    blocks = fine.reshape(20, 8, 20, 8).mean(axis=(1, 3))
    # The fine image itself is averaged over its 0.08 um pixel, hence the small remainder.
    assert np.linalg.norm(coarse - blocks) <= 5e-3 * np.linalg.norm(blocks - 1)


def test_two_points_resolve_at_the_rayleigh_distance_and_not_at_six_tenths_of_it() -> None:
    def dip(distance_um: float) -> float:
        size, pixel_um = 256, 0.08125
        centre = size // 2
        half = round(distance_um / 2 / pixel_um)
        absorption = torch.zeros(size, size, dtype=torch.float64)
        absorption[centre, [centre - half, centre + half]] = 2.0
        field = transmission(torch.zeros_like(absorption), absorption)
        image = through_focus_images(
            field, pixel_um, pixel_um, numerical_aperture=0.65, wavelength_um=WAVELENGTH_UM, coherence=1.0, points=200
        )[0].numpy()
        row = image[centre, centre - half : centre + half + 1]
        return float((row[len(row) // 2] - row[0]) / (1 - row[0]))

    rayleigh_um = 0.61 * WAVELENGTH_UM / 0.65
    assert dip(rayleigh_um) > 0.1
    assert dip(0.6 * rayleigh_um) < 0.02


def test_source_points_fill_the_aperture_evenly() -> None:
    points = source_points(2.0, 2000).numpy()
    radius = np.hypot(*points.T)
    assert radius.max() <= 2.0
    assert np.mean(radius < 1.0) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.01)


def test_grids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="whole number"):
        images(torch.zeros(101, 101, dtype=torch.float64), image_pixel_um=0.65)
