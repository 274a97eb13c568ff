"""A small untrained network, and as little computation as possible."""

from pathlib import Path

import pytest
import torch

from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.reproduction import Extent

SMALL = Extent(
    fields=1, beads=2, focus_steps=2, coherence_steps=2, sweep_fields=1, example_objectives=("10x",), repeats=1
)


@pytest.fixture(scope="session")
def small() -> Extent:
    """As little as can be computed."""
    return SMALL


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained network."""
    torch.manual_seed(0)
    card = ModelCard(
        name="untrained",
        generator="unet",
        preset="tiny",
        phase_ref_rad=2.0,
        recipe="no training <at all>",
        limits="all",
    )
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(path, build_generator("unet", "tiny"), card)
    return path
