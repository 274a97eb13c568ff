"""Slope and error of TIE on simulated 40x stacks of cells inside the frame, clean and noisy. Run: make bench-tie."""

import numpy as np

from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.evaluation import evaluate
from napari_contransgan.events import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.fields import draw_specimen, image_stack, true_phase
from napari_contransgan.tie import retrieve_phase

FIELDS = 16
SMALLEST_STD_RAD = 0.05
"""Fields with less than that hold no cells, at most debris finer than the microscope resolves."""


def main() -> None:
    """Print a table and its summary."""
    settings = SimulationSettings(specimen="hela", seed=2026, field_px=400, inside_frame=True)
    slopes = []
    print("field  std (rad)  slope   RMSE (rad)  SSIM (range 4 rad)")
    for index in range(FIELDS):
        specimen = draw_specimen(settings, index)
        truth = true_phase(specimen, settings, index).data
        phase = result_of(retrieve_phase(image_stack(specimen, settings, index), TieSettings()))
        if truth.std() < SMALLEST_STD_RAD:
            print(f"{index:5d}  {truth.std():9.3f}  no cells")
            continue
        scores = evaluate(block_mean(phase.data, 2), truth, data_range_rad=4.0)
        slopes.append(scores.slope)
        print(f"{index:5d}  {truth.std():9.3f}  {scores.slope:.3f}  {scores.rmse_rad:10.3f}  {scores.ssim:.3f}")
    inside = np.mean([0.97 <= slope <= 1.03 for slope in slopes])
    print(f"median slope {np.median(slopes):.3f}; {inside:.0%} of {len(slopes)} fields within 0.97 to 1.03")


if __name__ == "__main__":
    main()
