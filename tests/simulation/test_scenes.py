"""Scenes: names and frequencies."""

from typing import get_args

import numpy as np
import pytest

from napari_contransgan.config import SceneName, SimulationSettings
from napari_contransgan.simulation.scenes import BEAD_SCENE_SHARES, CELL_SCENE_SHARES, scene_at, scene_of_field
from napari_contransgan.simulation.specimen import draw_specimen


@pytest.mark.parametrize("shares", [CELL_SCENE_SHARES, BEAD_SCENE_SHARES])
def test_every_scene_but_mixed_has_a_share(shares: dict[SceneName, float]) -> None:
    assert {*shares, "mixed"} == set(get_args(SceneName))
    assert sum(shares.values()) == pytest.approx(1)


def test_scenes_come_as_often_as_their_shares_say() -> None:
    drawn = [scene_at(chance, CELL_SCENE_SHARES) for chance in np.linspace(0, 1, 10_001)]
    for scene, share in CELL_SCENE_SHARES.items():
        assert drawn.count(scene) / len(drawn) == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("specimen", ["psm", "hela"])
def test_the_scene_of_a_mixed_field_is_the_one_that_is_drawn(specimen: str) -> None:
    mixed = SimulationSettings(specimen=specimen, seed=3, field_px=96)  # type: ignore[arg-type]
    assert scene_of_field(mixed.model_copy(update={"scene": "dense"}), 7) == "dense"
    seen = set()
    for index in range(40):
        scene = scene_of_field(mixed, index)
        if scene not in seen:
            seen.add(scene)
            same = draw_specimen(mixed.model_copy(update={"scene": scene}), index)
            np.testing.assert_array_equal(draw_specimen(mixed, index).zyx_path_um, same.zyx_path_um)
    assert seen >= {"sparse", "dense", "confluent"}
