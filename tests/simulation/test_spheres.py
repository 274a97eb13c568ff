"""Spheres drawn many at a time."""

import numpy as np
import pytest

from napari_contransgan.simulation.spheres import Spheres, add_spheres, joined


def _sphere(y_um: float, x_um: float, radius_um: float, contrast: float) -> Spheres:
    return Spheres(*(np.array([value]) for value in (y_um, x_um, radius_um, contrast)))


def _drawn(spheres: Spheres, shape_px: int = 80, pixel_size_um: float = 0.1625) -> np.ndarray:
    path_um = np.zeros((shape_px, shape_px), np.float32)
    add_spheres(path_um, pixel_size_um, spheres)
    return path_um


@pytest.mark.parametrize("radius_um", [0.05, 0.15, 0.3, 0.8, 2.5, 4.0])
@pytest.mark.parametrize("shift_um", [0.0, 0.05, 0.11])
def test_a_sphere_keeps_its_volume_wherever_it_lies(radius_um: float, shift_um: float) -> None:
    path_um = _drawn(_sphere(6.3 + shift_um, 6.4, radius_um, 0.02))
    assert path_um.sum() * 0.1625**2 == pytest.approx(0.02 * 4 / 3 * np.pi * radius_um**3, rel=1e-3)
    y, x = (np.average(np.arange(80) + 0.5, weights=path_um.sum(axis=axis)) * 0.1625 for axis in (1, 0))
    assert (y, x) == pytest.approx((6.3 + shift_um, 6.4), abs=0.1625 / 2)


def test_a_large_sphere_is_as_thick_as_it_is_wide() -> None:
    assert _drawn(_sphere(6.3, 6.4, 3.0, 0.02)).max() == pytest.approx(0.02 * 6.0, rel=0.01)


def test_spheres_of_all_sizes_add_up() -> None:
    rng = np.random.default_rng(0)
    many = Spheres(
        rng.uniform(0, 13, 60), rng.uniform(0, 13, 60), rng.uniform(0.1, 3, 60), rng.uniform(-0.03, 0.03, 60)
    )
    one_by_one = sum(_drawn(many.where(np.arange(60) == number)) for number in range(60))
    np.testing.assert_allclose(_drawn(many), one_by_one, atol=1e-6)


def test_the_frame_cuts_a_sphere_and_leaves_out_one_beyond_it() -> None:
    whole = _drawn(_sphere(6.5, 6.5, 1.0, 0.02), shape_px=120)
    path_um = np.zeros((40, 120), np.float32)
    add_spheres(path_um, 0.1625, _sphere(6.5, 6.5, 1.0, 0.02))
    np.testing.assert_array_equal(path_um, whole[:40])
    assert not _drawn(_sphere(-3.0, 6.5, 1.0, 0.02)).any()


def test_no_spheres_draw_nothing() -> None:
    assert not _drawn(joined([])).any()
