"""Build generators by name and size."""

from types import MappingProxyType

from torch import nn

from napari_contransgan.errors import InputError
from napari_contransgan.models.blocks import initialise
from napari_contransgan.models.contrans import Contrans
from napari_contransgan.models.swin import SwinGenerator
from napari_contransgan.models.unet import UNet

PRESETS = MappingProxyType({"tiny": (16, 4), "compact": (48, 16), "published": (96, 96)})
"""Width of the Swin branch and of the CNN branch. ``published`` is the paper's; ``tiny`` is for tests."""

GENERATORS = ("contrans", "unet", "swin")


def build_generator(name: str, preset: str = "compact") -> nn.Module:
    """Build a generator that maps (B, 1, H, W) to (B, 1, H, W), where H and W are multiples of 32.

    Parameters
    ----------
    name : {"contrans", "unet", "swin"}
        Architecture.
    preset : {"tiny", "compact", "published"}
        Size.

    Raises
    ------
    InputError
        If there is no such generator or size.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown network size {preset!r}: use one of {', '.join(PRESETS)}")
    swin_width, cnn_width = PRESETS[preset]
    network: nn.Module
    match name:
        case "contrans":
            network = Contrans(swin_width, cnn_width)
        case "unet":
            network = UNet(cnn_width)
        case "swin":
            network = SwinGenerator(swin_width, cnn_width)
        case _:
            raise InputError(f"unknown generator {name!r}: use one of {', '.join(GENERATORS)}")
    initialise(network)
    return network
