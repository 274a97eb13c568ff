"""Compare measured dry masses, bead heights and growth rates of simulated specimens with the true ones, as tables."""

import argparse
from pathlib import Path

from benchmarks.measuring.beads import compare_beads
from benchmarks.measuring.cells import compare_cells
from benchmarks.measuring.growing import compare_growth

SEED = 4120
"""Seed never used during development."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measuring", description=__doc__)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--beads", type=int, default=50)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=("cells", "beads", "growth"), help="one of the tables")
    parser.add_argument("--out", type=Path, help="folder for the plot of the growth curves")
    chosen = parser.parse_args()
    if chosen.only in (None, "cells"):
        compare_cells(chosen.cells, chosen.seed)
    if chosen.only in (None, "beads"):
        compare_beads(chosen.beads, chosen.seed)
    if chosen.only in (None, "growth"):
        compare_growth(chosen.seed, chosen.out)


if __name__ == "__main__":
    main()
