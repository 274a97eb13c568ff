"""Beads: geometry, packing and randomness."""

from typing import get_args

import numpy as np
import pytest

from napari_contransgan.config import SceneName
from napari_contransgan.simulation.beads import Bead, bead_height_map, bead_path_slices, scatter_beads


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


@pytest.mark.parametrize("scene", get_args(SceneName))
def test_beads_never_overlap(scene: SceneName) -> None:
    for seed in range(3):
        beads = scatter_beads(90.0, np.random.default_rng(seed), scene=scene)
        place = np.array([(b.y_um, b.x_um, b.radius_um) for b in beads]).reshape(-1, 3)
        distance = np.hypot(place[:, None, 0] - place[:, 0], place[:, None, 1] - place[:, 1])
        touching = place[:, None, 2] + place[:, 2]
        np.fill_diagonal(distance, np.inf)
        assert (distance >= 0.999 * touching).all()


def _covered(scene: SceneName, seed: int, diameter_um: float = 3.0) -> float:
    beads = scatter_beads(90.0, np.random.default_rng(seed), scene=scene, diameter_um=diameter_um)
    return float((bead_height_map(beads, 360, 0.25) > 0).mean())


def test_scenes_fill_the_field_in_their_order() -> None:
    sparse, dense, confluent = (
        np.median([_covered(scene, seed) for seed in range(12)]) for scene in ("sparse", "dense", "confluent")
    )
    assert _covered("empty", 0) == 0
    assert 0 < sparse < dense < confluent
    assert confluent > 0.3
    assert max(_covered("confluent", seed) for seed in range(12)) > 0.75


def test_larger_beads_fill_the_field_no_more_than_small_ones() -> None:
    small, large = (np.mean([_covered("dense", seed, diameter_um) for seed in range(12)]) for diameter_um in (2.0, 6.0))
    assert large == pytest.approx(small, rel=0.5)


def test_a_packed_monolayer_has_six_neighbours_to_a_bead() -> None:
    for seed in range(12):
        beads = scatter_beads(90.0, np.random.default_rng(seed), scene="confluent")
        place = np.array([(b.y_um, b.x_um) for b in beads])
        distance = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
        inside = (np.abs(place - 45) < 40).all(axis=1)
        neighbours = ((distance < 1.15 * 3.0).sum(axis=1) - 1)[inside]
        if _covered("confluent", seed) > 0.75:
            assert np.median(neighbours) == 6
            return
    pytest.fail("no field was covered")


def test_sizes_spread_as_asked() -> None:
    beads = [
        bead
        for seed in range(40)
        for bead in scatter_beads(90.0, np.random.default_rng(seed), scene="confluent", size_spread=0.05)
    ]
    radii = np.array([bead.radius_um for bead in beads if bead.radius_um > 1.0])
    assert radii.mean() == pytest.approx(1.5, rel=0.02)
    assert radii.std() == pytest.approx(0.05 * 1.5, rel=0.1)
    assert np.abs(radii - 1.5).max() <= 0.15 * 1.5 * 1.001


def test_the_frame_cuts_some_beads_and_some_fields_hold_specks() -> None:
    fields = [scatter_beads(90.0, np.random.default_rng(seed), scene="dense") for seed in range(40)]
    cut = [bead for beads in fields for bead in beads if min(bead.y_um, bead.x_um) < bead.radius_um]
    specks = [beads for beads in fields if any(bead.radius_um < 0.6 for bead in beads)]
    assert cut
    assert 0 < len(specks) < 20


def test_mixed_fields_range_from_empty_to_packed() -> None:
    counts = [len(scatter_beads(60.0, np.random.default_rng(seed))) for seed in range(120)]
    assert min(counts) == 0
    assert max(counts) > 150
