"""Image formation against closed forms and an independent propagator."""

import math

import nrefocus
import numpy as np
import pytest
import torch
from waveorder.models.isotropic_thin_3d import calculate_transfer_function

from napari_contransgan.optics import OBJECTIVES
from napari_contransgan.simulation.image_formation import (
    Optics,
    PixelGrid,
    low_frequencies,
    square_of,
    sum_over_source,
    thin_object,
    through_focus_images,
    transmission,
)
from napari_contransgan.simulation.source import SourceSampling

WAVELENGTH_UM = 0.55


def smooth_phase(size: int = 128, peak_rad: float = 1.0, width_px: float = 12.0) -> torch.Tensor:
    y, x = np.mgrid[:size, :size] - size / 2
    return torch.from_numpy(peak_rad * np.exp(-(y**2 + 1.5 * x**2) / (2 * width_px**2)))


def images(
    phase: torch.Tensor,
    *,
    pixel_um: float = 0.1625,
    image_pixel_um: float = 0.1625,
    numerical_aperture: float = 0.65,
    coherence: float = 0.3,
    **more: object,
) -> np.ndarray:
    optics = Optics(numerical_aperture, WAVELENGTH_UM, coherence)
    grid = PixelGrid(image_pixel_um, round(len(phase) * pixel_um / image_pixel_um))
    settings = {"source": SourceSampling(2, 12)} | more
    return through_focus_images(transmission(phase), pixel_um, optics, grid, **settings).numpy()  # type: ignore[arg-type]


