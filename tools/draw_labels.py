"""Simulate frames, and let a network draw their phase as the mean of eight orientations: pairs to train on.

python tools/draw_labels.py SETTINGS.yaml --out runs/taught [--network all] [--part 0 --parts 2]

The settings are those of a training, of which only what they simulate is used. All kinds grow at the same rate, so that
the folder can be used before it is complete. What is there is kept, so an interrupted call goes on, and several calls
with different parts share the work. A network that is trained on such pairs, among others, keeps what the first
network draws, and draws it in one orientation as the first does in the mean of eight.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from napari_contransgan.config import SimulationSettings
from napari_contransgan.inference.tiling import ORIENTATIONS, run_oriented
from napari_contransgan.io import Image, write_image
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.models.running import for_tiles
from napari_contransgan.simulation import simulate_pair

SIDES_PX = 32
"""The sides of a network's input are multiples of this."""


def main() -> None:
    """Write the folders `lr` and `phase`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", default=DEFAULT_MODEL, help="bundled name, run or checkpoint")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(1)
    loaded = load_checkpoint(find_model(options.network))
    kinds = [SimulationSettings.checked(kind) for kind in yaml.safe_load(options.settings.read_text())["simulate"]]
    for number, (kind, index) in enumerate(by_turns(kinds)):
        name = f"{kind.seed}_{index:04d}.tif"
        if number % options.parts == options.part and not (options.out / "phase" / name).is_file():
            frame, phase = simulate_pair(kind, index)
            write_image(options.out / "lr" / name, frame)
            write_image(options.out / "phase" / name, replace(phase, data=drawn(loaded, frame)))
            print(name, flush=True)


def by_turns(kinds: list[SimulationSettings]) -> Iterator[tuple[SimulationSettings, int]]:
    """Yield each field of each kind, so that every kind has the same share of its fields at any time."""
    fields = ((index / kind.count, kind, index) for kind in kinds for index in range(kind.count))
    for _, kind, index in sorted(fields, key=lambda field: field[0]):
        yield kind, index


def drawn(loaded: LoadedModel, frame: Image) -> NDArray[np.float32]:
    """Return the phase of a frame in rad on the network's grid, the mean of eight orientations."""
    contrast, _ = contrast_on_model_grid(np.asarray(frame.data), frame.pixel_size_um or 0.0)
    height, width = contrast.shape
    side = -(-max(height, width) // SIDES_PX) * SIDES_PX
    padded = np.pad(contrast.numpy(), ((0, side - height), (0, side - width)), mode="reflect")
    network = for_tiles(loaded, side, torch.device("cpu"), len(ORIENTATIONS))
    outputs = [run_oriented(network, padded, orientation) for orientation in ORIENTATIONS]
    mean = np.mean(outputs, axis=0)[:height, :width]
    return np.asarray(loaded.card.phase_ref_rad * mean, np.float32)


if __name__ == "__main__":
    main()
