"""Networks that work on a grid with pixels twice as wide, in about a quarter of the operations."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

FOLD = 2
"""Side of the blocks of pixels that `Folded` splits into planes."""
PLANES = FOLD * FOLD

FIRST = ("encoder.blocks.0.body.0.weight", "branch.body.patch_embed.proj.weight")
LAST = ("head.conv.weight", "head.conv.bias")
"""Weights of the layers that see the planes, and that draw them."""


class Folded(nn.Module):
    """A generator that works on a grid with pixels twice as wide.

    The image is split into four planes of half the size (each pixel of a 2 x 2 block goes to a plane of its own), so
    nothing of it is lost, and the four planes of the output are woven together again (Shi et al. 2016).

    Parameters
    ----------
    network : Module
        A generator with four channels of input and output.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (B, 1, H, W) to the same shape; H and W must be multiples of 32."""
        planes: torch.Tensor = self.network(functional.pixel_unshuffle(image, FOLD))
        return functional.pixel_shuffle(planes, FOLD)


def folded_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights to start a folded generator from: those of the same generator that is not folded.

    The first layers see the mean of the planes, and all planes of the output are equal. It then draws things as if the
    image were shrunk by half and the phase magnified again.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Weights of the generator that is not folded.
    """

    def folded(name: str, value: torch.Tensor) -> torch.Tensor:
        if name in FIRST:
            return value.repeat(1, PLANES, 1, 1) / PLANES
        if name in LAST:
            return value.repeat(PLANES, *[1] * (value.dim() - 1))
        return value

    return {f"network.{name}": folded(name, value) for name, value in weights.items()}
