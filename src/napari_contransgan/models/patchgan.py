"""The discriminator: a PatchGAN, which classifies overlapping patches (Isola et al. 2017)."""

import torch
from torch import nn


class PatchGAN(nn.Module):
    """4 x 4 convolutions: three of stride 2, one of stride 1, and the output; each output sees 70 x 70 pixels.

    Parameters
    ----------
    width : int
        Channels of the first layer; later layers have up to eight times as many.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for level, stride in ((1, 2), (2, 2), (3, 1)):
            layers += [
                nn.Conv2d(width << (level - 1), width << level, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width << level),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(width << 3, 1, 4, padding=1))
        self.body = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return a map (B, 1, h, w) for images (B, 1, H, W); 1 is real and 0 is generated (least squares)."""
        verdict: torch.Tensor = self.body(image)
        return verdict
