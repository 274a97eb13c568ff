"""Test whether a network's output follows the phase: held-out fields are imaged with three factors on the phase."""

from collections.abc import Sequence

import numpy as np
from benchmarks.training.timing import print_head, print_row
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.config.simulation import Variation
from napari_contransgan.inference import predict
from napari_contransgan.models.bundled import DEFAULT_MODEL, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

SEED, FIELDS = 4401, 12
FACTORS = (0.8, 1.0, 1.2)
GOAL = 0.05
SPECIMENS = ("hela", "psm")

Maps = NDArray[np.float64]


def main(models: Sequence[str] = (DEFAULT_MODEL,), fields: int = FIELDS) -> None:
    """Print, for each network and specimen, how its output follows the factor on the phase."""
    print(
        f"{fields} fields at 10x (seed {SEED}), imaged with the phase times 0.8, 1 and 1.2 and everything else equal; "
        f"goal: the factor +- {GOAL:.0%}\n"
    )
    print_head(
        "network",
        "specimen",
        "factor",
        "output divided by output at factor 1",
        "slope against the label",
        "slope / slope at factor 1",
        "goal reached",
    )
    loaded = {name: load_checkpoint(find_model(name)) for name in models}
    for specimen in SPECIMENS:
        outputs, labels = _imaged(specimen, fields, loaded)
        for name in models:
            own = {factor: outputs[name, factor] for factor in FACTORS}
            slopes = {factor: _slope(own[factor], labels[factor]) for factor in FACTORS}
            for factor in FACTORS:
                followed = _slope(own[factor], own[1.0])
                good = abs(followed / factor - 1) <= GOAL
                print_row(
                    name,
                    specimen,
                    f"{factor:g}",
                    f"{followed:.3f}",
                    f"{slopes[factor]:.3f}",
                    f"{slopes[factor] / slopes[1.0]:.3f}",
                    "yes" if good else f"**no**: {followed / factor - 1:+.1%}",
                )


def _imaged(
    specimen: str, fields: int, loaded: dict[str, LoadedModel]
) -> tuple[dict[tuple[str, float], Maps], dict[float, Maps]]:
    """Return outputs by network and factor, and labels by factor; each of shape (fields, Y, X), in radians."""
    outputs, labels = {}, {}
    for factor in FACTORS:
        settings = SimulationSettings(
            specimen=specimen, seed=SEED, count=fields, variation=Variation(phase_factor=(factor, factor))
        )
        pairs = [simulate_pair(settings, index) for index in range(fields)]
        labels[factor] = np.stack([phase.data for _, phase in pairs]).astype(np.float64)
        for name, model in loaded.items():
            made = [result_of(predict(lr, PredictSettings(device="cpu"), model)).data for lr, _ in pairs]
            outputs[name, factor] = np.stack(made).astype(np.float64)
    _check_that_only_the_phase_changed(labels)
    return outputs, labels


def _check_that_only_the_phase_changed(labels: dict[float, Maps]) -> None:
    for factor, maps in labels.items():
        np.testing.assert_allclose(maps, factor * labels[1.0], rtol=1e-4, atol=1e-5)


def _slope(of: Maps, on: Maps) -> float:
    """Return the least-squares slope over all fields, each relative to its own mean."""
    of, on = (maps - maps.mean(axis=(1, 2), keepdims=True) for maps in (of, on))
    return float((of * on).sum() / (on * on).sum())
