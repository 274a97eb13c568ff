"""Growth rates of simulated cells against the true ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.measuring.fields import phase_of
from benchmarks.training.timing import print_head, print_row

from napari_contransgan.config import MeasureSettings, SimulationSettings
from napari_contransgan.drawing import save_figure
from napari_contransgan.io import Image
from napari_contransgan.measuring import growth_of, measure_objects
from napari_contransgan.measuring.plots import draw_growth
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.specimen import draw_specimen

FRAMES = 8
TIME_STEP_S = 3600.0
RATE_PER_H = 0.04
"""Relative growth: a cell doubles within about a day."""
FIELD_PX = 320


def compare_growth(seed: int, out: Path | None) -> None:
    """Print the growth rates of the cells of one field, and draw their growth curves.

    All cells gain dry mass at the same relative rate; each frame has its own noise and focus error.
    """
    settings = SimulationSettings(specimen="hela", scene="sparse", seed=seed, field_px=FIELD_PX)
    specimen = draw_specimen(settings, 0)
    factors = 1 + RATE_PER_H * TIME_STEP_S / 3600 * np.arange(FRAMES)
    frames = [
        phase_of(replace(specimen, zyx_path_um=specimen.zyx_path_um * np.float32(factor)), settings, index)
        for index, factor in enumerate(factors)
    ]
    phase, uncertainty = (_series([getattr(frame, name) for frame in frames]) for name in ("phase", "uncertainty"))
    found = result_of(measure_objects(phase, MeasureSettings(), uncertainty=uncertainty))
    growth = growth_of(found.objects, TIME_STEP_S)
    whole = [one for one in growth if len(one.time) == FRAMES and one.rate_pg is not None]
    rates = np.array([one.rate_pg / one.dry_mass_pg[0] for one in whole if one.rate_pg is not None])
    errors = np.array([one.rate_std_pg / one.dry_mass_pg[0] for one in whole if one.rate_std_pg is not None])
    print(f"\n### Growth\n\n{FRAMES} frames in {FRAMES * TIME_STEP_S / 3600:g} h, growth {RATE_PER_H:.1%} per hour\n")
    print_head("tracks", "in all frames", "median rate (1/h)", "spread (std)", "largest error", "within 2 std errors")
    print_row(
        str(len({one.track for one in found.objects})),
        str(len(whole)),
        f"{np.median(rates):.2%}",
        f"{rates.std():.2%}",
        f"{np.abs(rates - RATE_PER_H).max():.2%}",
        f"{np.mean(np.abs(rates - RATE_PER_H) <= 2 * errors):.0%}",
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        save_figure(out / "growth.png", draw_growth(whole))
        print(f"\nGrowth curves: {out / 'growth.png'}")


def _series(frames: list[Image]) -> Image:
    data = np.stack([frame.data for frame in frames])
    return replace(frames[0], data=data, axes="TYX", time_step_s=TIME_STEP_S)
