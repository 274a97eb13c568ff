"""Fields of the user's own microscope, simulated with exact phase: the digital microscope with the fitted settings."""

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.adapting.replay import Pair
from napari_contransgan.config import SimulationSettings
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.optics import CAMERA_PIXEL_UM, DEFAULT_WAVELENGTH_UM, Objective
from napari_contransgan.progress import Progress
from napari_contransgan.simulation.fields import image_lr, true_phase
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.threads import on_threads
from napari_contransgan.training.physics import ForwardModel

OWN = "own"
FIELD_PX = 224
"""Side of a field: one tile."""
FIRST_INDEX = 2_000_000
"""First number of the fields, beyond those that the network was trained on and those that are replayed."""
FOCUS_SHARE, COHERENCE_FACTOR, SPHERICAL_UM = (-0.1, 0.1), (0.9, 1.1), (-0.01, 0.01)
"""Variation around the fitted microscope, about as large as the uncertainty of the fit."""
ABSORPTION_FACTOR, PHASE_FACTOR = (0.7, 1.3), (0.8, 1.25)
PHASE_RANGE = (0.4, 4.0)
USUAL_CELL_RAD = 1.15
"""Mean phase of simulated cells at `DEFAULT_WAVELENGTH_UM`, see `cell_phase_rad`."""
CELL_SHARE, LEAST_CELL_RAD = 0.2, 0.1
"""Share of the highest phase above which a pixel shows a cell, and the least highest phase."""
LEAST_ELECTRONS = 200.0


def make_simulated(
    models: Sequence[ForwardModel],
    z_range_um: tuple[float, float],
    fields: Sequence[AdaptField],
    recipes: Sequence[SimulationSettings],
    count: int,
    seed: int,
) -> Generator[Progress, None, list[Pair]]:
    """Simulate fields of cells under fitted microscopes, with as much phase as the user's specimen.

    Parameters
    ----------
    models : sequence of ForwardModel
        Fitted microscopes, from which each field draws one.
    z_range_um : (float, float)
        Range of focus positions relative to that of the model.
    fields : sequence of AdaptField
        The user's fields, whose phase and noise are imitated.
    recipes : sequence of SimulationSettings
        Digital microscopes whose specimens and disturbances of the light are used.
    count, seed : int
        Number of fields, and the seed.

    Returns
    -------
    list of (Tensor, Tensor)
        Contrast and phase in radians on the model's grid; empty without recipes for cells.
    """
    usable = cell_recipes(recipes)
    if not usable:
        return []
    rng = np.random.default_rng([seed, 9])
    factor, noise = phase_factor(fields), float(np.median([field.noise for field in fields]))
    pairs = []
    for number in range(count):
        model = models[int(rng.integers(len(models)))]
        recipe = usable[int(rng.integers(len(usable)))]
        settings = _settings(model, recipe, float(rng.uniform(*z_range_um)), factor, noise, seed)
        per_um = model.absorption_per_rad * 2 * np.pi / model.optics.wavelength_um
        with on_threads(1):
            specimen = draw_specimen(settings, FIRST_INDEX + number)
            specimen = replace(specimen, absorption_per_um=per_um * rng.uniform(*ABSORPTION_FACTOR))
            frame = image_lr(specimen, settings, FIRST_INDEX + number)
            phase_rad = true_phase(specimen, settings, FIRST_INDEX + number).data
            contrast, _ = contrast_on_model_grid(frame.data, model.camera_pixel_um)
        pairs.append((contrast.float(), torch.from_numpy(phase_rad).float()))
        yield Progress(number + 1, count, "simulating fields of your microscope")
    return pairs


def cell_recipes(recipes: Sequence[SimulationSettings]) -> list[SimulationSettings]:
    """Return the recipes that simulate cells."""
    return [one for one in recipes if one.specimen == "hela" and one.scene != "empty"]


def phase_factor(fields: Sequence[AdaptField]) -> float:
    """Return how much more phase the user's cells have than simulated ones; 1 if no label has a known zero."""
    known = [cell_phase_rad(field.yx_label_rad.numpy()) for field in fields if field.has_zero]
    if not any(known):
        return 1.0
    usual_rad = USUAL_CELL_RAD * DEFAULT_WAVELENGTH_UM / fields[0].wavelength_um
    return float(np.clip(np.median([one for one in known if one]) / usual_rad, *PHASE_RANGE))


def cell_phase_rad(yx_phase_rad: NDArray[np.float32]) -> float:
    """Return the mean phase of the pixels that show a cell; 0 if none does."""
    highest_rad = float(np.percentile(yx_phase_rad, 99.5))
    if highest_rad < LEAST_CELL_RAD:
        return 0.0
    return float(yx_phase_rad[yx_phase_rad > CELL_SHARE * highest_rad].mean())


def _settings(
    model: ForwardModel, recipe: SimulationSettings, z_um: float, factor: float, noise: float, seed: int
) -> SimulationSettings:
    optics = model.optics
    lens = Objective(
        magnification=CAMERA_PIXEL_UM / model.camera_pixel_um,
        numerical_aperture=optics.numerical_aperture,
        aberrations=optics.aberrations,
    )
    camera = recipe.microscope.camera
    electrons = max(LEAST_ELECTRONS, 1 / max(noise, 1e-4) ** 2)
    microscope = recipe.microscope.model_copy(
        update={
            "objectives": {OWN: lens},
            "stack_objective": OWN,
            "wavelength_um": optics.wavelength_um,
            "coherence": optics.coherence,
            "stack_coherence": optics.coherence,
            "camera": camera.model_copy(
                update={
                    "pixel_um": CAMERA_PIXEL_UM,
                    "full_well_e": electrons / camera.exposure,
                    "read_noise_e": 0.0,
                    "bit_depth": 16,
                }
            ),
        }
    )
    variation = recipe.variation.model_copy(
        update={
            "focus_um": (0.0, 0.0),
            "focus_share": FOCUS_SHARE,
            "coherence_factor": COHERENCE_FACTOR,
            "spherical_um": SPHERICAL_UM,
            "phase_factor": (PHASE_FACTOR[0] * factor, PHASE_FACTOR[1] * factor),
        }
    )
    return recipe.model_copy(
        update={
            "microscope": microscope,
            "objective": OWN,
            "defocus_um": model.focus_um + z_um,
            "variation": variation,
            "field_px": FIELD_PX,
            "seed": seed,
        }
    )
