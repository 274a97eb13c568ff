"""The U-Net baseline: the CNN branch without a transformer (Ronneberger et al. 2015)."""

import torch
from torch import nn

from napari_contransgan.models.blocks import Encoder, JoinUp, LinearHead


class UNet(nn.Module):
    """Five levels, skips by concatenation, linear output.

    Parameters
    ----------
    cnn_width : int
        Channels of the finest level; each coarser level doubles them.
    planes : int
        Channels of input and output.
    """

    def __init__(self, cnn_width: int, planes: int = 1) -> None:
        super().__init__()
        widths = tuple(cnn_width << level for level in range(5))
        self.encoder = Encoder(planes, widths)
        self.ups = nn.ModuleList(JoinUp(widths[level + 1], widths[level], widths[level]) for level in range(4))
        self.head = LinearHead(cnn_width, planes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (B, planes, H, W) to the same shape; H and W must be multiples of 16."""
        maps = self.encoder(image)
        features = maps[4]
        for level in (3, 2, 1, 0):
            features = self.ups[level](features, (maps[level],))
        output: torch.Tensor = self.head(features)
        return output
