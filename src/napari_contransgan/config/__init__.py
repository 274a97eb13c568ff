"""Validated settings shared by the plugin, the command line and Python; they can be read from and written to YAML.

Every settings object rejects unknown keys and records the version of its layout.
"""

from napari_contransgan.config.adapting import AdaptSettings
from napari_contransgan.config.images import TILE_UNIT_PX, PredictSettings, TileSettings
from napari_contransgan.config.measure import MeasureSettings
from napari_contransgan.config.names import (
    DeviceName,
    EngineName,
    GeneratorName,
    PrecisionName,
    PresetName,
    RecipeName,
    SceneName,
    SpecimenName,
)
from napari_contransgan.config.pairs import PairFolders, pair_folders
from napari_contransgan.config.simulation import HELD_OUT_SEEDS, SimulationSettings, Variation
from napari_contransgan.config.tie import TieMethod, TieSettings
from napari_contransgan.config.training import PhysicsSettings, TrainSettings

__all__ = [
    "HELD_OUT_SEEDS",
    "TILE_UNIT_PX",
    "AdaptSettings",
    "DeviceName",
    "EngineName",
    "GeneratorName",
    "MeasureSettings",
    "PairFolders",
    "PhysicsSettings",
    "PrecisionName",
    "PredictSettings",
    "PresetName",
    "RecipeName",
    "SceneName",
    "SimulationSettings",
    "SpecimenName",
    "TieMethod",
    "TieSettings",
    "TileSettings",
    "TrainSettings",
    "Variation",
    "pair_folders",
]
