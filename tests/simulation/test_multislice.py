"""Thick objects against thin ones, exact scattering by a sphere, and the TIE phase of beads."""

import math

import numpy as np
import pytest
import torch
from miepython.field import e_near_cartesian
from scipy import fft

from napari_contransgan.evaluation import measure_bead_heights
from napari_contransgan.optics import Aberrations
from napari_contransgan.simulation.beads import Bead, bead_path_slices
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, through_focus_images, transmission
from napari_contransgan.simulation.multislice import exit_field, multi_slice_images
from napari_contransgan.simulation.source import SourceSampling

WAVELENGTH_UM = 0.55
MEDIUM_INDEX = 1.56
CONTRAST = 0.03
RADIUS_UM = 1.5
PIXEL_UM = 0.1625
OPTICS = Optics(0.65, WAVELENGTH_UM, 0.3)
FOCI = (-3.0, 0.0, 3.0)


def smooth_path(slices: int, size: int = 96, peak_um: float = 0.1) -> torch.Tensor:
    """A different smooth path in each slice, `peak_um` in all."""
    y, x = np.mgrid[:size, :size] - size / 2
    blobs = [np.exp(-((y - 3 * k) ** 2 + (x + 2 * k) ** 2) / (2 * (7 + k) ** 2)) for k in range(slices)]
    return torch.from_numpy(np.stack(blobs) * (peak_um / slices))


