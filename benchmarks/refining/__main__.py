"""Can the scale of a predicted phase be found from its image? python -m benchmarks.refining [--find] [--fields 4].

A predicted phase is changed as little as possible, until its simulated image is the frame it was predicted from, with
focus and condenser known, or with --find found from the frame. Two tables: sparse fields of cells at 10x over focus and
condenser, then fields with everything that varies in training; and the real 20x pair, whose focus and condenser are not
known.
"""

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from benchmarks.networks.__main__ import COHERENCE, FOCUS_UM, sparse_cells
from benchmarks.real.hela import STACK, load_pair
from benchmarks.refining.fitting import FloatMap, fit_tile
from benchmarks.refining.searching import USUAL_COHERENCE, find_optics, with_condenser
from benchmarks.training.timing import print_head, print_row

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.evaluation import Scores, band_agreement
from napari_contransgan.held_out import score_simulated
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.simulation.image_formation import Optics
from napari_contransgan.simulation.scenes import scene_of_field
from napari_contransgan.training.physics import ForwardModel

STEPS = 50
KINDS = Path("tools/networks/fast.yaml")
VARIED = {"cells 10x": 520, "cells 20x": 523, "sheets 20x/0.5": 525, "beads 10x": 535}
"""Fields with everything that varies in training: seed of the settings in `KINDS`."""
OWN_SEED = 4600
REAL_APERTURE, REAL_WAVELENGTH_UM, REAL_TILES = 0.5, 0.55, 3


@dataclass(frozen=True)
class Tried:
    """Scores of one field before and after."""

    before: Scores
    after: Scores


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refining", description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a bundled name, a run or a checkpoint")
    parser.add_argument("--fields", type=int, default=4, help="fields of each kind")
    parser.add_argument("--find", action="store_true", help="find focus and condenser, instead of stating them")
    chosen = parser.parse_args()
    loaded = load_checkpoint(find_model(chosen.model))
    print_head("fields", "slope", "mean absolute ln slope", "PSNR, dB", "SSIM", "slope within 0.85 to 1.15")
    by_condenser: dict[float, list[Tried]] = defaultdict(list)
    for coherence, focus_um in itertools.product(COHERENCE, FOCUS_UM):
        settings = sparse_cells(coherence, focus_um, chosen.fields)
        by_condenser[coherence] += _tried(settings, range(chosen.fields), loaded, find=chosen.find)
    for coherence, tried in by_condenser.items():
        _print(f"sparse cells 10x, S = {coherence:g}", tried)
    _print("the same, all", [one for tried in by_condenser.values() for one in tried])
    kinds = {one["seed"]: one for one in yaml.safe_load(KINDS.read_text(encoding="utf-8"))["simulate"]}
    for name, seed in VARIED.items():
        settings = SimulationSettings.checked({**kinds[seed], "seed": OWN_SEED})
        filled = (index for index in itertools.count() if scene_of_field(settings, index) != "empty")
        indices = list(itertools.islice(filled, 2 * chosen.fields))
        _print(f"{name}, varied", list(_tried(settings, indices, loaded, find=chosen.find)))
    if STACK.is_file():
        _real(loaded)


def _tried(settings: SimulationSettings, indices: Sequence[int], loaded: LoadedModel, *, find: bool) -> Iterator[Tried]:
    for index in indices:
        frame, truth = simulate_pair(settings, index)
        drawn = frame.settings["simulation"]["drawn"]
        yx_phase_rad = _predicted(frame, loaded)
        model = _model(frame, drawn["focus_um"], drawn["coherence"])
        yx_contrast = contrast_on_model_grid(frame.data, frame.pixel_size_um or 0.0)[0].numpy()
        if find:
            model = find_optics(yx_contrast, yx_phase_rad, model)
        yx_refined_rad = fit_tile(yx_contrast, yx_phase_rad, model, STEPS).yx_phase_rad
        before, after = (
            score_simulated(one, truth.data, truth.data, settings.specimen) for one in (yx_phase_rad, yx_refined_rad)
        )
        yield Tried(before, after)


def _predicted(frame: Image, loaded: LoadedModel) -> FloatMap:
    return np.asarray(result_of(predict(frame, PredictSettings(), loaded)).data, np.float32)


def _model(frame: Image, focus_um: float, coherence: float) -> ForwardModel:
    optics = Optics(frame.numerical_aperture or 0.0, frame.wavelength_um or 0.0, coherence)
    return with_condenser(ForwardModel(optics, focus_um, frame.pixel_size_um or 0.0), coherence)


def _print(title: str, tried: Sequence[Tried]) -> None:
    # Where nothing of the phase is drawn, its logarithm says nothing.
    counted = [one for one in tried if one.before.slope > 0.2]
    before, after = [one.before for one in counted], [one.after for one in counted]

    def both(figure: str, form: str) -> str:
        means = (np.nanmean([getattr(one, figure) for one in side]) for side in (before, after))
        return " → ".join(f"{mean:{form}}" for mean in means)

    slopes = [np.array([one.slope for one in side]) for side in (before, after)]
    print_row(
        f"{title} ({len(counted)})",
        both("slope", ".2f"),
        " → ".join(f"{np.abs(np.log(np.maximum(side, 0.05))).mean():.2f}" for side in slopes),
        both("psnr_db", ".1f"),
        both("ssim", ".3f"),
        " → ".join(f"{np.mean(np.abs(side - 1) <= 0.15):.0%}" for side in slopes),
    )


def _real(loaded: LoadedModel) -> None:
    print()
    print_head("real frame at, um", "focus found, um", "S found", "correlation", "slope")
    pair = load_pair()
    for index, counts in enumerate(pair.stack.data):
        frame = replace(
            pair.stack,
            data=counts,
            axes="YX",
            z_step_um=None,
            wavelength_um=REAL_WAVELENGTH_UM,
            numerical_aperture=REAL_APERTURE,
        )
        yx_phase_rad = _predicted(frame, loaded)
        yx_contrast = contrast_on_model_grid(counts, frame.pixel_size_um or 0.0)[0].numpy()
        side = min(yx_contrast.shape) // REAL_TILES
        places = [
            np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
            for row, column in itertools.product(range(REAL_TILES), repeat=2)
        ]
        middle = places[len(places) // 2]
        model = find_optics(yx_contrast[middle], yx_phase_rad[middle], _model(frame, 0.0, USUAL_COHERENCE))
        yx_refined_rad = yx_phase_rad.copy()
        for place in places:
            yx_refined_rad[place] = fit_tile(yx_contrast[place], yx_phase_rad[place], model, STEPS).yx_phase_rad
        before, after = (band_agreement(one, pair.yx_tie_rad, pair.inside) for one in (yx_phase_rad, yx_refined_rad))
        print_row(
            f"{index * (pair.stack.z_step_um or 0.0):+.1f}",
            f"{model.focus_um:+.1f}",
            f"{model.optics.coherence:.2f}",
            f"{before.correlation:.3f} → {after.correlation:.3f}",
            f"{before.slope:.2f} → {after.slope:.2f}",
        )


if __name__ == "__main__":
    main()
