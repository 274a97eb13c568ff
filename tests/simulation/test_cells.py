"""Cells: traits, scenes, sheets and optical path."""

import numpy as np
import pytest
from scipy import ndimage

from napari_contransgan.config import SceneName
from napari_contransgan.errors import InputError
from napari_contransgan.simulation.cell_traits import KIND_SHARES, CellKind, Culture, draw_cell, draw_culture, reach_um
from napari_contransgan.simulation.cells import MAX_PATH_UM, cell_path_map, gaussian_texture, scatter_cells

PIXEL_UM = 0.1625


def _cell_map(kind: CellKind, seed: int, side_um: float = 100.0) -> np.ndarray:
    cell = draw_cell(side_um / 2, side_um / 2, np.random.default_rng(seed), kind=kind)
    return cell_path_map((cell,), round(side_um / PIXEL_UM), PIXEL_UM, np.random.default_rng(seed))


def _field(scene: SceneName, seed: int, side_px: int = 528) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return cell_path_map(scatter_cells(side_px * PIXEL_UM, rng, scene=scene), side_px, PIXEL_UM, rng)


@pytest.mark.parametrize("kind", [kind for kind in KIND_SHARES if kind != "spread"])
def test_cells_are_thicker_than_their_surroundings_and_capped(kind: CellKind) -> None:
    for seed in range(5):
        path_um = _cell_map(kind, seed)
        middle = path_um[288:328, 288:328]
        assert path_um.dtype == np.float32
        assert middle.max() > 0.03
        assert np.median(path_um) < 0.1 * middle.max()
        assert path_um.min() >= 0
        assert path_um.max() < MAX_PATH_UM


def test_spread_cells_are_wide_and_thin_and_round_cells_small_and_thick() -> None:
    area_um2, thickest_um = {}, {}
    for kind in ("spread", "adherent", "rounded"):
        maps = [ndimage.gaussian_filter(_cell_map(kind, seed), 5) for seed in range(12)]
        area_um2[kind] = np.mean([(path_um > 0.005).sum() * PIXEL_UM**2 for path_um in maps])
        thickest_um[kind] = np.mean([path_um.max() for path_um in maps])
    assert area_um2["spread"] > 1.5 * area_um2["adherent"] > 1.5 * area_um2["rounded"]
    assert thickest_um["rounded"] > 1.5 * thickest_um["adherent"] > 1.5 * thickest_um["spread"]


def test_spindles_are_long() -> None:
    lengths = []
    for seed in range(8):
        y, x = np.nonzero(ndimage.gaussian_filter(_cell_map("spindle", seed), 3) > 0.02)
        spread = np.linalg.eigvalsh(np.cov(y, x))
        lengths.append(np.sqrt(spread[1] / spread[0]))
    assert np.median(lengths) > 3


def test_daughters_of_a_dividing_cell_are_two_bodies() -> None:
    for seed in range(6):
        cell = draw_cell(20.0, 20.0, np.random.default_rng(seed), kind="telophase")
        path_um = cell_path_map((cell,), 246, PIXEL_UM, np.random.default_rng(seed))
        offsets = np.linspace(-14, 14, 200)
        y, x = 20 + offsets * np.sin(cell.angle_rad), 20 + offsets * np.cos(cell.angle_rad)
        along = ndimage.map_coordinates(ndimage.gaussian_filter(path_um, 4), (y / PIXEL_UM, x / PIXEL_UM), order=1)
        waist = along[80:120].min()
        assert waist < 0.85 * along[:100].max()
        assert waist < 0.85 * along[100:].max()


