"""Build generators by name and size.

Loading timm takes seconds, so it is imported only when a network is built. ONNX Runtime needs the weights alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from napari_contransgan.errors import InputError
from napari_contransgan.models.blocks import initialise
from napari_contransgan.models.folding import PLANES, Folded
from napari_contransgan.models.optics_aware import OpticsAware, expected_aware
from napari_contransgan.models.unet import UNet


@dataclass(frozen=True)
class Size:
    """The size of a network.

    Parameters
    ----------
    swin_width, cnn_width : int
        Width of the Swin branch and of the CNN branch.
    is_folded : bool
        Whether the network works on pixels twice as wide.
    """

    swin_width: int
    cnn_width: int
    is_folded: bool = False


PRESETS = MappingProxyType(
    {"tiny": Size(16, 4), "fast": Size(48, 16, is_folded=True), "compact": Size(48, 16), "published": Size(96, 96)}
)
"""``published`` is the paper's; ``tiny`` is for tests."""

GENERATORS = ("contrans", "unet", "swin")

SHAPES = Path(__file__).parent / "graphs" / "shapes.json"
"""Shapes of the weights of the networks that ONNX Runtime can run, written by `tools/export_graphs.py`."""


def build_generator(name: str, preset: str = "compact", *, takes_optics: bool = False) -> nn.Module:
    """Build a generator that maps (B, 1, H, W) to (B, 1, H, W), where H and W are multiples of 32.

    Parameters
    ----------
    name : {"contrans", "unet", "swin"}
        Architecture.
    preset : {"tiny", "fast", "compact", "published"}
        Size.
    takes_optics : bool
        Whether it can be told the optics of an image.

    Raises
    ------
    InputError
        If there is no such generator or size.
    """
    if preset not in PRESETS:
        raise InputError(f"unknown network size {preset!r}: use one of {', '.join(PRESETS)}")
    size = PRESETS[preset]
    planes = PLANES if size.is_folded else 1
    network: nn.Module
    match name:
        case "contrans":
            from napari_contransgan.models.contrans import Contrans  # noqa: PLC0415 - loads timm

            network = Contrans(size.swin_width, size.cnn_width, planes)
        case "unet":
            network = UNet(size.cnn_width, planes)
        case "swin":
            from napari_contransgan.models.swin import SwinGenerator  # noqa: PLC0415 - loads timm

            network = SwinGenerator(size.swin_width, size.cnn_width, planes)
        case _:
            raise InputError(f"unknown generator {name!r}: use one of {', '.join(GENERATORS)}")
    initialise(network)
    network = Folded(network) if size.is_folded else network
    return OpticsAware(network) if takes_optics else network


def expected_weights(name: str, preset: str, *, takes_optics: bool = False) -> dict[str, torch.Tensor]:
    """Return the names, shapes and types of a generator's weights, as tensors without memory.

    Raises
    ------
    InputError
        If there is no such generator or size.
    """
    if takes_optics:
        return expected_aware(expected_weights(name, preset))
    shapes = json.loads(SHAPES.read_text()).get(shapes_key(name, preset))
    if shapes is None:
        with torch.device("meta"):
            return build_generator(name, preset).state_dict()
    return {
        weight: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        for weight, (dtype, *shape) in shapes.items()
    }


def shapes_key(name: str, preset: str) -> str:
    """Return the key of a generator and size in the file of shapes."""
    return f"{name} {preset}"
