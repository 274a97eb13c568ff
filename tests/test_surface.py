import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.surface import surface_from_map


def triangles(mesh) -> np.ndarray:
    return mesh.vertices_zyx_um[mesh.faces].astype(float)


def normals(mesh) -> np.ndarray:
    a, b, c = np.moveaxis(triangles(mesh), 1, 0)
    return np.cross(b - a, c - a)


def dome(shape=(300, 420)) -> np.ndarray:
    y, x = np.indices(shape)
    return 3 * np.exp(-((y - 120) ** 2 + (x - 250) ** 2) / (2 * 40**2))


def test_a_flat_map_has_the_area_of_its_frame_and_faces_up():
    mesh = surface_from_map(np.full((5, 8), 2.0), 0.5, vertical_um_per_value=1.5)

    assert mesh.vertices_zyx_um.shape == (40, 3)
    assert mesh.faces.shape == (2 * 4 * 7, 3)
    np.testing.assert_allclose(mesh.vertices_zyx_um[:, 0], 3.0)
    areas = normals(mesh) / 2
    assert areas[:, 0].sum() == pytest.approx(4 * 0.5 * 7 * 0.5)
    assert np.all(areas[:, 0] > 0)


def test_a_tilted_map_has_the_area_of_the_tilted_plane():
    slope = 0.75  # um up for each um along x: 3-4-5, so the area grows by 1.25
    values = np.tile(np.arange(9) * 0.5 * slope, (5, 1))

    mesh = surface_from_map(values, 0.5, vertical_um_per_value=1.0)

    assert np.linalg.norm(normals(mesh) / 2, axis=1).sum() == pytest.approx(1.25 * 2.0 * 4.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_positive_values_rise_with_the_sign_of_the_vertical_scale(sign):
    mesh = surface_from_map(dome((30, 40)), 1.0, vertical_um_per_value=sign * 2.0)

    np.testing.assert_allclose(mesh.vertices_zyx_um[:, 0], sign * 2 * mesh.values, rtol=1e-6)
    assert np.all(normals(mesh)[:, 0] > 0)


def test_vertices_stand_on_pixel_centres_with_their_values():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)

    mesh = surface_from_map(values, 0.25, vertical_um_per_value=0.1, origin_yx_um=(10.0, 20.0))

    np.testing.assert_array_equal(mesh.values, values.ravel())
    np.testing.assert_allclose(mesh.vertices_zyx_um[6], [0.6, 10.25, 20.5])
    assert mesh.vertices_zyx_um.dtype == mesh.values.dtype == np.float32
    assert mesh.faces.dtype.kind == "i"
    assert set(mesh.faces.ravel()) == set(range(12))


@pytest.mark.parametrize("max_vertices", [4, 999, 20_000])
def test_a_large_map_is_reduced_but_keeps_its_extent(max_vertices):
    mesh = surface_from_map(dome(), 0.1, vertical_um_per_value=1.0, origin_yx_um=(5.0, -3.0), max_vertices=max_vertices)

    assert 0.8 * max_vertices <= len(mesh.vertices_zyx_um) <= max_vertices
    y_um, x_um = mesh.vertices_zyx_um[:, 1], mesh.vertices_zyx_um[:, 2]
    assert (y_um.min(), y_um.max()) == (pytest.approx(5.0), pytest.approx(5.0 + 29.9))
    assert (x_um.min(), x_um.max()) == (pytest.approx(-3.0), pytest.approx(-3.0 + 41.9))


def test_reducing_keeps_features_in_place_and_averages_noise():
    noisy = dome() + np.random.default_rng(0).normal(scale=0.5, size=(300, 420))

    mesh = surface_from_map(noisy, 1.0, vertical_um_per_value=1.0, max_vertices=2000)

    _, y_um, x_um = mesh.vertices_zyx_um.T
    truth = 3 * np.exp(-((y_um - 120) ** 2 + (x_um - 250) ** 2) / (2 * 40**2))
    inner = (y_um > 0) & (y_um < 299) & (x_um > 0) & (x_um < 419)
    assert np.std((mesh.values - truth)[inner]) < 0.1
    weights = np.clip(mesh.values, 0, None) ** 4
    assert np.average(y_um, weights=weights) == pytest.approx(120, abs=1)
    assert np.average(x_um, weights=weights) == pytest.approx(250, abs=1)


def test_reduced_values_are_means_over_the_area_around_each_vertex():
    profile = np.random.default_rng(1).normal(size=12)
    step = 11 / 3  # four vertices from pixel 0 to pixel 11
    means = []
    for vertex in np.arange(4) * step:
        first, last = max(vertex - step / 2, -0.5), min(vertex + step / 2, 11.5)
        shares = [max(0, min(last, pixel + 0.5) - max(first, pixel - 0.5)) for pixel in range(12)]
        means.append(np.average(profile, weights=shares))

    mesh = surface_from_map(np.tile(profile, (12, 1)), 1.0, vertical_um_per_value=1.0, max_vertices=16)

    np.testing.assert_allclose(mesh.values.reshape(4, 4), np.tile(means, (4, 1)), rtol=1e-5)


def test_a_strip_keeps_two_rows():
    mesh = surface_from_map(np.zeros((2, 5000)), 1.0, vertical_um_per_value=1.0, max_vertices=100)

    assert len(mesh.vertices_zyx_um) <= 100
    assert mesh.vertices_zyx_um[:, 1].max() == 1.0
    assert mesh.vertices_zyx_um[:, 2].max() == 4999.0


@pytest.mark.parametrize(
    "values", [np.zeros(5), np.zeros((1, 5)), np.zeros((2, 3, 4)), np.array([[0, np.nan], [1, 2]])]
)
def test_a_map_that_is_no_surface_is_refused(values):
    with pytest.raises(InputError, match="map"):
        surface_from_map(values, 1.0, vertical_um_per_value=1.0)


def test_a_surface_has_a_hole_where_nothing_is_shown():
    values, shown = dome((40, 60)), np.ones((40, 60), bool)
    values[:, :20] = 0
    shown[:, :20] = False

    mesh = surface_from_map(values, 0.5, vertical_um_per_value=1.0, yx_shown=shown)

    assert triangles(mesh)[..., 2].min() == pytest.approx(20 * 0.5)
    assert len(mesh.faces) == 2 * 39 * 39
    whole = surface_from_map(values, 0.5, vertical_um_per_value=1.0, yx_shown=np.ones((40, 60), bool))
    assert len(whole.faces) == 2 * 39 * 59


def test_what_is_not_shown_pulls_nothing_down_when_areas_are_averaged():
    shown = np.ones((200, 200), bool)
    shown[:, :101] = False

    mesh = surface_from_map(3.0 * shown, 0.5, vertical_um_per_value=1.0, max_vertices=900, yx_shown=shown)

    np.testing.assert_allclose(triangles(mesh)[..., 0], 3.0, rtol=1e-5)
