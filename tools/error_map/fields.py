"""Simulate the fields of the error map and predict them; what was made is kept in a folder, one file for each field."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.inference import predict
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.simulation.scenes import scene_of_field

RECIPES = Path(__file__).with_name("fields.yaml")
OBJECTIVES = ("4x", "10x", "20x", "40x")
FIELD_PX = 220


@dataclass(frozen=True)
class Wanted:
    """One field.

    Parameters
    ----------
    part : {"learn", "calibrate"}
        What it is for.
    settings : SimulationSettings
        Settings of its simulation.
    index : int
        Number of the field.
    """

    part: str
    settings: SimulationSettings
    index: int

    def path(self, folder: Path) -> Path:
        """Return the file that keeps it."""
        own = self.settings
        return folder / f"{self.part}_{own.specimen}_{own.objective}_{own.seed}_{self.index:03d}.npz"


@dataclass(frozen=True)
class Field:
    """A field on the model's grid, with its prediction.

    Parameters
    ----------
    kind : str
        Specimen, scene ("sheet" and "empty" apart from the others) and objective.
    pixel_size_um : float
        Pixel size of the frame.
    yx_contrast, yx_phase_rad, yx_truth_rad : (Y, X) ndarray of float32
        Input of the network, its phase, and the true phase.
    """

    kind: str
    pixel_size_um: float
    yx_contrast: NDArray[np.float32]
    yx_phase_rad: NDArray[np.float32]
    yx_truth_rad: NDArray[np.float32]


def wanted_fields(path: Path = RECIPES) -> list[Wanted]:
    """Read the recipes, and list their fields so that the first ones are of all kinds."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    fields = []
    for recipe in content["recipes"]:
        number = 0
        for specimen in recipe["specimens"]:
            for objective in OBJECTIVES:
                values = {
                    "specimen": specimen,
                    "objective": objective,
                    "scene": recipe["scene"],
                    "seed": recipe["seed"] + number % 8,
                    "field_px": FIELD_PX,
                    "variation": content["variation"].get(recipe["variation"], {}),
                }
                number += 1
                settings = SimulationSettings.checked(values)
                share = [
                    (index / recipe["count"], Wanted(recipe["part"], settings, index))
                    for index in range(recipe["count"])
                ]
                fields += share
    return [field for _, field in sorted(fields, key=lambda pair: pair[0])]


def make_fields(folder: Path, loaded: LoadedModel, minutes: float) -> Iterator[str]:
    """Make the fields that are missing from a folder until the time is over, and yield a line for each."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, end = wanted_fields(), time.monotonic() + 60 * minutes
    for number, one in enumerate(wanted):
        if time.monotonic() > end:
            return
        path = one.path(folder)
        if not path.exists():
            field = make_field(one.settings, one.index, loaded)
            part = path.with_suffix(".part.npz")
            np.savez(
                part,
                kind=field.kind,
                pixel_size_um=field.pixel_size_um,
                contrast=field.yx_contrast.astype(np.float16),
                phase=field.yx_phase_rad.astype(np.float16),
                truth=field.yx_truth_rad.astype(np.float16),
            )
            part.replace(path)
            yield f"{number + 1} of {len(wanted)}: {path.name}"


def make_field(settings: SimulationSettings, index: int, loaded: LoadedModel) -> Field:
    """Simulate a field and predict it."""
    lr, truth = simulate_pair(settings, index)
    phase = result_of(predict(lr, PredictSettings(threads=1), loaded))
    contrast, _ = contrast_on_model_grid(lr.data, lr.pixel_size_um or MODEL_PIXEL_SIZE_UM)
    scene = scene_of_field(settings, index)
    kind = {"confluent": "sheet" if settings.specimen == "hela" else "beads", "empty": "empty"}.get(
        scene, "cells" if settings.specimen == "hela" else "beads"
    )
    return Field(
        f"{kind} {settings.objective}",
        lr.pixel_size_um or MODEL_PIXEL_SIZE_UM,
        contrast.numpy(),
        np.asarray(phase.data),
        np.asarray(truth.data),
    )


def read_fields(folder: Path, part: str) -> list[Field]:
    """Read the fields of a part that were made."""
    fields = []
    for path in sorted(folder.glob(f"{part}_*.npz")):
        with np.load(path) as kept:
            fields.append(
                Field(
                    str(kept["kind"]),
                    float(kept["pixel_size_um"]),
                    kept["contrast"].astype(np.float32),
                    kept["phase"].astype(np.float32),
                    kept["truth"].astype(np.float32),
                )
            )
    return fields
