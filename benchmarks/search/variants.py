"""Variants to compare; each changes one thing relative to the package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn
from torch.nn import functional

from napari_contransgan.models.blocks import JoinUp, initialise
from napari_contransgan.models.contrans import Contrans
from napari_contransgan.models.registry import build_generator
from napari_contransgan.training.losses import supervised_loss

PHASE_REF_RAD = 2.0

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def package_loss(output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Return the loss of the package's supervised steps."""
    return supervised_loss(output, label, PHASE_REF_RAD)


@dataclass(frozen=True)
class Variant:
    """One variant.

    Parameters
    ----------
    question : str
        What the variant changes.
    build : callable
        Builds the network.
    loss : callable
        Loss of output and label, in units of the reference phase.
    label : {"truth", "tie"}
        Training target.
    rate : float
        Highest learning rate.
    """

    question: str
    build: Callable[[], nn.Module]
    loss: Loss = package_loss
    label: str = "truth"
    rate: float = 5e-4


class TwoWayContrans(Contrans):
    """Contrans as in the published code: skips are only the magnified Swin maps, without the CNN's."""

    def __init__(self, swin_width: int, cnn_width: int) -> None:
        super().__init__(swin_width, cnn_width)
        widths = [cnn_width << level for level in range(5)]
        self.ups = nn.ModuleList(JoinUp(widths[level + 1], widths[level], widths[level]) for level in range(4))
        initialise(self.ups)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (B, 1, H, W) to the same shape."""
        swin_maps = self.branch(image)
        features = self.encoder(image)[4]
        for level in (3, 2, 1, 0):
            magnified = functional.interpolate(self.project[level](swin_maps[level]), scale_factor=4.0, mode="nearest")
            features = self.ups[level](features, (magnified,))
        output: torch.Tensor = self.head(features)
        return output


def contrans(swin_width: int, cnn_width: int) -> nn.Module:
    """Return a builder of Contrans of any size."""
    network = Contrans(swin_width, cnn_width)
    initialise(network)
    return network


def with_group_norm(network: nn.Module) -> nn.Module:
    """Replace each batch normalisation by a group normalisation of 8 groups."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(network, name, nn.GroupNorm(8, child.num_features))
        else:
            with_group_norm(child)
    return network


def mean_square(output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Return the L2 loss, which determines PSNR."""
    return functional.mse_loss(output, label)


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "compact": Variant("the package's choice", lambda: build_generator("contrans", "compact")),
        "unet": Variant("branches", lambda: build_generator("unet", "compact")),
        "swin": Variant("branches", lambda: build_generator("swin", "compact")),
        "two-way joins": Variant("joins", lambda: TwoWayContrans(48, 16)),
        "tiny (16, 4)": Variant("size", lambda: contrans(16, 4)),
        "small (32, 8)": Variant("size", lambda: contrans(32, 8)),
        "wide CNN (48, 32)": Variant("size", lambda: contrans(48, 32)),
        "wide Swin (96, 16)": Variant("size", lambda: contrans(96, 16)),
        "group norm": Variant("normalisation", lambda: with_group_norm(build_generator("contrans", "compact"))),
        "L1": Variant("loss", lambda: build_generator("contrans", "compact"), functional.l1_loss),
        "L2": Variant("loss", lambda: build_generator("contrans", "compact"), mean_square),
        "TIE label": Variant("target", lambda: build_generator("contrans", "compact"), label="tie"),
        "rate 2e-4": Variant("learning rate", lambda: build_generator("contrans", "compact"), rate=2e-4),
        "rate 1e-3": Variant("learning rate", lambda: build_generator("contrans", "compact"), rate=1e-3),
    }
)
