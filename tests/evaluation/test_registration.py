import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter

from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import register

MARGIN = 30


def cells(side: int = 200) -> np.ndarray:
    """Textured cells on a frame with a margin that movements may bring in."""
    side += 2 * MARGIN
    random = np.random.default_rng(5)
    y, x = np.indices((side, side))
    phase = np.zeros((side, side))
    for _ in range(9):
        centre_y, centre_x = random.uniform(30, side - 30, size=2)
        height, width = random.uniform(15, 40, size=2)
        square = ((y - centre_y) / height) ** 2 + ((x - centre_x) / width) ** 2
        phase = np.maximum(phase, random.uniform(1, 3) * np.clip(1 - square, 0, None) ** 0.6)
    texture = gaussian_filter(random.normal(size=phase.shape), 2)
    return phase * (1 + 0.1 * texture / texture.std())


def moved(wide: np.ndarray, shift_yx: tuple[float, float], rotation: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """The map that a movement by (scale, rotation, shift) about the centre brings onto the middle of `wide`."""
    centre = (np.array(wide.shape) - 1) / 2
    cos, sin = np.cos(rotation), np.sin(rotation)
    to_fixed = scale * np.array([[cos, sin], [-sin, cos]])  # (y, x); positive turns x towards y
    return affine_transform(wide, to_fixed, offset=centre + shift_yx - to_fixed @ centre, order=3)


def inner(wide: np.ndarray) -> np.ndarray:
    return wide[MARGIN:-MARGIN, MARGIN:-MARGIN]


@pytest.mark.parametrize(
    ("shift", "rotation", "scale"),
    [((4.3, -7.6), 0.0, 1.0), ((2.0, 3.0), 0.04, 1.0), ((-5.0, 1.5), -0.03, 1.03)],
)
def test_a_known_movement_is_found(shift, rotation, scale):
    wide = cells()
    moving = inner(moved(wide, shift, rotation, scale))

    found = register(0.8 * moving + 0.3, inner(wide))

    assert found.shift_yx_px == pytest.approx(shift, abs=0.3)
    assert found.rotation_rad == pytest.approx(rotation, abs=0.003)
    assert found.scale == pytest.approx(scale, abs=0.004)
    difference = (found.yx_aligned_rad - 0.3) / 0.8 - inner(wide)
    assert found.yx_valid.mean() > 0.85
    assert np.sqrt(np.mean(difference[found.yx_valid] ** 2)) < 0.1 * inner(wide).std()
    assert np.all(found.yx_aligned_rad[~found.yx_valid] == 0)


def test_a_featureless_bead_is_registered_by_its_shift_alone():
    y, x = np.indices((64, 80))

    def bead(centre_y, centre_x):
        return np.sqrt(np.clip(1 - ((y - centre_y) ** 2 + (x - centre_x) ** 2) / 81, 0, None))

    found = register(bead(30.0, 35.0), bead(36.5, 29.0))

    assert found.shift_yx_px == pytest.approx((6.5, -6.0), abs=0.15)
    assert found.scale == pytest.approx(1)
    assert found.rotation_rad == pytest.approx(0)


def test_maps_in_register_stay_as_they_are():
    phase = inner(cells()).astype(np.float32)

    found = register(phase, phase)

    np.testing.assert_array_equal(found.yx_aligned_rad, phase)
    assert found.yx_valid.all()
    assert found.shift_yx_px == (0, 0)


def test_registration_is_never_worse_than_none():
    random = np.random.default_rng(0)
    fixed, moving = gaussian_filter(random.normal(size=(2, 96, 96)), (0, 2, 2))

    found = register(moving, fixed)

    aligned = np.corrcoef(found.yx_aligned_rad[found.yx_valid], fixed[found.yx_valid])[0, 1]
    assert aligned >= np.corrcoef(moving.ravel(), fixed.ravel())[0, 1] - 1e-6


def test_maps_of_different_sizes_are_registered():
    wide = cells()

    found = register(wide, inner(wide))

    assert found.yx_aligned_rad.shape == inner(wide).shape
    np.testing.assert_allclose(found.yx_aligned_rad, inner(wide), atol=0.1)


def test_a_constant_map_stays_in_place():
    found = register(np.zeros((40, 40)), inner(cells())[:40, :40])

    assert found.shift_yx_px == (0, 0)
    assert not found.yx_aligned_rad.any()


def test_the_same_maps_give_the_same_movement():
    wide = cells()
    moving = inner(moved(wide, (3.0, 2.0), 0.02))

    np.testing.assert_array_equal(
        register(moving, inner(wide)).yx_aligned_rad, register(moving, inner(wide)).yx_aligned_rad
    )


@pytest.mark.parametrize("spoiled", [np.zeros((10, 40)), np.zeros((3, 40, 40)), np.full((40, 40), np.nan)])
def test_maps_that_cannot_be_registered_are_refused(spoiled):
    with pytest.raises(InputError, match="moving map"):
        register(spoiled, np.zeros((40, 40)))
    with pytest.raises(InputError, match="fixed map"):
        register(np.zeros((40, 40)), spoiled)
