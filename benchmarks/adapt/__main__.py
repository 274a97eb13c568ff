"""Adapt the bundled network and score it: python -m benchmarks.adapt [--way paired|unpaired] [--only PART ...].

Prints the scores before and after, against the true phase, of fields not used for adapting: for each simulated
microscope outside the training range, at five focus positions, and on the halves of the real 20x HeLa pair. Also prints
how much standard fields lose.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.adapt.hela import score_halves
from benchmarks.adapt.microscopes import (
    DEVELOPMENT,
    FOCUS_UM,
    PLACES_YX_PX,
    SCORED,
    SCORED_PX,
    SEEDS,
    Strange,
    dish_of,
)
from benchmarks.adapt.running import adapted
from benchmarks.training.timing import print_head, print_row
from numpy.typing import NDArray

from napari_contransgan.config import AdaptSettings, PredictSettings, SimulationSettings, TieSettings
from napari_contransgan.errors import InputError
from napari_contransgan.held_out import score_simulated
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

STANDARD = SimulationSettings(specimen="hela", objective="10x", scene="mixed", seed=960, count=12)
PARTS = ("microscopes", "focus", "hela")
PSNR, RMSE, SLOPE = 0, 1, 2
LEAST_PHASE_RAD = 0.1
"""Fields with a smaller phase are empty."""

Floats = NDArray[np.floating]

Pairs = Sequence[tuple[Image, Image]]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adapt", description=__doc__)
    parser.add_argument("--way", choices=("paired", "unpaired"), default="paired")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--development", action="store_true", help="use the microscopes with which the defaults were chosen"
    )
    parser.add_argument("--out", type=Path, help="folder for the picture of the real pair")
    parser.add_argument("--names", nargs="*", help="use only these microscopes")
    chosen = parser.parse_args()
    kind = "development" if chosen.development else "scored"
    microscopes = {
        name: (strange, SEEDS[kind] + 10 * number)
        for number, (name, strange) in enumerate((DEVELOPMENT if chosen.development else SCORED).items())
        if not chosen.names or name in chosen.names
    }
    if "microscopes" in chosen.only:
        score_microscopes(microscopes, chosen.way)
    if "focus" in chosen.only:
        score_focus(SEEDS[kind] + 500)
    if "hela" in chosen.only:
        score_halves(chosen.out / "adapt_hela.png" if chosen.out else None)


def score_microscopes(microscopes: dict[str, tuple[Strange, int]], way: str) -> None:
    """Print a row for each microscope, and the medians."""
    bundled = load_checkpoint(find_model(DEFAULT_MODEL))
    standard = [simulate_pair(STANDARD, index) for index in range(STANDARD.count)]
    standard_before = scores(bundled, standard)
    print_head(
        "microscope",
        "RMSE, rad",
        "RMSE after / before",
        "worst field",
        "slope before",
        "slope after",
        "fields' slopes",
        "kept",
        "standard fields, dB",
        "s",
    )
    ratios, slopes = [], []
    for name, (strange, seed) in microscopes.items():
        dish = dish_of(strange, seed)
        shown = dish.frame_and_truth()
        before = dish_scores(bundled, *shown)
        try:
            if way == "paired":
                loaded, result = adapted([dish.stack()], AdaptSettings(tie=TieSettings(drift=False)))
            else:
                settings = AdaptSettings(unpaired=True, tie=TieSettings(drift=False))
                loaded, result = adapted([dish.high_power_stack()], settings, dish.other_frames())
        except InputError as error:
            print(f"| {name} | {before[:, RMSE].mean():.3f}, slope {before[:, SLOPE].mean():.2f}; refused: {error} |")
            continue
        after = dish_scores(loaded, *shown)
        lost = float(np.mean(scores(loaded, standard)[:, PSNR] - standard_before[:, PSNR]))
        ratio = after[:, RMSE].mean() / before[:, RMSE].mean()
        ratios.append(ratio)
        slopes.append(after[:, SLOPE].mean())
        print_row(
            name,
            f"{before[:, RMSE].mean():.3f} -> {after[:, RMSE].mean():.3f}",
            f"{ratio:.2f}",
            f"{(after[:, RMSE] / before[:, RMSE]).max():.2f}",
            f"{before[:, SLOPE].mean():.2f}",
            f"{after[:, SLOPE].mean():.2f}",
            ", ".join(f"{value:.2f}" for value in after[:, SLOPE]),
            result.kept,
            f"{lost:+.2f}",
            f"{60 * result.minutes:.0f}",
        )
    print(f"\nmedian RMSE after / before {np.median(ratios):.2f}, median slope {np.median(slopes):.2f}\n", flush=True)


def score_focus(seed: int) -> None:
    """Print the slopes at five focus positions, before and after adapting on all planes of one stack."""
    dish = dish_of(Strange(), seed)
    bundled = load_checkpoint(find_model(DEFAULT_MODEL))
    loaded, result = adapted([dish.deep_stack()], AdaptSettings(planes="all", tie=TieSettings(drift=False)))
    print_head("focus, um", "slope before", "slope after", "fields' slopes", "RMSE before, rad", "RMSE after, rad")
    for focus_um in FOCUS_UM:
        shown = dish.frame_and_truth(focus_um)
        before, after = dish_scores(bundled, *shown), dish_scores(loaded, *shown)
        print_row(
            f"{focus_um:+.0f}",
            f"{before[:, SLOPE].mean():.2f}",
            f"{after[:, SLOPE].mean():.2f}",
            ", ".join(f"{value:.2f}" for value in after[:, SLOPE]),
            f"{before[:, RMSE].mean():.3f}",
            f"{after[:, RMSE].mean():.3f}",
        )
    print(f"\nkept: {result.kept}, {60 * result.minutes:.0f} s\n", flush=True)


def dish_scores(loaded: LoadedModel, frame: Image, truth: Image) -> NDArray[np.float64]:
    """Return PSNR, RMSE and slope of each scored field of a dish, from the phase of the whole frame."""
    phase = result_of(predict(frame, PredictSettings(), loaded)).data
    places = [np.s_[y : y + SCORED_PX, x : x + SCORED_PX] for y, x in PLACES_YX_PX]
    return np.array([_score(phase[place], truth.data[place]) for place in places])


def scores(loaded: LoadedModel, pairs: Pairs) -> NDArray[np.float64]:
    """Return PSNR, RMSE and slope of each field that shows a specimen."""
    return np.array(
        [
            _score(result_of(predict(frame, PredictSettings(), loaded)).data, truth.data)
            for frame, truth in pairs
            if truth.data.max() > LEAST_PHASE_RAD
        ]
    )


def _score(yx_phase_rad: Floats, yx_truth_rad: Floats) -> tuple[float, float, float]:
    height, width = (min(sides) for sides in zip(yx_phase_rad.shape, yx_truth_rad.shape, strict=True))
    truth = yx_truth_rad[:height, :width]
    found = score_simulated(yx_phase_rad[:height, :width], truth, truth, "hela")
    return found.psnr_db, found.rmse_rad, found.slope


if __name__ == "__main__":
    main()
