"""Test that a generator can be told the optics, and is then a plain one."""

from pathlib import Path

import pytest
import torch
from torch import nn

from napari_contransgan.models.checkpoint import ModelCard, load_checkpoint, save_checkpoint
from napari_contransgan.models.optics_aware import GAIN, changed_layers, numbers_of, told_weights
from napari_contransgan.models.registry import GENERATORS, build_generator, expected_weights
from napari_contransgan.optics import KnownOptics

NEAR, FAR = KnownOptics(0.25, 0.6, 2.0), KnownOptics(0.25, 0.9, -8.0)


def aware(name: str = "unet", preset: str = "tiny") -> nn.Module:
    torch.manual_seed(0)
    network = build_generator(name, preset, takes_optics=True).eval()
    nn.init.normal_(network.changes[-1].weight, std=0.1 / GAIN)  # as if it was trained
    return network


@pytest.mark.parametrize(("name", "preset"), [*((name, "tiny") for name in GENERATORS), ("unet", "fast")])
def test_a_generator_that_was_told_is_a_plain_one(name: str, preset: str) -> None:
    network, image = aware(name, preset), torch.randn(2, 1, 64, 64)
    for known in (NEAR, FAR, KnownOptics()):
        plain = build_generator(name, preset).eval()
        plain.load_state_dict(told_weights(network.state_dict(), known))
        with torch.inference_mode():
            told = network(image, torch.stack([numbers_of(known)] * 2))
            torch.testing.assert_close(plain(image), told, rtol=1e-4, atol=1e-5)


def test_a_network_from_a_file_changes_the_same_layers(tmp_path: Path) -> None:
    network, image = aware(), torch.randn(1, 1, 64, 64)
    card = ModelCard(name="aware", generator="unet", preset="tiny", phase_ref_rad=2.0, takes_optics=True)
    save_checkpoint(tmp_path / "aware.safetensors", network, card, torch.float32)
    told = load_checkpoint(tmp_path / "aware.safetensors").told(FAR)
    assert not told.card.takes_optics
    with torch.inference_mode():
        torch.testing.assert_close(told.model(image), network(image, numbers_of(FAR)[None]), rtol=1e-4, atol=1e-5)


def test_each_image_of_a_batch_is_told_its_own_optics() -> None:
    network, image = aware(), torch.randn(1, 1, 64, 64)
    told = torch.stack([numbers_of(one) for one in (NEAR, FAR, NEAR)])
    with torch.inference_mode():
        first, other, last = network(image.repeat(3, 1, 1, 1), told)
        alone = network(image, told[:1])[0]
    assert not torch.allclose(first, other, atol=1e-3)
    torch.testing.assert_close(first, last)
    torch.testing.assert_close(first, alone, rtol=1e-4, atol=1e-5)


def test_untrained_it_draws_the_same_whatever_it_is_told() -> None:
    network, image = build_generator("unet", "tiny", takes_optics=True).eval(), torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(image, numbers_of(FAR)[None]), network.network(image))


def test_the_norms_and_the_last_layer_are_changed() -> None:
    network = build_generator("unet", "tiny")
    norms = {name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert changed_layers(network.state_dict()).keys() == norms | {"head.conv"}


@pytest.mark.parametrize(("name", "preset"), [("contrans", "compact"), ("unet", "tiny")])
def test_its_weights_are_known_before_it_is_built(name: str, preset: str) -> None:
    expected = expected_weights(name, preset, takes_optics=True)
    built = build_generator(name, preset, takes_optics=True).state_dict()
    assert {key: (value.shape, value.dtype) for key, value in expected.items()} == {
        key: (value.shape, value.dtype) for key, value in built.items()
    }


def test_what_is_unknown_differs_from_every_known_value() -> None:
    assert not numbers_of(KnownOptics()).any()
    assert numbers_of(KnownOptics(coherence=0.6)).tolist() == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("focus_um", [-8.0, 0.0, 3.0])
def test_focus_counts_in_depths_of_focus_and_only_with_an_aperture(focus_um: float) -> None:
    assert not numbers_of(KnownOptics(focus_um=focus_um)).any()
    coarse = numbers_of(KnownOptics(0.2, focus_um=4 * focus_um))
    assert torch.allclose(numbers_of(KnownOptics(0.4, focus_um=focus_um))[4:], coarse[4:])


def test_values_out_of_range_are_replaced_by_the_nearest_and_apertures_left_out() -> None:
    assert torch.equal(numbers_of(KnownOptics(0.25, 5.0, 900.0)), numbers_of(KnownOptics(0.25, 1.1, 13.2)))
    assert not numbers_of(KnownOptics(1.4, focus_um=0.1)).any()
