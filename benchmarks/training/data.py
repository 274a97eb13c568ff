"""Write a small simulated data set, and make settings of runs on it."""

from pathlib import Path
from typing import Any

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset

SEED = 4400
FIELD_PX, FIELDS = 240, 8


def make_pairs(folder: Path, field_px: int = FIELD_PX, count: int = FIELDS) -> Path:
    """Simulate pairs of cells at 10x into a new folder."""
    settings = SimulationSettings(specimen="hela", seed=SEED, field_px=field_px, count=count)
    return result_of(write_dataset(settings, folder, stacks=False))


def supervised(pairs: Path, **changes: Any) -> TrainSettings:
    """Return settings of a run on pairs only, on one thread, without validating or saving before its end."""
    values = {
        "pairs": (pairs,),
        "device": "cpu",
        "threads": 1,
        "steps": 10**6,
        "validate_every": 10**6,
        "save_every": 10**6,
    }
    return TrainSettings(**(values | changes))


def unpaired(pairs: Path, **changes: Any) -> TrainSettings:
    """Return settings of the paper's recipe on the same images."""
    return supervised(pairs, recipe="paper", lr=pairs / "lr", phase=pairs / "phase", **changes)
