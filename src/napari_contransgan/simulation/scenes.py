"""How full a field of view is."""

import numpy as np

from napari_contransgan.config import SceneName, SimulationSettings

CELL_SCENE_SHARES: dict[SceneName, float] = {"empty": 0.04, "sparse": 0.40, "dense": 0.32, "confluent": 0.24}
"""How often ``mixed`` means each scene, for cells."""

BEAD_SCENE_SHARES: dict[SceneName, float] = {"empty": 0.03, "sparse": 0.50, "dense": 0.32, "confluent": 0.15}
"""How often ``mixed`` means each scene, for beads."""


def scene_at(chance: float, shares: dict[SceneName, float]) -> SceneName:
    """The scene that a uniform random number from 0 to 1 stands for.

    Parameters
    ----------
    chance : float
        A number from 0 to 1, drawn uniformly.
    shares : dict
        How often each scene comes; adds up to 1.
    """
    reached = 0.0
    for scene, share in shares.items():
        reached += share
        if chance < reached:
            return scene
    return next(reversed(shares))


def scene_of_field(settings: SimulationSettings, index: int) -> SceneName:
    """The scene that field `index` shows; for ``mixed`` the one that was drawn.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    index : int
        Number of the field.
    """
    if settings.scene != "mixed":
        return settings.scene
    shares = BEAD_SCENE_SHARES if settings.specimen == "psm" else CELL_SCENE_SHARES
    return scene_at(np.random.default_rng([settings.seed, index, 0]).random(), shares)
