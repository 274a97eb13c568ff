"""Write the weights that a network of the size "fast" starts from: those of a network of the size "compact".

python tools/networks/start_folded.py runs/fast_start.safetensors [--from all]

Each of the four planes gets a quarter of the first layers' weights, so that their sum sees the mean of the planes, and
the last layer's weights for each of its four outputs. All other layers have the same shapes in both sizes.
"""

import argparse
from pathlib import Path

import torch

from napari_contransgan.models.blocks import FOLD
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import load_checkpoint, save_checkpoint
from napari_contransgan.models.registry import build_generator

FIRST = ("encoder.blocks.0.body.0.weight", "branch.body.patch_embed.proj.weight")
LAST = ("head.conv.weight", "head.conv.bias")


def main() -> None:
    """Write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--from", dest="source", default=DEFAULT_MODEL)
    options = parser.parse_args()

    loaded = load_checkpoint(find_model(options.source))
    network = build_generator(loaded.card.generator, "fast")
    network.load_state_dict({f"network.{name}": _folded(name, value) for name, value in loaded.weights.items()})
    card = loaded.card.model_copy(update={"preset": "fast", "settings": {}, "figures": {}})
    save_checkpoint(options.out, network, card)
    print(f"wrote {options.out}")


def _folded(name: str, value: torch.Tensor) -> torch.Tensor:
    planes = FOLD * FOLD
    if name in FIRST:
        return value.repeat(1, planes, 1, 1) / planes
    if name in LAST:
        return value.repeat(planes, *[1] * (value.dim() - 1))
    return value


if __name__ == "__main__":
    main()
