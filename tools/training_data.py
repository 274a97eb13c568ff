"""Simulate the fields that the bundled network was trained on, into runs/data. Interrupted, it goes on.

python tools/training_data.py [--workers 2]

Then: napari-contransgan train --out runs/warm --steps 8000 with --pairs for each folder, and tools/bundle_model.py.
"""

import argparse
from pathlib import Path

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.simulation import write_dataset

OUT = Path("runs/data")

SETS = {
    "hela": SimulationSettings(
        specimen="hela", seed=100, count=2600, variation=Variation(focus_share=(-0.6, 0.6)), max_absorption_per_um=0.0
    ),
    "psm": SimulationSettings(specimen="psm", seed=101, count=800, variation=Variation(focus_share=(-0.6, 0.6))),
    "hela_abs": SimulationSettings(specimen="hela", seed=102, count=1500, variation=Variation(focus_share=(-0.9, 0.9))),
    "hela_20x": SimulationSettings(
        specimen="hela",
        objective="20x",
        seed=103,
        count=600,
        defocus_um=1.3,
        variation=Variation(focus_share=(-2.0, 2.0)),
    ),
}
"""Seeds 100 to 103; the held-out seeds are 900 and 901."""


def main() -> None:
    """Write every set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    for name, settings in SETS.items():
        for progress in write_dataset(settings, OUT / name, options.workers, stacks=False):
            if progress.step % 100 == 0 or progress.step == progress.total:
                print(f"{name}: {progress.step} of {progress.total}", flush=True)


if __name__ == "__main__":
    main()
