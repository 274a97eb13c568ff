"""Test what networks make of an image whose background is judged too bright or too dark.

Cells absorb, so networks take darkness for thickness, and a wrong background is taken for it as well. In windows of 39
um, the median of the real sheet of HeLa cells differs from its background by up to 2 %, that of simulated sheets by 0.6
%; how much of this is thickness is not known.
"""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from benchmarks.training.timing import print_head, print_row

from napari_contransgan.config import SimulationSettings
from napari_contransgan.evaluation import BandAgreement, band_agreement
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.normalisation import CONTRAST_REF, contrast_on_model_grid
from napari_contransgan.models.running import for_tiles
from napari_contransgan.optics import KnownOptics
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.simulation.scenes import scene_of_field

SEED = 4243
ERRORS = (-0.02, -0.01, 0.0, 0.01, 0.02)
"""Added to the light, as a share of the background's."""
SIDE_PX = 224
KINDS: Mapping[str, dict[str, object]] = MappingProxyType(
    {
        "cells 10x": {"scene": "mixed", "objective": "10x"},
        "sheets 20x/0.5": {
            "scene": "confluent",
            "objective": "20x",
            "microscope": {
                "objectives": {
                    "20x": {"magnification": 20, "numerical_aperture": 0.5},
                    "40x": {"magnification": 40, "numerical_aperture": 0.65},
                },
                "camera": {"pixel_um": 4.65},
            },
            "defocus_um": 1.9,
        },
    }
)


def print_levels(networks: Mapping[str, LoadedModel], count: int) -> None:
    """Print the agreement of phase and true phase by kind of field, network and error of the background."""
    found: dict[tuple[str, str], dict[float, list[BandAgreement]]] = defaultdict(lambda: defaultdict(list))
    inside, part = np.ones((SIDE_PX, SIDE_PX), bool), np.s_[:SIDE_PX, :SIDE_PX]
    runs = count * len(KINDS) * len(ERRORS)
    ready = {
        name: for_tiles(network.told(KnownOptics()), SIDE_PX, torch.device("cpu"), runs)
        for name, network in networks.items()
    }
    for kind, values in KINDS.items():
        settings = SimulationSettings.checked({"specimen": "hela", "seed": SEED, "count": count, **values})
        for index in range(count):
            if scene_of_field(settings, index) == "empty":
                continue
            frame, truth = simulate_pair(settings, index)
            yx_contrast = contrast_on_model_grid(frame.data, frame.pixel_size_um or 0.0)[0].numpy()[part]
            for name, network in networks.items():
                for error in ERRORS:
                    output = ready[name].run(yx_contrast + np.float32(error / CONTRAST_REF))
                    agreement = band_agreement(network.card.phase_ref_rad * output, truth.data[part], inside)
                    found[kind, name][error].append(agreement)
    print("\nCorrelation and slope of fields with a specimen, by the error of the background (share of the light)\n")
    print_head("fields", "network", *(f"{error:+.0%}" for error in ERRORS))
    for (kind, name), by_error in found.items():
        means = (
            f"{np.mean([one.correlation for one in ones]):.3f}, {np.mean([one.slope for one in ones]):.2f}"
            for ones in by_error.values()
        )
        print_row(f"{len(by_error[0.0])} of {kind}", name, *means)
