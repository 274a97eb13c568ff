"""What tells the solvers of the literature apart."""

import numpy as np
import pytest
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter

from napari_contransgan.tie import SOLVERS, phase_from_stack
from napari_contransgan.tie.focus_data import Solution
from napari_contransgan.tie.transfer import Aperture

PIXEL_UM = 0.325
Z_UM = (-3.0, 0.0, 3.0)


def retrieved(zyx: np.ndarray, method: str, z_um=Z_UM, **options) -> Solution:
    optics = {"wavelength_um": 0.55, "pixel_size_um": PIXEL_UM, "focus_index": len(z_um) // 2}
    return phase_from_stack(zyx, z_um, method=method, **(optics | options))


def band(yx_map: np.ndarray, low: float, high: float) -> np.ndarray:
    """Structure between two spatial frequencies in 1/um."""
    f_y, f_x = (np.arange(count) / (2 * count * PIXEL_UM) for count in yx_map.shape)
    f = np.hypot(f_y[:, None], f_x[None, :])
    return idctn(dctn(yx_map, norm="ortho") * ((f >= low) & (f < high)), norm="ortho")


@pytest.fixture(scope="module")
def weak_texture() -> np.ndarray:
    """0.1 rad of fine structure in the middle of a frame."""
    texture = gaussian_filter(np.random.default_rng(5).normal(size=(192, 192)), 0.8, mode="wrap")
    square = np.sum((np.indices(texture.shape) - 95.5) ** 2, axis=0) / (2 * 35**2)
    return 0.1 * texture / texture.std() * np.exp(-(square**2))


@pytest.fixture(scope="module")
def weak_planes(bright_field_stack, weak_texture) -> np.ndarray:
    return bright_field_stack(weak_texture, Z_UM, PIXEL_UM)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.4), (0.4, 0.6)])
def test_the_transfer_function_restores_what_one_solve_loses(weak_planes, weak_texture, low, high):
    truth = band(weak_texture, low, high)

    restored, plain = (
        band(retrieved(weak_planes, method, aperture=Aperture(0.65, 0.3)).yx_phase_rad, low, high)
        for method in ("wotf", "dct")
    )

    assert np.std(restored - truth) < 0.25 * np.std(plain - truth)
    assert np.sum(restored * truth) / np.sum(truth**2) == pytest.approx(1, abs=0.06)


def test_without_apertures_the_transfer_function_is_that_of_one_direction_of_light(propagated, weak_texture):
    smooth = gaussian_filter(weak_texture, 2)
    planes = np.stack([np.abs(propagated(np.exp(1j * smooth), z, PIXEL_UM, 0.55)) ** 2 for z in Z_UM])

    restored, plain = (retrieved(planes, method).yx_phase_rad for method in ("wotf", "dct"))

    assert np.std(restored - smooth) < 0.1 * smooth.std()
    assert np.std(restored - smooth) < 0.5 * np.std(plain - smooth)


def test_the_transfer_function_is_not_misled_by_absorption(propagated, weak_texture):
    smooth = gaussian_filter(weak_texture, 2)
    absorption = 0.02 * np.roll(smooth, (37, 51), axis=(0, 1)) / smooth.std()
    field = np.exp(1j * smooth - absorption)
    planes = np.stack([np.abs(propagated(field, z, PIXEL_UM, 0.55)) ** 2 for z in (0.0, 2.0)])

    phase = retrieved(planes, "wotf", (0.0, 2.0), focus_index=0).yx_phase_rad

    fine = band(smooth, 0.1, 0.5)
    assert np.std(band(phase, 0.1, 0.5) - fine) < 0.4 * fine.std()


def test_the_transfer_function_uses_every_plane(bright_field_stack, weak_texture):
    z_um = (-3.0, -1.5, 0.0, 1.5, 3.0)
    planes = bright_field_stack(weak_texture, z_um, PIXEL_UM)
    noisy = np.random.default_rng(0).normal(planes, 0.005)
    optics = {"aperture": Aperture(0.65, 0.3), "regularisation": 0.0}

    few = band(retrieved(noisy[[0, 2, 4]], "wotf", **optics).yx_phase_rad, 0.3, 0.6)
    many = band(retrieved(noisy, "wotf", z_um, **optics).yx_phase_rad, 0.3, 0.6)

    truth = band(weak_texture, 0.3, 0.6)
    assert np.std(many - truth) < 0.95 * np.std(few - truth)


def test_only_waves_take_the_frame_for_one_that_repeats_itself(bright_field_stack, wide_phase, wide_stack):
    shift = (100, 90)
    frame = np.roll(wide_stack, shift, axis=(1, 2))
    truth = np.roll(wide_phase, shift, axis=(0, 1))

    closed, repeating = (retrieved(frame, method, regularisation=0.0).yx_phase_rad for method in ("dct", "fft"))

    assert np.std(repeating - truth) < 0.08 * truth.std()
    assert np.std(closed - truth) > 3 * np.std(repeating - truth)


@pytest.mark.parametrize("method", [method for method in SOLVERS if method != "anchored"])
def test_every_solver_states_the_noise_that_the_camera_leaves(method):
    errors, stated = [], 0.0
    for seed in range(6):
        zyx = np.random.default_rng(seed).poisson(np.full((3, 80, 80), 1e4)).astype(np.uint16)
        solution = retrieved(zyx, method, regularisation=0.5)
        errors.append(solution.yx_phase_rad - solution.yx_phase_rad.mean())
        stated = float(np.median(solution.yx_std_rad))

    # waves have twice the smallest wavenumber of cosines, and so a good part of the noise that is stated
    assert 0.2 * stated < np.sqrt(np.mean(np.square(errors))) < 1.3 * stated
