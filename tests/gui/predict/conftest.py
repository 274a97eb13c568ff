"""A small untrained network in place of the bundled default one."""

import pytest

from napari_contransgan.config import PredictSettings
from napari_contransgan.progress import result_of


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small untrained network in a folder of its own, under the name of the bundled default one."""
    import torch

    from napari_contransgan.models.checkpoint import ModelCard, save_checkpoint
    from napari_contransgan.models.registry import build_generator

    torch.manual_seed(0)
    card = ModelCard(
        name="untrained",
        description="A network for tests.",
        generator="unet",
        preset="tiny",
        phase_ref_rad=2.0,
        limits="It knows nothing.",
    )
    path = tmp_path_factory.mktemp("weights") / "all.safetensors"
    save_checkpoint(path, build_generator("unet", "tiny"), card)
    return path


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
