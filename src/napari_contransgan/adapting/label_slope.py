"""How much phase TIE gives for a radian of true phase with the stack of a fitted microscope."""

from collections.abc import Generator, Sequence

import numpy as np
import torch
from scipy import ndimage

from napari_contransgan.adapting.fields import AdaptField, FloatMap
from napari_contransgan.adapting.losses import blur_px
from napari_contransgan.adapting.microscope_fit import MicroscopeFit
from napari_contransgan.adapting.simulated import FIRST_INDEX, cell_recipes, phase_factor
from napari_contransgan.config import SimulationSettings, TieSettings
from napari_contransgan.io import Image
from napari_contransgan.models.normalisation import CONTRAST_REF
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.progress import Progress, result_of
from napari_contransgan.simulation.specimen import draw_specimen, true_phase_map
from napari_contransgan.threads import on_threads
from napari_contransgan.tie import retrieve_phase

COUNT = 3
FIELD_PX = 480
LIGHT = 10_000.0
PLAUSIBLE = (0.7, 1.3)
INDEX = FIRST_INDEX + 500_000


def label_slope(
    fit: MicroscopeFit, field: AdaptField, recipes: Sequence[SimulationSettings], seed: int
) -> Generator[Progress, None, float]:
    """Simulate stacks like that of a field, retrieve their phase, and compare it with the truth.

    Parameters
    ----------
    fit : MicroscopeFit
        The microscope and the planes.
    field : AdaptField
        Field whose optics TIE is told, and whose phase and noise are imitated.
    recipes : sequence of SimulationSettings
        Digital microscopes whose specimens are used.
    seed : int
        Seed of specimens and noise.

    Returns
    -------
    float
        Slope of the label against the truth; 1 without recipes for cells.
    """
    usable = cell_recipes(recipes)
    if not usable:
        return 1.0
    factor, rng = phase_factor([field]), np.random.default_rng([seed, 11])
    both = power = 0.0
    for number in range(COUNT):
        variation = usable[0].variation.model_copy(update={"phase_factor": (factor, factor)})
        settings = usable[0].model_copy(
            update={"field_px": FIELD_PX, "scene": "sparse", "seed": seed, "variation": variation}
        )
        with on_threads(1):
            specimen = draw_specimen(settings, INDEX + number)
            truth_rad = true_phase_map(specimen) * np.float32(specimen.wavelength_um / field.wavelength_um)
            found_rad = _retrieved(fit, field, truth_rad, rng)
        found, truth = (
            ndimage.gaussian_filter(values - np.median(values), blur_px(field.pixel_size_um))
            for values in (found_rad, truth_rad)
        )
        both += float(np.sum(found * truth))
        power += float(np.sum(truth * truth))
        yield Progress(number + 1, COUNT, "measuring what TIE makes of simulated stacks")
    return float(np.clip(both / power, *PLAUSIBLE)) if power > 0 else 1.0


def _retrieved(fit: MicroscopeFit, field: AdaptField, yx_phase_rad: FloatMap, rng: np.random.Generator) -> FloatMap:
    planes_um = [fit.model.focus_um + z_um for z_um in fit.plane_z_um]
    with torch.inference_mode():
        zyx_contrast = fit.model.through_focus(torch.from_numpy(yx_phase_rad)[None, None], planes_um)[0].numpy()
    missing = max(0, yx_phase_rad.shape[0] - zyx_contrast.shape[1])
    zyx_contrast = np.pad(zyx_contrast, ((0, 0), (0, missing), (0, missing)), mode="edge")
    grain = field.noise * np.float32(field.pixel_size_um / MODEL_PIXEL_SIZE_UM)
    zyx_light = 1 + CONTRAST_REF * zyx_contrast + grain * rng.standard_normal(zyx_contrast.shape, np.float32)
    order = np.argsort(fit.plane_z_um)
    stack = Image(
        data=LIGHT * zyx_light[order],
        axes="ZYX",
        pixel_size_um=MODEL_PIXEL_SIZE_UM,
        wavelength_um=field.wavelength_um,
        numerical_aperture=field.numerical_aperture,
        coherence=field.coherence,
        name="simulated",
    )
    heights_um = tuple(float(fit.plane_z_um[index]) for index in order)
    tie = TieSettings(z_um=heights_um, drift=False)
    return np.asarray(result_of(retrieve_phase(stack, tie)).phase.data, np.float32)
