"""Simulate frames, and let a network draw their phase as the mean of eight orientations: pairs to train on.

python tools/draw_labels.py SETTINGS.yaml --out runs/taught [--network all] [--part 0 --parts 2]

The settings are those of a training, of which only what they simulate is used. All kinds grow at the same rate, so that
the folder can be used before it is complete. What is there is kept, so an interrupted call goes on, and several calls
with different parts share the work. A network that is trained on such pairs, among others, keeps what the first
network draws, and draws it in one orientation as the first does in the mean of eight.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
import yaml

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.inference import predict
from napari_contransgan.io import write_image
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair


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
            drawn = result_of(predict(frame, PredictSettings(orientations=8), loaded))
            write_image(options.out / "phase" / name, replace(phase, data=drawn.data))
            print(name, flush=True)


def by_turns(kinds: list[SimulationSettings]) -> list[tuple[SimulationSettings, int]]:
    """Return each field of each kind, in an order in which every kind has the same share of its fields at any time."""
    fields = [(kind, index) for kind in kinds for index in range(kind.count)]
    return sorted(fields, key=lambda field: field[1] / field[0].count)


if __name__ == "__main__":
    main()
