"""Choose the scene of a field, which determines how full it is."""

import numpy as np

from napari_contransgan.config import SceneName, SimulationSettings

CELL_SCENE_SHARES: dict[SceneName, float] = {"empty": 0.04, "sparse": 0.40, "dense": 0.32, "confluent": 0.24}
"""Fraction of each scene among ``mixed`` fields of cells."""

BEAD_SCENE_SHARES: dict[SceneName, float] = {"empty": 0.03, "sparse": 0.50, "dense": 0.32, "confluent": 0.15}
"""Fraction of each scene among ``mixed`` fields of beads."""


def scene_at(chance: float, shares: dict[SceneName, float]) -> SceneName:
    """Return the scene that corresponds to a uniform random number from 0 to 1.

    Parameters
    ----------
    chance : float
        A number from 0 to 1, drawn uniformly.
    shares : dict
        Fraction of each scene; they add up to 1.
    """
    reached = 0.0
    for scene, share in shares.items():
        reached += share
        if chance < reached:
            return scene
    return next(reversed(shares))


def scene_of_field(settings: SimulationSettings, index: int) -> SceneName:
    """Return the scene of field `index`; for ``mixed``, the one that was drawn.

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
