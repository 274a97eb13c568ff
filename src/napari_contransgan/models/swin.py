"""The Swin Transformer branch (timm), and the generator made of this branch alone."""

from typing import Any

import torch
from timm.models.swin_transformer import SwinTransformer
from torch import nn
from torch.nn import functional

from napari_contransgan.models.blocks import DoubleConv, LinearHead, cut_to


class SwinBranch(nn.Module):
    """Four stages of shifted-window attention: maps at 1/4, 1/8, 1/16 and 1/32 of the input's size, finest first.

    Parameters
    ----------
    width : int
        Channels of the first stage, a multiple of 16; each further stage doubles them. As published, 96 channels have 3
        heads.
    planes : int
        Channels of the input.
    depths : tuple of int
        Blocks per stage.
    """

    def __init__(self, width: int, planes: int = 1, depths: tuple[int, int, int, int] = (2, 2, 2, 2)) -> None:
        super().__init__()
        self.channels = tuple(width << stage for stage in range(4))
        first_heads = 3 if width % 3 == 0 else max(1, width // 16)
        self.body = SwinTransformer(
            img_size=224,
            patch_size=4,
            in_chans=planes,
            num_classes=0,
            embed_dim=width,
            depths=depths,
            num_heads=tuple(first_heads << stage for stage in range(4)),
            window_size=7,
            drop_path_rate=0.0,
            strict_img_size=False,
        )
        # The last stage's maps are taken before this layer, which would otherwise have no gradient.
        self.body.norm = nn.Identity()

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of the four stages for a (B, planes, H, W) image; H and W must be multiples of 16.

        If H or W is not a multiple of 32, the last map reaches beyond the image.
        """
        maps: Any = self.body.forward_intermediates(
            image, indices=[0, 1, 2, 3], output_fmt="NCHW", intermediates_only=True
        )
        return list(maps)


class SwinGenerator(nn.Module):
    """Baseline without a CNN branch ("S-Transformer"): Swin maps, magnified and merged from coarse to fine."""

    def __init__(self, swin_width: int, cnn_width: int, planes: int = 1) -> None:
        super().__init__()
        self.branch = SwinBranch(swin_width, planes)
        widths = [max(cnn_width, channels // 2) for channels in self.branch.channels]
        self.merge = nn.ModuleList(
            DoubleConv(self.branch.channels[level] + (widths[level + 1] if level < 3 else 0), widths[level])
            for level in range(4)
        )
        self.refine = DoubleConv(widths[0], cnn_width)
        self.head = LinearHead(cnn_width, planes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (B, planes, H, W) to the same shape; H and W must be multiples of 16."""
        maps = self.branch(image)
        features = self.merge[3](maps[3])
        for level in (2, 1, 0):
            doubled = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = self.merge[level](torch.cat([cut_to(doubled, maps[level]), maps[level]], dim=1))
        features = functional.interpolate(features, scale_factor=4.0, mode="bilinear", align_corners=False)
        output: torch.Tensor = self.head(self.refine(features))
        return output