def bead_path(
    slice_um: float, field_um: float = 20.8, pixel_um: float = PIXEL_UM, contrast: float = CONTRAST
) -> torch.Tensor:
    """One bead in the middle of a pixel near the middle of the field."""
    size = round(field_um / pixel_um)
    centre_um = (size // 2 + 0.5) * pixel_um
    path = bead_path_slices((Bead(centre_um, centre_um, RADIUS_UM),), size, pixel_um, slice_um, contrast)
    return torch.from_numpy(path.astype(np.float64))


def thick(path: torch.Tensor, slice_um: float, optics: Optics = OPTICS, **more: object) -> np.ndarray:
    settings = {"medium_index": MEDIUM_INDEX, "z_um": FOCI, "source": SourceSampling(2, 12)} | more
    grid = PixelGrid(PIXEL_UM, path.shape[-1])
    return multi_slice_images(path, slice_um, PIXEL_UM, optics, grid, **settings).numpy()  # type: ignore[arg-type]


def thin(path: torch.Tensor, z_um: tuple[float, ...] = FOCI, optics: Optics = OPTICS) -> np.ndarray:
    field = transmission(2 * math.pi / WAVELENGTH_UM * path)
    grid = PixelGrid(PIXEL_UM, path.shape[-1])
    return through_focus_images(field, PIXEL_UM, optics, grid, z_um=z_um, source=SourceSampling(2, 12)).numpy()


def difference(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the error of an image or field, relative to the reference's difference from an empty one."""
    return float(np.linalg.norm(image - reference) / np.linalg.norm(reference - 1))


def test_an_empty_medium_has_intensity_one_at_every_focus() -> None:
    planes = thick(torch.zeros(5, 64, 64, dtype=torch.float64), 0.4)
    assert planes.shape == (3, 64, 64)
    np.testing.assert_allclose(planes, 1, atol=1e-9)


def test_one_slice_is_a_thin_object() -> None:
    path = smooth_path(1)
    np.testing.assert_allclose(thick(path, 3.0), thin(path[0]), atol=1e-10)


def test_slices_close_together_are_a_thin_object() -> None:
    path = smooth_path(6)
    assert difference(thick(path, 1e-4), thin(path.sum(0))) < 1e-3


def test_several_objects_at_a_time_give_the_images_of_each() -> None:
    paths = torch.stack([smooth_path(3), 2 * smooth_path(3)])
    batch = thick(paths, 0.5)
    assert batch.shape == (2, 3, 96, 96)
    np.testing.assert_allclose(batch, [thick(path, 0.5) for path in paths], atol=1e-12)


@pytest.mark.parametrize("tilt_per_um", [(0.0, 0.0), (0.21, -0.28)])
def test_a_clear_object_keeps_the_energy(tilt_per_um: tuple[float, float]) -> None:
    optics = {"wavelength_um": WAVELENGTH_UM, "medium_index": MEDIUM_INDEX, "tilt_per_um": tilt_per_um}
    smooth = exit_field(smooth_path(8), 0.4, PIXEL_UM, **optics)  # type: ignore[arg-type]
    assert smooth.abs().square().mean().item() == pytest.approx(1, abs=1e-6)
    # The sharp rims of a bead's slices scatter a little light into waves that do not travel.
    bead = exit_field(bead_path(0.2), 0.2, PIXEL_UM, **optics)  # type: ignore[arg-type]
    assert bead.abs().square().mean().item() == pytest.approx(1, abs=1e-5)


def test_defocus_keeps_the_energy() -> None:
    means = thick(smooth_path(8), 0.4).mean(axis=(1, 2))
    np.testing.assert_allclose(means, 1, atol=1e-3)


@pytest.mark.parametrize("slices_behind_the_middle", [-3, 3])
def test_what_lies_deeper_is_in_focus_farther_on_by_its_depth_over_the_index(slices_behind_the_middle: int) -> None:
    slice_um = 1.2
    path = torch.zeros(7, 96, 96, dtype=torch.float64)
    path[3 + slices_behind_the_middle] = smooth_path(1)[0]
    travel_um = slices_behind_the_middle * slice_um / MEDIUM_INDEX
    expected = thin(smooth_path(1)[0], z_um=tuple(z - travel_um for z in FOCI))
    assert difference(thick(path, slice_um), expected) < 0.02


@pytest.mark.parametrize("plane_um", [2.5, 5.0])
@pytest.mark.parametrize("tilt_per_um", [0.0, 0.65 * 0.3 / WAVELENGTH_UM])
def test_the_field_behind_a_bead_is_the_exact_one_within_2_percent(tilt_per_um: float, plane_um: float) -> None:
    pixel_um, slice_um = 0.08125, 0.2
    path = bead_path(slice_um, pixel_um=pixel_um)
    field = exit_field(
        path,
        slice_um,
        pixel_um,
        wavelength_um=WAVELENGTH_UM,
        medium_index=MEDIUM_INDEX,
        tilt_per_um=(0.0, tilt_per_um),
        plane_um=plane_um,
    ).numpy()

    sine = tilt_per_um * WAVELENGTH_UM / MEDIUM_INDEX
    cosine = math.sqrt(1 - sine**2)
    y, x = (np.indices(field.shape) - len(field) // 2) * pixel_um
    disc = np.hypot(y, x - plane_um * sine / cosine) < 2.0
    y, x = y[disc], x[disc]
    # The oracle's wave travels along its z and has its field along its x, here our y.
    along = sine * x + cosine * plane_um
    exact = e_near_cartesian(
        WAVELENGTH_UM,
        2 * RADIUS_UM,
        MEDIUM_INDEX + CONTRAST,
        MEDIUM_INDEX,
        y,
        sine * plane_um - cosine * x,
        along,
    )[0] * np.exp(-2j * np.pi * MEDIUM_INDEX / WAVELENGTH_UM * along)

    error = difference(field[disc], exact)
    amplitude = difference(np.abs(field[disc]), np.abs(exact))
    phase = np.linalg.norm(np.angle(field[disc] / exact)) / np.linalg.norm(np.angle(exact))
    figures = (
        f"errors relative to each one's modulation: field {error:.4f}, amplitude {amplitude:.4f}, phase {phase:.4f}"
    )
    assert error <= 0.02, figures
    assert phase <= 0.02, figures
    # Close behind a bead the amplitude hardly differs from 1 yet, so its error weighs more.
    assert amplitude <= 0.065, figures


@pytest.mark.parametrize("slice_um", [0.25, 0.2])
def test_12_slices_of_a_bead_are_enough(slice_um: float) -> None:
    finest = thick(bead_path(0.075), 0.075)
    coarse = thick(bead_path(slice_um), slice_um)
    errors = [difference(a, b) for a, b in zip(coarse, finest, strict=True)]
    assert max(errors) <= 0.01, f"relative errors of the contrast at {FOCI} um: {errors}"


@pytest.mark.parametrize(("contrast", "expected_um"), [(0.01, 3.01), (0.03, 2.98), (0.05, 2.92), (0.075, 2.79)])
def test_tie_reads_the_known_height_of_a_bead(contrast: float, expected_um: float) -> None:
    planes = thick(bead_path(0.2, field_um=39, contrast=contrast), 0.2, source=SourceSampling(3, 12))
    derivative = fft.dctn((planes[2] - planes[0]) / (FOCI[2] - FOCI[0]))
    q = np.pi * np.arange(len(derivative)) / (len(derivative) * PIXEL_UM)
    squares = q[:, None] ** 2 + q[None, :] ** 2
    squares[0, 0] = np.inf
    phase = 2 * np.pi / WAVELENGTH_UM * fft.idctn(derivative / squares)
    (bead,) = measure_bead_heights(phase, PIXEL_UM, WAVELENGTH_UM, contrast)
    assert bead.height_um == pytest.approx(expected_um, abs=0.02)


@pytest.mark.parametrize(("aperture", "coherence", "z_um"), [(0.65, 0.3, 3.0), (0.65, 0.6, 0.33), (0.4, 0.6, 0.86)])
@pytest.mark.parametrize("bandwidth_um", [0.0, 0.04])
def test_six_tilts_stand_for_those_of_all_source_points(
    aperture: float, coherence: float, z_um: float, bandwidth_um: float
) -> None:
    optics = Optics(aperture, WAVELENGTH_UM, coherence, bandwidth_um)
    path = bead_path(0.5)
    every = thick(path, 0.5, optics, z_um=(z_um,), every_tilt=True)
    few = thick(path, 0.5, optics, z_um=(z_um,))
    error = difference(few, every)
    assert error <= 0.02, f"relative error of the contrast {error:.4f}"


def test_a_coarse_object_is_refused() -> None:
    with pytest.raises(ValueError, match="too coarse"):
        multi_slice_images(torch.zeros(2, 101, 101), 0.2, 0.4, OPTICS, PixelGrid(0.65, 60), medium_index=MEDIUM_INDEX)


@pytest.mark.parametrize("z_um", [-2.0, 0.5, 2.0])
@pytest.mark.parametrize("model", ["thin", "multi-slice"])
def test_the_image_of_a_thin_sphere_is_the_exact_one_within_2_percent(model: str, z_um: float) -> None:
    radius_um, contrast, pixel_um, size, behind_um = 0.4, 0.01, 0.08125, 256, 2.0
    centre_um = (size // 2 + 0.5) * pixel_um
    slice_um = 0.1 if model == "multi-slice" else 1.0
    slices = bead_path_slices((Bead(centre_um, centre_um, radius_um),), size, pixel_um, slice_um, contrast)
    path = torch.from_numpy(slices.astype(np.float64))
    optics, grid, source = Optics(0.65, WAVELENGTH_UM, 0.0), PixelGrid(pixel_um, size), SourceSampling(1, 6)
    if model == "thin":
        field = transmission(2 * math.pi / WAVELENGTH_UM * path[0])
        ours = through_focus_images(field, pixel_um, optics, grid, z_um=(z_um,), source=source)[0].numpy()
    else:
        ours = multi_slice_images(
            path, slice_um, pixel_um, optics, grid, medium_index=MEDIUM_INDEX, z_um=(z_um,), source=source
        )[0].numpy()

    y, x = (np.indices((size, size)) - size // 2) * pixel_um
    near = e_near_cartesian(
        WAVELENGTH_UM,
        2 * radius_um,
        MEDIUM_INDEX + contrast,
        MEDIUM_INDEX,
        y.ravel(),
        x.ravel(),
        np.full(size**2, behind_um),
    )
    # Back to the sphere's middle through the medium, then through the lens and on in air, all by the angular spectrum.
    f = np.fft.fftfreq(size, pixel_um)
    squared = f[:, None] ** 2 + f[None, :] ** 2
    in_medium, in_air = (np.sqrt(np.maximum((n / WAVELENGTH_UM) ** 2 - squared, 0)) for n in (MEDIUM_INDEX, 1.0))
    passed = np.clip((0.65 / WAVELENGTH_UM - np.sqrt(squared)) * size * pixel_um + 0.5, 0, 1)
    lens = passed * np.exp(2j * np.pi * (z_um * in_air - behind_um * in_medium))
    camera = np.sinc(f * pixel_um)[:, None] * np.sinc(f * pixel_um)[None, :]
    components = [np.fft.ifft2(np.fft.fft2(component.reshape(size, size)) * lens) for component in near]
    polarised = sum(np.abs(component) ** 2 for component in components)
    # A lamp's light is not polarised: half of it swings along y, half along x.
    exact = np.fft.ifft2(np.fft.fft2((polarised + polarised.T) / 2) * camera).real
    error = difference(ours, exact / np.median(exact))
    assert error <= 0.02, f"{model} at {z_um:g} um: relative error of the contrast {error:.4f}"


def test_light_too_steep_for_the_medium_is_refused() -> None:
    with pytest.raises(ValueError, match="no wave of frequency 3 per um propagates in the medium"):
        exit_field(
            smooth_path(2),
            0.2,
            PIXEL_UM,
            wavelength_um=WAVELENGTH_UM,
            medium_index=MEDIUM_INDEX,
            tilt_per_um=(0.0, 3.0),
        )


@pytest.mark.parametrize("every_tilt", [False, True])
def test_everything_is_computed_on_the_device_of_the_object(every_tilt: bool) -> None:
    # The meta device computes nothing, but refuses to mix with tensors of another one, as a GPU does.
    path = torch.zeros(3, 64, 64, device="meta")
    optics, grid = Optics(0.65, WAVELENGTH_UM, 0.3, 0.02, Aberrations(spherical_um=0.01)), PixelGrid(0.325, 30, 0.2)
    images = multi_slice_images(
        path, 0.3, PIXEL_UM, optics, grid, medium_index=MEDIUM_INDEX, z_um=FOCI, every_tilt=every_tilt
    )
    assert images.device.type == "meta"
    assert images.shape == (3, 30, 30)
    thin_images = through_focus_images(transmission(path[0], path[0]), PIXEL_UM, optics, grid, z_um=FOCI)
    assert thin_images.device.type == "meta"
