"""Networks on pixels twice as wide."""

import pytest
import torch
from torch.nn import functional

from napari_contransgan.models.folding import FOLD, folded_weights
from napari_contransgan.models.registry import GENERATORS, build_generator


@pytest.mark.parametrize("name", GENERATORS)
def test_a_folded_network_begins_by_drawing_what_the_other_draws_of_the_image_at_half_its_size(name: str) -> None:
    network = build_generator(name, "compact").eval()
    folded = build_generator(name, "fast").eval()
    folded.load_state_dict(folded_weights(network.state_dict()))
    small = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        drawn = folded(functional.interpolate(small, scale_factor=FOLD, mode="nearest"))
        expected = functional.interpolate(network(small), scale_factor=FOLD, mode="nearest")
    torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=1e-4)


def test_the_weights_it_starts_from_are_copies() -> None:
    network = build_generator("unet", "compact")
    folded = build_generator("unet", "fast")
    folded.load_state_dict(folded_weights(network.state_dict()))
    with torch.no_grad():
        folded.get_parameter("network.encoder.blocks.1.body.0.weight").zero_()
    assert network.get_parameter("encoder.blocks.1.body.0.weight").abs().sum() > 0
