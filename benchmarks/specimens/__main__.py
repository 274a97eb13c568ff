"""Print tables and draw pictures of simulated and real specimens: python -m benchmarks.specimens --out docs/images."""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from benchmarks.specimens import real, simulated
from benchmarks.specimens.pictures import draw_comparison, draw_gallery, draw_spectra
from benchmarks.specimens.statistics import (
    dark_spot_figures,
    granule_figures,
    image_figures,
    phase_figures,
    plane_figures,
    relief_figures,
    round_cell_figures,
)
from scipy import ndimage

from napari_contransgan.config import SceneName
from napari_contransgan.simulation.cells import cell_path_map, scatter_cells
from napari_contransgan.simulation.specimen import usual_culture

Figures = dict[str, float]

SHORT_FOCUS_UM = -0.6
"""Apparent height of the real plane "in focus", at which the simulated contrast equals the real one."""

DARK_GRAINS_PER_1000_UM2 = 1.0
"""Grains that absorb, put in to see whether the figures would show any in the real images."""

INSTRUMENT_UM = 0.3
"""Gaussian that models the unknown instrument of the HL60 maps."""

FIELDS, CELLS, SHOWN = 10, 20, 1


def main() -> None:
    """Print all tables and write all pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.specimens", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for the pictures; without it only tables are printed")
    folder: Path | None = parser.parse_args().out
    mpl.use("agg")
    print("\n## Time\n")
    _time_fields()
    print("\n## HeLa sheets at 20x\n")
    planes = real.hela_planes()
    measured = None if planes is None else real.FocusPair(planes, simulated.hela_phase_by_tie(planes))
    focused = [simulated.hela_pair(seed) for seed in range(FIELDS)]
    short = [simulated.hela_pair(seed, focus_error_um=SHORT_FOCUS_UM) for seed in range(FIELDS)]
    leaner = [_lean_pair(seed) for seed in range(FIELDS)]
    dirty = [_lean_pair(seed, DARK_GRAINS_PER_1000_UM2) for seed in range(FIELDS)]
    columns = {
        "simulated": focused,
        f"simulated, {SHORT_FOCUS_UM:g} µm": short,
        f"leaner, S = {simulated.CLOSED:g}, {SHORT_FOCUS_UM:g} µm": leaner,
    }
    _table(
        ({} if measured is None else {"real": [_pair_figures(measured)]})
        | {name: [_pair_figures(pair) for pair in pairs] for name, pairs in columns.items()}
        | {"the same with dark grains": [_pair_figures(pair) for pair in dirty]}
    )
    print("\n## Round cells\n")
    _compare_round_cells()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        draw_gallery(folder / "specimens.png")
        draw_spectra(folder / "specimens_spectra.png", measured, list(columns.items()))
        rows = [("simulated", short[SHOWN]), ("leaner, condenser closed", leaner[SHOWN])]
        draw_comparison(folder / "specimens_real.png", ([] if measured is None else [("real", measured)]) + rows)


def _lean_pair(seed: int, dark_grains_per_1000_um2: float = 0.0) -> real.FocusPair:
    return simulated.hela_pair(
        seed,
        focus_error_um=SHORT_FOCUS_UM,
        usual=usual_culture(simulated.LEANER, seed, 0),
        coherence=simulated.CLOSED,
        dark_grains_per_1000_um2=dark_grains_per_1000_um2,
    )


def _pair_figures(pair: real.FocusPair) -> Figures:
    groups = {
        name: image_figures(plane, real.HELA_PIXEL_UM) | granule_figures(plane, real.HELA_PIXEL_UM)
        for name, plane in zip(("in focus", "+2.5 µm"), pair.zyx_counts, strict=True)
    }
    groups["between the planes"] = plane_figures(pair.zyx_counts, real.HELA_PIXEL_UM)
    groups["dark spots"] = dark_spot_figures(pair.zyx_counts, real.HELA_PIXEL_UM)
    groups["phase"] = phase_figures(pair.yx_phase_rad, real.HELA_PIXEL_UM)
    groups["relief"] = relief_figures(pair.yx_phase_rad, real.HELA_PIXEL_UM)
    return {f"{group}: {name}": value for group, figures in groups.items() for name, value in figures.items()}


def _compare_round_cells() -> None:
    views = real.hl60_views()
    sharp = [simulated.rounded_cell(seed) for seed in range(CELLS)]
    blurred = [ndimage.gaussian_filter(cell, INSTRUMENT_UM / real.HL60_PIXEL_UM) for cell in sharp]
    columns = {} if views is None else {"HL60": [round_cell_figures(view, real.HL60_PIXEL_UM) for view in views]}
    columns["skimage.data.cell"] = [round_cell_figures(real.skimage_cell(), real.SKIMAGE_PIXEL_UM)]
    columns["simulated"] = [round_cell_figures(cell, real.HL60_PIXEL_UM) for cell in sharp]
    columns["simulated, blurred"] = [round_cell_figures(cell, real.HL60_PIXEL_UM) for cell in blurred]
    _table(columns)


def _table(columns: Mapping[str, Sequence[Figures]]) -> None:
    """Print one row for each statistic and one column for each group: median (lowest to highest)."""
    print("| | " + " | ".join(columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    for name in next(iter(columns.values()))[0]:
        cells = []
        for group in columns.values():
            values = [figures[name] for figures in group]
            spread = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
            cells.append(f"{np.median(values):.3g}{spread}")
        print(f"| {name} | " + " | ".join(cells) + " |")


def _time_fields() -> None:
    """Print the processor time for drawing a field with pixels of 0.1625 um, median and longest."""
    scenes: tuple[SceneName, ...] = ("mixed", "sparse", "dense", "confluent")
    sides_px = (528, 1000)
    print("| scene | " + " | ".join(f"{side} px, ms" for side in sides_px) + " |")
    print("| --- |" + " --- |" * len(sides_px))
    for scene in scenes:
        cells = []
        for side_px in sides_px:
            spent_ms = [_time_field(scene, side_px, seed) for seed in range(-1, 24)][1:]
            cells.append(f"{np.median(spent_ms):.0f} (up to {max(spent_ms):.0f})")
        print(f"| {scene} | " + " | ".join(cells) + " |")


def _time_field(scene: SceneName, side_px: int, seed: int) -> float:
    rng = np.random.default_rng([seed + 1, 5])
    started = time.process_time()
    cell_path_map(scatter_cells(side_px * 0.1625, rng, scene=scene), side_px, 0.1625, rng)
    return 1e3 * (time.process_time() - started)


if __name__ == "__main__":
    main()
