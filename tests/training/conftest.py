"""A small simulated data set, and settings that train a tiny network on it in seconds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from napari_contransgan.config import SimulationSettings, TrainSettings
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import write_dataset


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs") / "set"
    settings = SimulationSettings(specimen="hela", seed=3, field_px=80, count=7)
    return result_of(write_dataset(settings, out, stacks=False))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NAPARI_CONTRANSGAN_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(pairs: Path) -> Callable[..., TrainSettings]:
    """Settings of a tiny run on the pairs, with changes by name."""

    def settings(**changes: object) -> TrainSettings:
        values = {
            "pairs": (pairs,),
            "preset": "tiny",
            "steps": 6,
            "crop_px": 64,
            "batch_size": 2,
            "validate_every": 3,
            "save_every": 2,
            "precision": "fp32",
            "device": "cpu",
            "pool_size": 3,
            "validation_fraction": 0.2,
        }
        return TrainSettings(**(values | changes))  # type: ignore[arg-type]

    return settings
