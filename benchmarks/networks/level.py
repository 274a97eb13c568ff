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
from napari_contransgan.simulation import simulate_pair

SEED = 4243
ERRORS = (-0.02, -0.01, 0.0, 0.01, 0.02)
"""Added to the light, as a share of the background's."""
MULTIPLE_PX = 32
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
    for kind, values in KINDS.items():
        settings = SimulationSettings.checked({"specimen": "hela", "seed": SEED, "count": count, **values})
        for index in range(count):
            frame, truth = simulate_pair(settings, index)
            if not truth.data.any():
                continue
            contrast, _ = contrast_on_model_grid(frame.data, frame.pixel_size_um or 0.0)
            side_px = min(*contrast.shape, *truth.data.shape) // MULTIPLE_PX * MULTIPLE_PX
            inside = np.ones((side_px, side_px), bool)
            for name, network in networks.items():
                for error in ERRORS:
                    yx_phase_rad = _phase_rad(network, contrast[:side_px, :side_px] + error / CONTRAST_REF)
                    agreement = band_agreement(yx_phase_rad, truth.data[:side_px, :side_px], inside)
                    found[kind, name][error].append(agreement)
    print(f"\nCorrelation and slope in {count} fields, by the error of the background (share of the light)\n")
    print_head("fields", "network", *(f"{error:+.0%}" for error in ERRORS))
    for (kind, name), by_error in found.items():
        means = (
            f"{np.mean([one.correlation for one in ones]):.3f}, {np.mean([one.slope for one in ones]):.2f}"
            for ones in by_error.values()
        )
        print_row(kind, name, *means)


def _phase_rad(network: LoadedModel, contrast: torch.Tensor) -> np.ndarray:
    network.model.eval()
    with torch.inference_mode():
        output = network.model(contrast[None, None])[0, 0]
    return np.asarray(network.card.phase_ref_rad * output, np.float32)
