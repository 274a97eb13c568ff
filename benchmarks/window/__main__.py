"""Measure how long the napari window does not answer, as tables.

xvfb-run -a python -m benchmarks.window [--seconds 60] [--only work|training] [--shot PICTURE.png]
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.window.training import train
from benchmarks.window.work import measure_work


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.window", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the training")
    parser.add_argument("--only", choices=("work", "training"), help="leave the other one out")
    parser.add_argument("--shot", type=Path, help="file for a picture of the training")
    chosen = parser.parse_args()
    if chosen.only != "training":
        with tempfile.TemporaryDirectory() as folder:
            rows = measure_work(Path(folder))
        print("\n| what | click answers after, ms | longest stall while computing, ms | while adding layers, ms |")
        print("| --- | --- | --- | --- |")
        for row in rows:
            print(f"| {row.what} | {row.answer_ms:.0f} | {row.computing_ms:.0f} | {row.adding_ms:.0f} |")
        print()
    if chosen.only != "work":
        train(chosen.seconds, chosen.shot)


if __name__ == "__main__":
    main()
