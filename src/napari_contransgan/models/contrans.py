"""The Contrans generator: a CNN branch and a Swin Transformer branch joined in one decoder.

After "ContransGAN", Cells 2022, 11, 2394. At each level, three parts are joined as in the text of the paper: the
features from the level below, the CNN's features of the same level, and the Swin stage's map, magnified four times to
fit.
"""

import torch
from torch import nn
from torch.nn import functional

from napari_contransgan.models.blocks import Encoder, JoinUp, LinearHead, cut_to
from napari_contransgan.models.swin import SwinBranch


class Contrans(nn.Module):
    """CNN branch, Swin branch, joined decoder, linear output.

    Parameters
    ----------
    swin_width : int
        Channels of the first Swin stage.
    cnn_width : int
        Channels of the CNN's finest level; each of the four coarser levels doubles them.
    planes : int
        Channels of input and output.
    """

    def __init__(self, swin_width: int, cnn_width: int, planes: int = 1) -> None:
        super().__init__()
        widths = tuple(cnn_width << level for level in range(5))
        self.encoder = Encoder(planes, widths)
        self.branch = SwinBranch(swin_width, planes)
        # A 1 x 1 convolution brings each stage to the CNN's width before magnification, where it is cheap.
        self.project = nn.ModuleList(nn.Conv2d(self.branch.channels[level], widths[level], 1) for level in range(4))
        self.ups = nn.ModuleList(JoinUp(widths[level + 1], 2 * widths[level], widths[level]) for level in range(4))
        self.head = LinearHead(cnn_width, planes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (B, planes, H, W) to the same shape; H and W must be multiples of 16."""
        cnn_maps = self.encoder(image)
        swin_maps = self.branch(image)
        features = cnn_maps[4]
        for level in (3, 2, 1, 0):
            magnified = functional.interpolate(self.project[level](swin_maps[level]), scale_factor=4.0, mode="nearest")
            features = self.ups[level](features, (cnn_maps[level], cut_to(magnified, cnn_maps[level])))
        output: torch.Tensor = self.head(features)
        return output
