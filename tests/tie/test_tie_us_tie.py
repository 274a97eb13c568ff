"""US-TIE on light that varies strongly, with a derivative that follows from phase and intensity by hand."""

import numpy as np
import pytest

from napari_contransgan.tie import phase_from_stack
from napari_contransgan.tie.preparation import Preparation

PIXEL_UM, WAVELENGTH_UM = 0.2, 0.55
SIDE = 96
Q = 2 * np.pi / (SIDE * PIXEL_UM)
AS_THEY_ARE = Preparation(drift=False, dead_pixels=False, equal_sums=False, light=False)


X = np.arange(SIDE)[None, :] * PIXEL_UM
Y = np.arange(SIDE)[:, None] * PIXEL_UM


def planes_of(intensity: np.ndarray, intensity_y: np.ndarray, intensity_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intensities at three heights to first order in z, and their phase."""
    x, y = Q * X, Q * Y
    phase = 0.5 * np.cos(2 * x + 0.3) * np.cos(y) + 0.3 * np.cos(3 * y - 1) * np.ones_like(x)
    phase_y = Q * (-0.5 * np.cos(2 * x + 0.3) * np.sin(y) - 0.9 * np.sin(3 * y - 1))
    phase_x = -Q * np.sin(2 * x + 0.3) * np.cos(y)
    laplacian = Q**2 * (-2.5 * np.cos(2 * x + 0.3) * np.cos(y) - 2.7 * np.cos(3 * y - 1))
    k = 2 * np.pi / WAVELENGTH_UM
    derivative = -(intensity_y * phase_y + intensity_x * phase_x + intensity * laplacian) / k
    return np.stack([intensity + z * derivative for z in (-0.1, 0.0, 0.1)]), phase


def planes(depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Planes of light that fades to 1 - depth in several places."""
    x, y = Q * X, Q * Y
    return planes_of(
        1 - depth / 2 * (1 + np.sin(x) * np.cos(2 * y)),
        depth * Q * np.sin(x) * np.sin(2 * y),
        -depth / 2 * Q * np.cos(x) * np.cos(2 * y),
    )


def planes_with_a_bright_spot() -> tuple[np.ndarray, np.ndarray]:
    """Planes of even light with a place four times as bright."""
    middle, width = SIDE * PIXEL_UM / 2, 0.8
    spot = 3 * np.exp(-((Y - middle) ** 2 + (X - middle) ** 2) / (2 * width**2))
    return planes_of(1 + spot, -spot * (Y - middle) / width**2, -spot * (X - middle) / width**2)


def error(phase: np.ndarray, truth: np.ndarray) -> float:
    return float(np.std(phase - truth))


def retrieved(zyx: np.ndarray, method: str, **options):
    return phase_from_stack(
        zyx,
        (-0.1, 0.0, 0.1),
        wavelength_um=WAVELENGTH_UM,
        pixel_size_um=PIXEL_UM,
        focus_index=1,
        method=method,
        preparation=AS_THEY_ARE,
        **options,
    )


@pytest.mark.parametrize("depth", [0.0, 0.5, 0.8])
def test_the_phase_comes_back_however_strongly_the_light_varies(depth):
    zyx, truth = planes(depth)

    solution = retrieved(zyx, "us-tie", regularisation=0.0)

    assert error(solution.yx_phase_rad, truth) < 0.01 * truth.std()
    assert solution.figures["rounds"] <= 20


def test_the_phase_comes_back_where_light_is_far_brighter_than_elsewhere():
    zyx, truth = planes_with_a_bright_spot()

    assert error(retrieved(zyx, "us-tie", regularisation=0.0).yx_phase_rad, truth) < 0.02 * truth.std()


def test_one_solve_does_not_do_where_light_varies():
    zyx, truth = planes(0.8)

    once, iterated = (retrieved(zyx, method, regularisation=0.0).yx_phase_rad for method in ("fft", "us-tie"))

    assert error(iterated, truth) < error(once, truth) / 20


def test_even_light_needs_one_round():
    zyx, _ = planes(0.0)

    assert retrieved(zyx, "us-tie", regularisation=0.0).figures["rounds"] == 1


@pytest.mark.parametrize("scale", [0.01, 30_000.0])
def test_the_unit_of_intensity_does_not_matter(scale):
    zyx, _ = planes(0.5)

    np.testing.assert_allclose(
        retrieved(scale * zyx, "us-tie", regularisation=0.1).yx_phase_rad,
        retrieved(zyx, "us-tie", regularisation=0.1).yx_phase_rad,
        atol=2e-4,
    )


def test_the_rounds_end_before_they_run_away():
    zyx, truth = planes(0.999)

    solution = retrieved(zyx, "us-tie")

    assert np.all(np.isfinite(solution.yx_phase_rad))
    assert error(solution.yx_phase_rad, truth) < truth.std()
