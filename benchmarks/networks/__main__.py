"""Test networks far from the usual focus and light: python -m benchmarks.networks [MODEL ...] [--fields 4].

First, sparse fields of cells at 10x, from 10 um below to 10 um above focus, with the condenser nearly closed to as
wide as the objective: mean slope, SSIM and PSNR against the true phase. Then empty fields with dust and stray light
over the same ranges: the largest phase that a network invents away from debris. Last, fields whose background is judged
too bright or too dark. No network is trained on these fields, or chosen by them. A network that can be told the optics
is told nothing, then the aperture and the condenser, then the focus too, with the errors of a careful user; with a
wrong background, it is told nothing.
"""

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from benchmarks.networks.finding import find_optics
from benchmarks.networks.level import print_levels
from benchmarks.training.timing import print_head, print_row
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.config.names import SceneName
from napari_contransgan.evaluation import Scores
from napari_contransgan.held_out import invented_rad, score_simulated
from napari_contransgan.inference import predict
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

SEED = 4242
FOCUS_UM = (-10.0, -6.0, -3.5, -1.0, 0.0, 2.0, 5.0, 10.0)
COHERENCE = (0.3, 0.6, 0.9, 1.0)
"""A condenser wider than the objective is simulated as one that is as wide."""
COHERENCE_ERROR, FOCUS_ERROR_UM = 0.05, 0.3
"""Standard errors of S, as a fraction, and of the focus that a network is told."""
FOUND = ", told NA, and S and focus found"
EMPTY_FIELDS = 100
TOLERATED_RAD = 0.05

FloatMap = NDArray[np.floating]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__)
    parser.add_argument("models", nargs="*", default=[DEFAULT_MODEL], help="bundled names, runs or checkpoints")
    parser.add_argument("--fields", type=int, default=4, help="fields of cells at each focus and condenser")
    parser.add_argument(
        "--find", action="store_true", help="also find focus and condenser from each frame of cells: 20 s for each"
    )
    parser.add_argument("--empty", type=int, default=EMPTY_FIELDS, help="empty fields")
    parser.add_argument("--level", type=int, default=16, help="fields of each kind with a wrong background")
    chosen = parser.parse_args()
    networks = {name: load_checkpoint(find_model(name)) for name in chosen.models}
    _cells(networks, chosen.fields, find=chosen.find)
    _empty(networks, chosen.empty)
    print_levels(networks, chosen.level)


def _cells(networks: dict[str, LoadedModel], count: int, *, find: bool) -> None:
    scores: dict[tuple[str, float, float], list[Scores]] = defaultdict(list)
    for coherence, focus_um in itertools.product(COHERENCE, FOCUS_UM):
        settings = sparse_cells(coherence, focus_um, count)
        for name, yx_phase_rad, yx_truth_rad in _predicted(networks, settings, find=find):
            scores[name, coherence, focus_um].append(score_simulated(yx_phase_rad, yx_truth_rad, yx_truth_rad, "hela"))
    for name in dict.fromkeys(scored for scored, _, _ in scores):
        for title, score in (("slope", "slope"), ("PSNR, dB", "psnr_db"), ("SSIM", "ssim")):
            print(f"\n{name}: {title} of sparse cells at 10x, by S and focus in um\n")
            print_head("", *(f"{focus_um:+g}" for focus_um in FOCUS_UM))
            for coherence in COHERENCE:
                means = (_mean(scores[name, coherence, focus_um], score) for focus_um in FOCUS_UM)
                print_row(
                    f"S = {coherence:g}", *(f"{mean:.1f}" if score == "psnr_db" else f"{mean:.2f}" for mean in means)
                )
        every = [one for (scored, _, _), found in scores.items() if scored == name for one in found]
        print(
            f"\n{name}, all {len(every)} fields: slope {_mean(every, 'slope'):.2f}, PSNR {_mean(every, 'psnr_db'):.1f} "
            f"dB (an empty map {_mean(every, 'psnr_zero_db'):.1f}), SSIM {_mean(every, 'ssim'):.3f} "
            f"({_mean(every, 'ssim_zero'):.3f})"
        )
        slopes = np.array([one.slope for one in every])
        within = (f"{1 - most:g} to {1 + most:g} in {np.mean(np.abs(slopes - 1) <= most):.0%}" for most in (0.1, 0.15))
        print(f"slope within {' and '.join(within)} of the fields")


