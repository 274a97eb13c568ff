"""Convolutional building blocks shared by the generators."""

import torch
from torch import nn


class DoubleConv(nn.Module):
    """Two 3 x 3 convolutions, each with batch normalisation and a rectifier; (B, in, H, W) to (B, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve twice at the same size."""
        output: torch.Tensor = self.body(features)
        return output


class Encoder(nn.Module):
    """Contracting half of a U-Net; its features are at 1, 1/2, 1/4, ... of the input's size, finest first."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            DoubleConv(before, after) for before, after in zip((in_channels, *widths), widths, strict=False)
        )
        self.halve = nn.MaxPool2d(2)

    def forward(self, features: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of every level."""
        maps: list[torch.Tensor] = []
        for level, block in enumerate(self.blocks):
            features = block(self.halve(features) if level else features)
            maps.append(features)
        return maps


class JoinUp(nn.Module):
    """One step of a decoder: doubles the size by a transposed convolution, joins other maps, and convolves twice.

    Transposed convolutions of 2 x 2 with stride 2 do not overlap, so they cause no checkerboard artefacts.
    """

    def __init__(self, in_channels: int, joined_channels: int, out_channels: int) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
        self.conv = DoubleConv(out_channels + joined_channels, out_channels)

    def forward(self, features: torch.Tensor, joined: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Double the size of the features and join them with maps of that size."""
        output: torch.Tensor = self.conv(torch.cat([self.upsample(features), *joined], dim=1))
        return output


def cut_to(features: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Cut maps that reach beyond the image to the height and width of `wanted`."""
    return features[..., : wanted.shape[-2], : wanted.shape[-1]]


class LinearHead(nn.Module):
    """Output layer: linear, without activation, always in float32.

    In bfloat16 the output would be rounded to 8 bits, which shows as steps of 0.03 rad in a phase of 4 rad.
    """

    def __init__(self, in_channels: int, planes: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, planes, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Combine the channels of every pixel into one value for each plane."""
        with torch.autocast(features.device.type, enabled=False):
            output: torch.Tensor = self.conv(features.float())
        return output


def initialise(network: nn.Module) -> None:
    """Initialise convolutions as in He et al. (2015) and batch norms to identity; Swin branches keep timm's weights."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
