"""The generators behind the registry."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_contransgan.errors import InputError
from napari_contransgan.models.folding import FOLD
from napari_contransgan.models.patchgan import PatchGAN
from napari_contransgan.models.registry import GENERATORS, PRESETS, SHAPES, Size, build_generator, expected_weights


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("shape", [(224, 224), (64, 96), (32, 32)])
def test_every_generator_keeps_the_size(name: str, shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        output = build_generator(name, "tiny").eval()(torch.randn(2, 1, *shape))
    assert output.shape == (2, 1, *shape)
    assert output.dtype == torch.float32


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("shape", [(224, 224), (64, 96), (32, 32)])
def test_a_fast_network_keeps_the_size_too(name: str, shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert build_generator(name, "fast").eval()(torch.randn(2, 1, *shape)).shape == (2, 1, *shape)


def test_a_fast_network_sees_each_pixel_and_draws_each_pixel() -> None:
    network = build_generator("contrans", "fast").eval()
    image = torch.randn(1, 1, 64, 64).requires_grad_()
    drawn = network(image)
    drawn.square().sum().backward()
    assert image.grad is not None
    assert (image.grad != 0).all()
    blocks = drawn.detach()[0, 0].unflatten(0, (-1, FOLD)).unflatten(2, (-1, FOLD)).permute(0, 2, 1, 3).flatten(2)
    assert (blocks.std(dim=-1) > 0).all(), "all pixels of a block have the same phase"


def test_a_fast_network_takes_a_quarter_of_the_operations() -> None:
    def operations(preset: str) -> int:
        network, image = build_generator("contrans", preset).eval(), torch.zeros(1, 1, 224, 224)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            network(image)
        return counter.get_total_flops()

    assert 0.24 < operations("fast") / operations("compact") < 0.3


@pytest.mark.parametrize("name", GENERATORS)
def test_every_weight_of_a_generator_learns(name: str) -> None:
    network = build_generator(name, "tiny")
    network(torch.randn(2, 1, 64, 64)).square().mean().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A convolution's bias before a batch norm, and attention's key bias, cannot change the output: none is expected.
    assert [n for n in silent if "relative_position" not in n] == []


def test_contrans_listens_to_both_branches() -> None:
    torch.manual_seed(0)
    network = build_generator("contrans", "tiny").eval()
    image = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        whole = network(image)
        for parameter in network.branch.parameters():
            parameter.zero_()
        without_swin = network(image)
        for parameter in network.encoder.parameters():
            parameter.zero_()
        without_both = network(image)
    assert not torch.allclose(whole, without_swin)
    assert not torch.allclose(without_swin, without_both)
    assert without_both.std() < 1e-6


@pytest.mark.parametrize("key", [*json.loads(SHAPES.read_text()), "unet tiny"])
def test_the_weights_that_are_expected_are_those_of_the_generator(key: str) -> None:
    expected = expected_weights(*key.split())
    with torch.device("meta"):
        built = build_generator(*key.split()).state_dict()
    assert [(name, one.shape, one.dtype) for name, one in expected.items()] == [
        (name, one.shape, one.dtype) for name, one in built.items()
    ]


def test_the_published_size_has_the_paper_s_widths() -> None:
    assert PRESETS["published"] == Size(swin_width=96, cnn_width=96)
    with torch.device("meta"):
        network = build_generator("contrans", "published")
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert 80 < millions < 130, f"{millions:.0f} M parameters"


def test_under_bf16_the_output_is_not_rounded_to_8_bits() -> None:
    network = build_generator("unet", "tiny").eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        output = network(torch.randn(1, 1, 64, 64))
    assert output.dtype == torch.float32
    assert not torch.equal(output, output.bfloat16().float())


def test_patchgan_judges_overlapping_patches() -> None:
    verdict = PatchGAN(8)(torch.randn(2, 1, 224, 224))
    assert verdict.shape == (2, 1, 26, 26)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="contrans, unet, swin"):
        build_generator("resnet")
    with pytest.raises(InputError, match="compact"):
        build_generator("unet", "huge")