def _empty(networks: dict[str, LoadedModel], count: int) -> None:
    print(f"\nLargest phase in {count} empty fields at 10x with dust and stray light, away from debris\n")
    print_head("network", "largest, rad", "median, rad", f"fields above {TOLERATED_RAD:g} rad")
    settings = _settings(
        "empty",
        count,
        focus_um=(-10.0, 10.0),
        coherence_factor=(0.5, 2.0),
        dust_specks=(0, 2),
        stray_light=(0.0, 0.05),
        unevenness=(0.0, 0.03),
    )
    invented: dict[str, list[float]] = defaultdict(list)
    for name, yx_phase_rad, yx_truth_rad in _predicted(networks, settings):
        invented[name].append(invented_rad(yx_phase_rad, yx_truth_rad))
    for name, found in invented.items():
        above = sum(one > TOLERATED_RAD for one in found)
        print_row(name, f"{np.nanmax(found):.3f}", f"{np.nanmedian(found):.3f}", f"{above} of {len(found)}")


def sparse_cells(coherence: float, focus_um: float, count: int) -> SimulationSettings:
    """Return settings of sparse fields of cells at 10x, at one focus and condenser."""
    factor = coherence / Microscope().coherence
    return _settings("sparse", count, focus_um=(focus_um, focus_um), coherence_factor=(factor, factor))


def _settings(scene: SceneName, count: int, **variation: tuple[float, float]) -> SimulationSettings:
    return SimulationSettings.checked(
        {
            "scene": scene,
            "objective": "10x",
            "seed": SEED,
            "count": count,
            "defocus_um": 0.0,
            "variation": {"focus_share": (0.0, 0.0), **variation},
        }
    )


def _predicted(
    networks: dict[str, LoadedModel], settings: SimulationSettings, *, find: bool = False
) -> Iterator[tuple[str, FloatMap, FloatMap]]:
    """Yield the name of a network and what it was told, its phase of a field, and the true phase."""
    aperture = settings.microscope.lens(settings.objective).numerical_aperture
    for index in range(settings.count):
        frame, truth = simulate_pair(settings, index)
        drawn = frame.settings["simulation"]["drawn"]
        frame = replace(frame, numerical_aperture=None, coherence=None)
        for name, network in networks.items():
            tellings = {"": PredictSettings()}
            if network.card.takes_optics:
                tellings = _tellings(drawn, aperture, index)
                if find:
                    tellings[FOUND] = find_optics(frame, aperture, settings.microscope.wavelength_um, network)
            for told, chosen in tellings.items():
                yield name + told, result_of(predict(frame, chosen, network)).data, truth.data


def _tellings(drawn: Mapping[str, float], numerical_aperture: float, index: int) -> dict[str, PredictSettings]:
    rng = np.random.default_rng([SEED, index])
    coherence = drawn["coherence"] * (1 + COHERENCE_ERROR * rng.standard_normal())
    focus_um = drawn["focus_um"] + FOCUS_ERROR_UM * rng.standard_normal()
    light = PredictSettings(numerical_aperture=numerical_aperture, coherence=coherence)
    return {
        ", told nothing": PredictSettings(),
        ", told NA and S": light,
        ", told NA, S and focus": light.model_copy(update={"focus_um": focus_um}),
    }


def _mean(scores: list[Scores], name: str) -> float:
    return float(np.nanmean([getattr(one, name) for one in scores]))


if __name__ == "__main__":
    main()
