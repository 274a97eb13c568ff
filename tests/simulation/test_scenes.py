"""Scenes: names and how often each comes."""

from typing import get_args

import numpy as np
import pytest

from napari_contransgan.config import SceneName
from napari_contransgan.simulation.scenes import BEAD_SCENE_SHARES, CELL_SCENE_SHARES, scene_at


@pytest.mark.parametrize("shares", [CELL_SCENE_SHARES, BEAD_SCENE_SHARES])
def test_every_scene_but_mixed_has_a_share(shares: dict[SceneName, float]) -> None:
    assert {*shares, "mixed"} == set(get_args(SceneName))
    assert sum(shares.values()) == pytest.approx(1)


def test_scenes_come_as_often_as_their_shares_say() -> None:
    drawn = [scene_at(chance, CELL_SCENE_SHARES) for chance in np.linspace(0, 1, 10_001)]
    for scene, share in CELL_SCENE_SHARES.items():
        assert drawn.count(scene) / len(drawn) == pytest.approx(share, abs=1e-3)