COHERENT = {"coherence": 0.0, "source": SourceSampling(1, 6)}


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
    ours = images(phase, z_um=(z_um,), **COHERENT)[0]
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
    image = images(grating, z_um=(z_um,), **COHERENT)[0]
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
    optics = {"numerical_aperture": 0.25, "coherence": 0.6, "z_um": (2.2,), "pixel_um": 0.08125}
    fine = images(phase, image_pixel_um=0.08125, **optics)[0]
    coarse = images(phase, image_pixel_um=0.65, **optics)[0]
    blocks = fine.reshape(20, 8, 20, 8).mean(axis=(1, 3))
    # The fine image itself is averaged over its 0.08 um pixel, hence the small remainder.
    assert np.linalg.norm(coarse - blocks) <= 5e-3 * np.linalg.norm(blocks - 1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_points_resolve_at_the_rayleigh_distance_and_not_at_six_tenths_of_it(name: str) -> None:
    aperture = OBJECTIVES[name].numerical_aperture
    rayleigh_um = 0.61 * WAVELENGTH_UM / aperture
    pixel_um = rayleigh_um / 20

    def dip(distance_px: int) -> float:
        size, half = 512, distance_px // 2
        centre = size // 2
        absorption = torch.zeros(size, size, dtype=torch.float64)
        absorption[centre, [centre - half, centre + half]] = 2.0
        field = transmission(torch.zeros_like(absorption), absorption)
        image = through_focus_images(
            field,
            pixel_um,
            Optics(aperture, WAVELENGTH_UM, 1.0),
            PixelGrid(pixel_um, size),
            source=SourceSampling(8, 24),
        )[0].numpy()
        row = image[centre, centre - half : centre + half + 1]
        return float((row[half] - row[0]) / (1 - row[0]))

    assert dip(20) > 0.1
    assert dip(12) < 0.02


def test_a_coarse_object_is_refused() -> None:
    with pytest.raises(ValueError, match=r"too coarse for an object .* up to 1\.54 per um"):
        images(torch.zeros(64, 64, dtype=torch.float64), pixel_um=0.4, image_pixel_um=0.4)


@pytest.mark.parametrize(
    ("aperture", "coherence", "pixel_um", "sampling"),
    [(0.65, 0.3, 0.1625, (6, 24)), (0.4, 0.6, 0.25, (12, 36)), (0.25, 0.6, 0.325, (12, 36))],
)
def test_a_weak_object_follows_the_transfer_function_of_waveorder_within_2_percent(
    aperture: float, coherence: float, pixel_um: float, sampling: tuple[int, int]
) -> None:
    size = 512
    f = np.fft.fftfreq(size, pixel_um)
    low_pass = np.exp(-(f[:, None] ** 2 + f[None, :] ** 2) * (WAVELENGTH_UM / aperture) ** 2)
    noise = np.random.default_rng(0).standard_normal((size, size))
    phase = np.fft.ifft2(np.fft.fft2(noise) * low_pass).real
    phase *= 0.05 / np.abs(phase).max()
    depth_um = 0.25 * WAVELENGTH_UM / aperture**2
    foci = [depth_um, 3 * depth_um]
    _, transfer = calculate_transfer_function(
        (size, size), pixel_um, foci, WAVELENGTH_UM, 1.0, aperture * coherence, aperture
    )
    camera = np.sinc(f * pixel_um)[:, None] * np.sinc(f * pixel_um)[None, :]
    expected = np.fft.ifft2(np.fft.fft2(phase) * transfer.numpy() * camera).real

    optics = {
        "pixel_um": pixel_um,
        "image_pixel_um": pixel_um,
        "numerical_aperture": aperture,
        "coherence": coherence,
        "z_um": foci,
        # The peer's source lies on its fine frequency grid.
        "source": SourceSampling(*sampling),
    }
    single = torch.from_numpy(phase.astype(np.float32))
    positive, negative = (images(sign * single, **optics) for sign in (1, -1))  # type: ignore[arg-type]
    # What is of second order in the phase is no part of the transfer function, and even in it.
    ours = (positive - negative) / 2
    errors = [float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(ours, expected, strict=True)]
    assert max(errors) <= 0.02, f"relative errors of the contrast at {foci} um: {errors}"


def test_camera_pixels_may_lie_anywhere() -> None:
    phase = smooth_phase()
    fine = images(phase, z_um=(2.0,))[0]
    optics, sources = Optics(0.65, WAVELENGTH_UM, 0.3), SourceSampling(2, 12)
    part = through_focus_images(
        transmission(phase), 0.1625, optics, PixelGrid(0.325, 20, 40 * 0.1625), z_um=(2.0,), source=sources
    )[0].numpy()
    blocks = fine[40:80, 40:80].reshape(20, 2, 20, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(part, blocks, atol=1e-12)
    # A pixel that fits the object's grid nowhere: the mean is still the energy of the field.
    odd = through_focus_images(transmission(phase), 0.1625, optics, PixelGrid(20.8 / 37, 37), source=sources)[0]
    assert odd.mean().item() == pytest.approx(1, abs=1e-3)


def test_a_shift_of_the_object_shifts_its_image() -> None:
    phase = smooth_phase()
    low = low_frequencies(torch.fft.fft2(transmission(phase), norm="forward"), 0.1625, 1.6)
    still, moved = sum_over_source(
        lambda _, row, column, count: square_of(low, row, column, count),
        128,
        0.1625,
        Optics(0.65, WAVELENGTH_UM, 0.3),
        PixelGrid(0.1625, 128),
        z_um=(2.0, 2.0),
        source=SourceSampling(2, 12),
        turn_rad=0.0,
        shifts_yx_um=[(0.0, 0.0), (3 * 0.1625, -5 * 0.1625)],
    ).numpy()
    np.testing.assert_allclose(moved, np.roll(still, (3, -5), axis=(0, 1)), atol=1e-12)


def test_several_objects_at_a_time_give_the_images_of_each() -> None:
    phases = torch.stack([smooth_phase(), 0.5 * smooth_phase(width_px=8)])
    optics, grid = Optics(0.65, WAVELENGTH_UM, 0.3, bandwidth_um=0.02), PixelGrid(0.325, 64)
    batch = through_focus_images(transmission(phases), 0.1625, optics, grid, z_um=(0.0, 2.0))
    assert batch.shape == (2, 2, 64, 64)
    for image, phase in zip(batch, phases, strict=True):
        torch.testing.assert_close(
            image, through_focus_images(transmission(phase), 0.1625, optics, grid, z_um=(0.0, 2.0))
        )


def test_images_can_be_differentiated_with_respect_to_the_object() -> None:
    phase = smooth_phase(48, width_px=5.0).requires_grad_()
    image = through_focus_images(
        transmission(phase), 0.1625, Optics(0.65, WAVELENGTH_UM, 0.3), PixelGrid(0.325, 24), z_um=(1.0,)
    )
    (gradient,) = torch.autograd.grad(image[0, 12, 12], phase)
    step = torch.zeros_like(phase)
    step[20, 25] = 1e-5
    with torch.no_grad():
        ahead, behind = (
            through_focus_images(
                transmission(phase + sign * step),
                0.1625,
                Optics(0.65, WAVELENGTH_UM, 0.3),
                PixelGrid(0.325, 24),
                z_um=(1.0,),
            )[0, 12, 12]
            for sign in (1, -1)
        )
    assert gradient[20, 25].item() == pytest.approx((ahead - behind).item() / 2e-5, rel=1e-4)


@pytest.mark.parametrize("bandwidth_um", [0.02, 0.1])
def test_a_band_is_the_mean_of_its_wavelengths(bandwidth_um: float) -> None:
    path_um = smooth_phase(96, width_px=5.0) * WAVELENGTH_UM / (2 * math.pi)
    grid, foci, source = PixelGrid(0.1625, 96), (-5.0, 5.0), SourceSampling(4, 24)

    def image(wavelength_um: float, width_um: float) -> torch.Tensor:
        thin = thin_object(path_um, None, 0.1625, 3.0)
        optics = Optics(0.65, wavelength_um, 0.3, width_um)
        return sum_over_source(thin, 96, 0.1625, optics, grid, z_um=foci, source=source, turn_rad=0.2)

    # Seven lines under a Gaussian of that width, as an independent sum.
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    sigma_um = bandwidth_um / 2.3548
    expected = sum(
        weight * image(WAVELENGTH_UM + node * sigma_um, 0.0)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    assert torch.linalg.norm(image(WAVELENGTH_UM, bandwidth_um) - expected) <= 0.02 * torch.linalg.norm(expected - 1)


def test_absorption_dims_by_twice_its_exponent() -> None:
    thin = thin_object(torch.zeros(64, 64), torch.full((64, 64), 0.1), 0.1625, 2.0)
    optics, grid = Optics(0.65, WAVELENGTH_UM, 0.3), PixelGrid(0.1625, 64)
    image = sum_over_source(thin, 64, 0.1625, optics, grid, z_um=(0.0,), source=SourceSampling(1, 6), turn_rad=0.0)
    np.testing.assert_allclose(image.numpy(), math.exp(-0.2), rtol=1e-4)
