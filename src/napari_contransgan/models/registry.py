"""Build generators by name and size.

Loading timm takes seconds, so it is imported only when a network is built. ONNX Runtime needs the weights alone.
"""

import json
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from napari_contransgan.errors import InputError
from napari_contransgan.models.blocks import initialise
from napari_contransgan.models.unet import UNet

PRESETS = MappingProxyType({"tiny": (16, 4), "compact": (48, 16), "published": (96, 96)})
"""Width of the Swin branch and of the CNN branch. ``published`` is the paper's; ``tiny`` is for tests."""

GENERATORS = ("contrans", "unet", "swin")

SHAPES = Path(__file__).parent / "graphs" / "shapes.json"
"""Shapes of the weights of the networks that ONNX Runtime can run, written by `tools/export_graphs.py`."""


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
            from napari_contransgan.models.contrans import Contrans  # noqa: PLC0415 - loads timm

            network = Contrans(swin_width, cnn_width)
        case "unet":
            network = UNet(cnn_width)
        case "swin":
            from napari_contransgan.models.swin import SwinGenerator  # noqa: PLC0415 - loads timm

            network = SwinGenerator(swin_width, cnn_width)
        case _:
            raise InputError(f"unknown generator {name!r}: use one of {', '.join(GENERATORS)}")
    initialise(network)
    return network


def expected_weights(name: str, preset: str) -> dict[str, torch.Tensor]:
    """Return the names, shapes and types of a generator's weights, as tensors without memory.

    Raises
    ------
    InputError
        If there is no such generator or size.
    """
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
