"""Beads and cells: geometry and chance."""

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.simulation.beads import Bead, bead_height_map, bead_path_slices, scatter_beads
from napari_contransgan.simulation.cells import MAX_PATH_UM, cell_path_map, draw_cell, gaussian_texture, scatter_cells


def test_a_bead_has_the_volume_and_height_of_a_sphere() -> None:
    height = bead_height_map((Bead(5.03, 4.91, 1.5),), 100, 0.1)
    assert height.sum() * 0.1**2 == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.01)
    assert height.max() == pytest.approx(3.0, rel=0.005)
    y, x = np.unravel_index(np.argmax(height), height.shape)
    assert ((y + 0.5) * 0.1, (x + 0.5) * 0.1) == pytest.approx((5.03, 4.91), abs=0.11)


@pytest.mark.parametrize("slice_um", [0.07, 0.2, 0.75, 10.0])
def test_the_slices_of_beads_add_up_to_their_height(slice_um: float) -> None:
    beads = (Bead(5.03, 4.91, 1.5), Bead(9.9, 3.0, 1.37), Bead(2.0, 8.0, 0.6))
    path = bead_path_slices(beads, 100, 0.1, slice_um, -0.03)
    assert path.shape == (int(np.ceil(3.0 / slice_um)), 100, 100)
    np.testing.assert_allclose(path.sum(axis=0), -0.03 * bead_height_map(beads, 100, 0.1), atol=1e-7)
    np.testing.assert_allclose(path, path[::-1], atol=1e-8)


def test_a_slice_of_a_bead_is_the_slab_of_a_sphere() -> None:
    path = bead_path_slices((Bead(5.03, 4.91, 1.5),), 100, 0.1, 0.5, 0.03)
    assert path[:, 50, 49] == pytest.approx([0.03 * 0.5] * 6, rel=0.01)
    # A slab between the heights a and b has the volume pi (R^2 (b - a) - (b^3 - a^3) / 3).
    edges = np.linspace(-1.5, 1.5, 7)
    volumes = np.pi * (1.5**2 * 0.5 - np.diff(edges**3) / 3)
    np.testing.assert_allclose(path.sum(axis=(1, 2)) * 0.1**2, 0.03 * volumes, rtol=0.01)


def test_a_field_without_beads_is_one_empty_slice() -> None:
    path = bead_path_slices((), 20, 0.1, 0.2, 0.03)
    assert path.shape == (1, 20, 20)
    assert not path.any()


def test_beads_never_overlap() -> None:
    for seed in range(5):
        beads = scatter_beads(90.0, np.random.default_rng(seed))
        for i, a in enumerate(beads):
            for b in beads[:i]:
                assert np.hypot(a.y_um - b.y_um, a.x_um - b.x_um) >= 0.999 * (a.radius_um + b.radius_um)


def test_cells_are_thicker_than_their_surroundings_and_capped() -> None:
    cells = (draw_cell(30.0, 30.0, np.random.default_rng(1)),)
    path = cell_path_map(cells, 370, 0.1625, np.random.default_rng(2))
    assert path.dtype == np.float32
    assert path[180:190, 180:190].mean() > 0.03
    assert np.median(path) == 0
    assert path.min() >= 0
    assert path.max() < MAX_PATH_UM * 1.3


def test_the_same_seed_draws_the_same_cells_and_another_seed_others() -> None:
    assert scatter_cells(90.0, np.random.default_rng(4)) == scatter_cells(90.0, np.random.default_rng(4))
    assert scatter_cells(90.0, np.random.default_rng(4)) != scatter_cells(90.0, np.random.default_rng(5))


def test_fields_range_from_empty_to_confluent() -> None:
    counts = [len(scatter_cells(90.0, np.random.default_rng(seed))) for seed in range(150)]
    assert min(counts) == 0
    assert max(counts) > 15


def test_texture_has_unit_variance_and_no_offset() -> None:
    texture = gaussian_texture(256, 0.1625, np.random.default_rng(0))
    assert texture.std() == pytest.approx(1, abs=1e-3)
    assert abs(texture.mean()) < 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_cells_inside_the_frame_leave_its_edges_empty(seed: int) -> None:
    cells = scatter_cells(120.0, np.random.default_rng(seed), edge_um=10.0)
    path = cell_path_map(cells, 739, 0.1625, np.random.default_rng(seed), edge_um=10.0)
    edge_px = round(10.0 / 0.1625)
    inner = path.copy()
    inner[edge_px:-edge_px, edge_px:-edge_px] = 0
    assert inner.max() == 0


def test_a_field_too_small_for_whole_cells_is_refused() -> None:
    with pytest.raises(InputError, match="too small to hold whole cells"):
        scatter_cells(40.0, np.random.default_rng(1), edge_um=10.0)
