"""Fields for training and for comparison; the held-out seeds of the package are not used."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.names import SpecimenName
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.resampling import binned_to_model_grid
from napari_contransgan.simulation import simulate_field
from napari_contransgan.simulation.fields import tie_label

VARIED = Variation(
    focus_share=(-0.9, 0.9), coherence_factor=(0.7, 1.3), stray_light=(0.0, 0.05), phase_factor=(0.7, 1.4)
)
TRAINED: dict[SpecimenName, tuple[int, int]] = {"hela": (800, 240), "psm": (801, 80)}
CHOSEN_BY: dict[SpecimenName, tuple[int, int]] = {"hela": (810, 24), "psm": (811, 12)}
"""Seed and number of fields of each specimen, all at 10x."""

Maps = dict[str, NDArray[np.float16]]


def load_or_make(path: Path, wanted: dict[SpecimenName, tuple[int, int]]) -> dict[SpecimenName, Maps]:
    """Return contrast, true phase and TIE phase of fields by specimen, each (N, 240, 240) on the model's grid."""
    found: dict[SpecimenName, Maps] = {}
    for specimen, (seed, count) in wanted.items():
        file = path / f"{specimen}_{seed}.npz"
        if not file.is_file():
            path.mkdir(parents=True, exist_ok=True)
            made: dict[str, Any] = {**_make(settings_of(specimen, seed), count)}
            np.savez(file, **made)
        with np.load(file) as maps:
            found[specimen] = dict(maps)
    return found


def settings_of(specimen: str, seed: int) -> SimulationSettings:
    """Return the settings for the fields of a specimen."""
    return SimulationSettings.checked({"specimen": specimen, "seed": seed, "variation": VARIED})


def _make(settings: SimulationSettings, count: int) -> Maps:
    maps: dict[str, list[NDArray[np.float16]]] = {"contrast": [], "truth": [], "tie": []}
    for index in range(count):
        field = simulate_field(settings, index)
        contrast, _ = contrast_on_model_grid(field.lr.data, field.lr.pixel_size_um or 0.0)
        tie = tie_label(field.stack, settings)
        maps["contrast"].append(contrast.numpy().astype(np.float16))
        maps["truth"].append(field.phase.data.astype(np.float16))
        maps["tie"].append(binned_to_model_grid(tie.data, tie.pixel_size_um or MODEL_PIXEL_SIZE_UM).astype(np.float16))
        print(f"{settings.specimen} {settings.seed}: {index + 1} / {count}", end="\r", flush=True)
    return {name: np.stack(values) for name, values in maps.items()}
