"""Slow changes of the lighting between planes: what they cost with and without their correction."""

from dataclasses import replace

import numpy as np
from benchmarks.tie.fields import CAMERA, drawn_fields
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.evaluation.scores import level
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.camera import Camera, expose
from napari_contransgan.tie import TieResult, retrieve_phase

SEEDS = {"hela": 3400, "psm": 3401}
"""Never used while the correction was made."""

FIELDS_EACH = 3
LARGEST_CHANGES = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
NOISELESS = Camera(photo_electrons=1e12, read_noise_e=0.0, background_counts=2e4, max_counts=65535)
SMALLEST_BACKGROUND = 0.1


def main(fields_each: int = FIELDS_EACH) -> None:
    """Print a line for each size of the change."""
    fields = [
        field
        for specimen in SEEDS
        for field in drawn_fields(
            specimen, fields_each, seeds=SEEDS, camera=NOISELESS, least_background=SMALLEST_BACKGROUND
        )
    ]
    print(f"{len(fields)} fields, planes at -3, 0, 3 um; each outer plane times its own polynomial of third degree")
    print("  largest change  RMSE in rad: median (lowest to highest)  within 1 and 2 sigma  noted | not corrected")
    for largest in LARGEST_CHANGES:
        corrected = [_scored(stack, truth, largest, number) for number, (stack, truth) in enumerate(fields)]
        left = [_scored(stack, truth, largest, number, False) for number, (stack, truth) in enumerate(fields)]
        errors, one, two, noted = np.array(corrected).T
        print(
            f"  {largest:13.1%}   {np.median(errors):13.4f} ({errors.min():.4f} to {errors.max():.4f})"
            f"  {one.mean():18.1%} {two.mean():6.1%}  {noted.sum():.0f} of {len(fields)}"
            f" | {np.median(np.array(left)[:, 0]):.4f}, {np.array(left)[:, 2].mean():.0%} within 2 sigma",
            flush=True,
        )


def slow_light(shape_yx: tuple[int, ...], largest: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Light that changes by at most `largest`, by a random polynomial of third degree."""
    y, x = (np.linspace(-1, 1, side) for side in shape_yx)
    change = sum(rng.normal() * np.outer(y**i, x**j) for i in range(4) for j in range(4 - i))
    changed: NDArray[np.float64] = 1 + largest * change / np.abs(change).max()
    return changed


def recorded(stack: Image, largest: float, seed: int) -> Image:
    """Expose noiseless planes, each but the middle one in light of its own."""
    rng = np.random.default_rng([seed, 1])
    zyx_intensity = stack.data / NOISELESS.background_counts
    for plane in (0, 2):
        zyx_intensity[plane] *= slow_light(zyx_intensity.shape[1:], largest, rng)
    return replace(stack, data=np.stack([expose(plane, CAMERA, rng) for plane in zyx_intensity]))


def _scored(
    stack: Image, truth: NDArray[np.floating], largest: float, seed: int, correction: bool = True
) -> list[float]:
    settings = TieSettings(light_correction=correction)
    result = result_of(retrieve_phase(recorded(stack, largest, seed), settings))
    error, one, two = errors_of(result, truth)
    return [error, one, two, float(any("lighting" in note for note in result.notes))]


def errors_of(result: TieResult, truth: NDArray[np.floating]) -> tuple[float, float, float]:
    """RMSE in rad, and the shares of pixels within one and two stated standard deviations."""
    error = np.abs(level(block_mean(result.phase.data, 2)) - level(truth))
    std_rad = block_mean(result.uncertainty.data, 2)
    return float(np.sqrt(np.mean(error**2))), float(np.mean(error <= std_rad)), float(np.mean(error <= 2 * std_rad))


if __name__ == "__main__":
    main()