def test_a_nucleus_is_a_little_thinner_optically_than_the_cytoplasm_in_its_place() -> None:
    from dataclasses import replace

    cell = draw_cell(30.0, 30.0, np.random.default_rng(3), kind="adherent")
    bare = replace(cell, vesicles=0, droplets=0, mitochondria=0, nucleoli=0, filopodia=0, retraction_fibres=0, blebs=0)
    with_nucleus, without = (
        cell_path_map((replace(bare, nucleus_contrast_step=step),), 370, PIXEL_UM, np.random.default_rng(1))
        for step in (-0.004, 0.0)
    )
    difference = with_nucleus - without
    assert difference.max() < 1e-6
    assert -0.02 < difference.min() < -0.004


def test_granular_cells_hold_more() -> None:
    poor, rich = (
        draw_cell(0, 0, np.random.default_rng(2), kind="adherent", culture=culture)
        for culture in (Culture(), Culture(granularity=4.0, roughness=3.0, fat=2.0))
    )
    assert rich.vesicles > 3 * poor.vesicles
    assert rich.mitochondria > 3 * poor.mitochondria
    assert rich.droplets >= 2 * poor.droplets
    assert rich.texture == pytest.approx(3 * poor.texture)
    assert rich.radius_um == poor.radius_um


def test_round_cells_stay_smoother_in_a_rough_culture() -> None:
    rough = Culture(roughness=4.0)
    flat, round_ = (draw_cell(0, 0, np.random.default_rng(2), kind=k, culture=rough) for k in ("adherent", "rounded"))
    assert round_.texture < flat.texture / 4


def test_cultures_differ_in_grain() -> None:
    cultures = [draw_culture(np.random.default_rng(seed)) for seed in range(200)]
    granularity, roughness = (
        np.array([getattr(culture, name) for culture in cultures]) for name in ("granularity", "roughness")
    )
    assert granularity.min() < 0.7
    assert granularity.max() > 5
    assert np.corrcoef(granularity, roughness)[0, 1] > 0.8


@pytest.mark.parametrize("kind", KIND_SHARES)
def test_no_cell_reaches_further_than_it_says(kind: CellKind) -> None:
    for seed in range(8):
        cell = draw_cell(60.0, 60.0, np.random.default_rng(seed), kind=kind)
        # Debris lies outside the margin, so there is none.
        path_um = cell_path_map((cell,), 740, PIXEL_UM, np.random.default_rng(seed), edge_um=60.0)
        y, x = np.nonzero(path_um)
        assert np.hypot((y + 0.5) * PIXEL_UM - 60, (x + 0.5) * PIXEL_UM - 60).max() <= reach_um(cell)


def test_the_same_seed_draws_the_same_cells_and_another_seed_others() -> None:
    assert scatter_cells(90.0, np.random.default_rng(4)) == scatter_cells(90.0, np.random.default_rng(4))
    assert scatter_cells(90.0, np.random.default_rng(4)) != scatter_cells(90.0, np.random.default_rng(5))
    for scene in ("dense", "confluent"):
        np.testing.assert_array_equal(_field(scene, 4, 200), _field(scene, 4, 200))
        assert (_field(scene, 4, 200) != _field(scene, 5, 200)).any()


def test_fields_range_from_empty_to_confluent() -> None:
    fields = [scatter_cells(90.0, np.random.default_rng(seed)) for seed in range(150)]
    counts = [len(cells) for cells in fields]
    assert min(counts) == 0
    assert max(counts) > 15
    sheets = sum(any(cell.kind == "sheet" for cell in cells) for cells in fields)
    assert 20 < sheets < 55


def test_a_scene_that_is_asked_for_is_drawn() -> None:
    covered = {
        scene: np.median([(_field(scene, seed, 400) > 0.003).mean() for seed in range(8)])
        for scene in ("sparse", "dense", "confluent")
    }
    assert scatter_cells(90.0, np.random.default_rng(0), scene="empty") == ()
    assert 0.02 < covered["sparse"] < covered["dense"] < covered["confluent"]
    assert covered["dense"] > 0.3


@pytest.mark.parametrize("seed", range(6))
def test_a_confluent_sheet_leaves_no_free_background(seed: int) -> None:
    path_um = _field("confluent", seed)
    assert np.percentile(path_um, 1) > 0.002
    assert (path_um > 0.001).mean() > 0.995


