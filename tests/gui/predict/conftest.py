"""A small untrained network in place of the bundled default one."""

import pytest

from napari_contransgan.config import PredictSettings
from napari_contransgan.progress import result_of


@pytest.fixture(scope="session")
def untrained():
    """Write a small untrained network to a path, with a card of these texts."""

    def write(path, seed=0, *, takes_optics=False, **texts):
        import torch

        from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
        from napari_contransgan.models.registry import build_generator

        torch.manual_seed(seed)
        card = ModelCard(generator="unet", preset="tiny", phase_ref_rad=2.0, takes_optics=takes_optics, **texts)
        generator = build_generator("unet", "tiny", takes_optics=takes_optics)
        if takes_optics:  # else it would draw the same whatever it is told
            torch.nn.init.normal_(generator.changes[-1].weight, std=0.1)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, generator, card)
        return path

    return write


@pytest.fixture(scope="module")
def network(untrained, tmp_path_factory):
    """A small untrained network in a folder of its own, under the name of the bundled default one."""
    path = tmp_path_factory.mktemp("weights") / "all.safetensors"
    return untrained(path, name="untrained", description="A network for tests.", limits="It knows nothing.")


@pytest.fixture
def bundled(network, monkeypatch):
    monkeypatch.setattr("napari_contransgan.models.bundled.WEIGHTS", network.parent)
    return network


@pytest.fixture
def expected(network):
    def predicted(image):
        from napari_contransgan.inference import predict

        return result_of(predict(image, PredictSettings(model=str(network))))

    return predicted