def test_a_sheet_has_borders_between_nuclei() -> None:
    rng = np.random.default_rng(3)
    cells = [cell for cell in scatter_cells(120.0, rng, scene="confluent") if cell.kind == "sheet"]
    path_um = ndimage.gaussian_filter(cell_path_map(tuple(cells), 738, PIXEL_UM, rng), 6)
    centres = np.array([(cell.y_um, cell.x_um) for cell in cells])
    inside = centres[((centres > 5) & (centres < 115)).all(axis=1)]
    at_nuclei = path_um[tuple((inside / PIXEL_UM).astype(int).T)]
    assert at_nuclei.mean() > 1.3 * path_um.mean()


def test_touching_cells_are_common_and_lone_cells_too() -> None:
    gaps = []
    for seed in range(60):
        cells = scatter_cells(90.0, np.random.default_rng(seed), scene="sparse")
        for cell in cells:
            others = [other for other in cells if other is not cell]
            if others:
                gaps.append(
                    min(
                        np.hypot(cell.y_um - other.y_um, cell.x_um - other.x_um) - cell.radius_um - other.radius_um
                        for other in others
                    )
                )
    touching = np.mean(np.array(gaps) < 0)
    assert 0.15 < touching < 0.85


def test_texture_has_unit_variance_and_no_offset() -> None:
    for side in (256, 251):
        texture = gaussian_texture(side, PIXEL_UM, np.random.default_rng(0))
        assert texture.shape == (side, side)
        assert texture.std() == pytest.approx(1, abs=1e-3)
        assert abs(texture.mean()) < 1e-3


def test_texture_falls_off_as_stated() -> None:
    texture = gaussian_texture(512, PIXEL_UM, np.random.default_rng(0))
    power = np.abs(np.fft.fft2(texture)) ** 2
    f = np.hypot(*np.meshgrid(*[np.fft.fftfreq(512, PIXEL_UM)] * 2))
    low, high = (power[(f > 0.95 * at) & (f < 1.05 * at)].mean() for at in (0.5, 2.0))
    expected = ((0.5**2 + 1 / 36) / (2.0**2 + 1 / 36)) ** 1.5
    assert high / low == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("scene", ["mixed", "sparse", "dense", "confluent"])
@pytest.mark.parametrize("seed", range(6))
def test_cells_inside_the_frame_leave_its_edges_empty(seed: int, scene: SceneName) -> None:
    cells = scatter_cells(120.0, np.random.default_rng(seed), edge_um=10.0, scene=scene)
    path_um = cell_path_map(cells, 739, PIXEL_UM, np.random.default_rng(seed), edge_um=10.0)
    edge_px = round(10.0 / PIXEL_UM)
    inner = path_um.copy()
    inner[edge_px:-edge_px, edge_px:-edge_px] = 0
    assert inner.max() == 0
    assert path_um.any() or scene == "mixed"


def test_the_smallest_room_always_holds_a_cell() -> None:
    for seed in range(100):
        assert scatter_cells(68.0, np.random.default_rng(seed), edge_um=10.0, scene="sparse")


def test_a_field_too_small_for_whole_cells_is_refused() -> None:
    for seed in range(5):
        with pytest.raises(InputError, match="too small to hold whole cells"):
            scatter_cells(40.0, np.random.default_rng(seed), edge_um=10.0)


def test_the_frame_cuts_cells() -> None:
    cut = [_field("dense", seed, 400)[0].max() > 0.02 for seed in range(8)]
    assert any(cut)


def test_a_sheet_reaches_even_where_none_of_its_cells_does() -> None:
    cell = draw_cell(10.0, 10.0, np.random.default_rng(0), kind="sheet")
    path_um = cell_path_map((cell,), 800, PIXEL_UM, np.random.default_rng(1), edge_um=130.0)
    assert path_um.min() > 0.001
