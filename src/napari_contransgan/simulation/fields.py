"""Simulate one field: the low-power frame, the through-focus stack, and the true phase."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.config import SimulationSettings, TieSettings, Variation
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.io import Image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, KnownOptics, Objective
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.camera import Camera, draw_camera, expose
from napari_contransgan.simulation.clutter import clutter
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, sum_over_source
from napari_contransgan.simulation.light import dust_shadows, uneven_light, vignette
from napari_contransgan.simulation.source import SourceSampling
from napari_contransgan.simulation.specimen import Specimen, draw_specimen, true_phase_map
from napari_contransgan.tie import retrieve_phase

LR_SOURCE = SourceSampling(5, 12)
STACK_SOURCE = SourceSampling(2, 12)
"""Errors: docs/background/simulation-accuracy.md."""


@dataclass(frozen=True)
class SimulatedField:
    """Images of one simulated field, all of exactly the same area.

    Parameters
    ----------
    lr : Image
        Low-power bright-field frame, uint16 counts, YX.
    stack : Image
        40x through-focus stack, uint16 counts, ZYX, three planes.
    phase : Image
        True phase on the model's grid, float32 radians, YX.
    """

    lr: Image
    stack: Image
    phase: Image


def simulate_pair(settings: SimulationSettings, index: int) -> tuple[Image, Image]:
    """Simulate the low-power frame and the true phase of field `index`, without the slow 40x stack."""
    specimen = draw_specimen(settings, index)
    return image_lr(specimen, settings, index), true_phase(specimen, settings, index)


def simulate_field(settings: SimulationSettings, index: int) -> SimulatedField:
    """Simulate all images of field `index`.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    index : int
        Number of the field; together with the seed it determines every pixel.
    """
    specimen = draw_specimen(settings, index)
    return SimulatedField(
        lr=image_lr(specimen, settings, index),
        stack=image_stack(specimen, settings, index),
        phase=true_phase(specimen, settings, index),
    )


def image_lr(specimen: Specimen, settings: SimulationSettings, index: int) -> Image:
    """Simulate the low-power bright-field frame, slightly out of focus as a microscopist would set it."""
    rng = np.random.default_rng([settings.seed, index, 1])
    microscope, variation = settings.microscope, settings.variation
    z_um, coherence = _focus_and_condenser(settings, rng)
    lens = _aberrated(microscope.lens(settings.objective), variation, settings.seed, index)
    (yx_intensity,) = _planes(specimen, settings, settings.objective, lens, coherence, (z_um,), LR_SOURCE, rng)
    yx_intensity = yx_intensity * _light(yx_intensity.shape[0], settings, rng)
    yx_intensity = yx_intensity * _clutter(yx_intensity.shape[0], settings, coherence, index)
    camera = draw_camera(microscope.camera, variation, rng)
    aberrations = lens.aberrations.model_dump()
    return _camera_image(
        expose(yx_intensity, camera, rng),
        microscope,
        settings.objective,
        coherence=microscope.coherence,
        name=f"lr_{index:04d}",
        settings=_record(
            settings, index, specimen, camera, focus_um=z_um, coherence=coherence, aberrations=aberrations
        ),
    )


def lr_optics(settings: SimulationSettings, index: int) -> KnownOptics:
    """Return the optics with which the low-power frame of field `index` is taken."""
    focus_um, coherence = _focus_and_condenser(settings, np.random.default_rng([settings.seed, index, 1]))
    microscope = settings.microscope
    aperture = microscope.lens(settings.objective).numerical_aperture
    return KnownOptics(aperture, coherence, focus_um, microscope.wavelength_um)


def _focus_and_condenser(settings: SimulationSettings, rng: np.random.Generator) -> tuple[float, float]:
    """Draw the focus in um, and S; the first numbers that the low-power frame of a field draws."""
    microscope, variation = settings.microscope, settings.variation
    focus_um = (
        settings.mean_focus_um
        + rng.uniform(*variation.focus_um)
        + rng.uniform(*variation.focus_share) * microscope.nominal_defocus_um(settings.objective)
    )
    return focus_um, min(1.0, microscope.coherence * rng.uniform(*variation.coherence_factor))


def image_stack(specimen: Specimen, settings: SimulationSettings, index: int, camera: Camera | None = None) -> Image:
    """Simulate the through-focus stack at -dz, 0, +dz, evenly lit, with a small focus error common to all planes.

    The exposure is drawn at random, unless a camera is given.
    """
    rng = np.random.default_rng([settings.seed, index, 2])
    microscope, variation = settings.microscope, settings.variation
    error_um = rng.uniform(*variation.stack_focus_um)
    z_um = tuple(error_um + k * microscope.stack_dz_um for k in (-1, 0, 1))
    drift_um = rng.uniform(*variation.drift_um, (3, 2)) * rng.choice([-1.0, 1.0], (3, 2))
    drift_um[1] = 0
    zyx_intensity = _planes(
        specimen,
        settings,
        microscope.stack_objective,
        microscope.lens(microscope.stack_objective),
        microscope.stack_coherence,
        z_um,
        STACK_SOURCE,
        rng,
        shifts_yx_um=[(float(y_um), float(x_um)) for y_um, x_um in drift_um] if drift_um.any() else None,
    )
    camera = draw_camera(microscope.camera, variation, rng) if camera is None else camera
    return _camera_image(
        np.stack([expose(plane, camera, rng) for plane in zyx_intensity]),
        microscope,
        microscope.stack_objective,
        coherence=microscope.stack_coherence,
        z_step_um=microscope.stack_dz_um,
        name=f"stack_{index:04d}",
        settings=_record(settings, index, specimen, camera, focus_error_um=error_um, drift_um=drift_um.tolist()),
    )


def true_phase(specimen: Specimen, settings: SimulationSettings, index: int) -> Image:
    """Return the specimen's phase, averaged over the pixels of the model's grid."""
    return Image(
        data=true_phase_map(specimen),
        axes="YX",
        pixel_size_um=MODEL_PIXEL_SIZE_UM,
        origin_yx_um=_first_centre(MODEL_PIXEL_SIZE_UM),
        quantity="phase",
        wavelength_um=settings.microscope.wavelength_um,
        name=f"phase_{index:04d}",
        settings=_record(settings, index, specimen),
    )


def label_settings(settings: SimulationSettings) -> TieSettings:
    """Return the TIE settings for labels: the defaults, with drift correction only if the planes drift."""
    return TieSettings(drift=settings.variation.drift_um != (0, 0))


def tie_label(stack: Image, settings: SimulationSettings) -> Image:
    """Retrieve the TIE phase of a simulated stack, a label like the paper's."""
    return result_of(retrieve_phase(stack, label_settings(settings))).phase


def _camera_image(counts: NDArray[np.uint16], microscope: Microscope, objective: str, **stated: Any) -> Image:
    pixel_um = microscope.pixel_size_um(objective)
    return Image(
        data=counts,
        axes="ZYX"[-counts.ndim :],
        pixel_size_um=pixel_um,
        origin_yx_um=_first_centre(pixel_um),
        wavelength_um=microscope.wavelength_um,
        numerical_aperture=microscope.lens(objective).numerical_aperture,
        **stated,
    )


def _first_centre(pixel_size_um: float) -> tuple[float, float]:
    """Return the first pixel's centre if the field's edge is at 0, so that images of all pixel sizes coincide."""
    return pixel_size_um / 2, pixel_size_um / 2


def _planes(
    specimen: Specimen,
    settings: SimulationSettings,
    objective: str,
    lens: Objective,
    coherence: float,
    z_um: tuple[float, ...],
    source: SourceSampling,
    rng: np.random.Generator,
    shifts_yx_um: Sequence[tuple[float, float]] | None = None,
) -> NDArray[np.float32]:
    """Return the intensity relative to the empty field, on as many camera pixels as cover the field."""
    microscope = settings.microscope
    pixel_um, factor = microscope.pixel_size_um(objective), specimen.pixel_size_factor
    field_um = settings.field_px * MODEL_PIXEL_SIZE_UM
    with torch.inference_mode():
        images = sum_over_source(
            specimen.waves,
            specimen.zyx_path_um.shape[-1],
            specimen.pixel_size_um * factor,
            Optics(
                lens.numerical_aperture,
                specimen.wavelength_um * specimen.wavelength_factor,
                coherence,
                microscope.bandwidth_um,
                lens.aberrations,
            ),
            PixelGrid(
                pixel_um * factor,
                math.ceil(field_um / pixel_um - 1e-6),
                specimen.margin_px * specimen.pixel_size_um * factor,
            ),
            z_um=z_um,
            source=source,
            turn_rad=rng.uniform(0, 2 * np.pi),
            shifts_yx_um=shifts_yx_um,
        )
    stray = rng.uniform(*settings.variation.stray_light)
    return np.asarray(images.cpu().numpy() * (1 - stray) + stray, np.float32)


def _aberrated(lens: Objective, variation: Variation, seed: int, index: int) -> Objective:
    """Return the lens with this field's aberrations; they have their own generator, so other draws stay the same."""
    rng = np.random.default_rng([seed, index, 6])
    spherical_um = rng.uniform(*variation.spherical_um)
    (coma_y, coma_x), (astigmatism_0, astigmatism_45) = (
        rng.uniform(*span) * np.array([math.sin(angle), math.cos(angle)])
        for span, angle in zip((variation.coma_um, variation.astigmatism_um), rng.uniform(0, 2 * np.pi, 2), strict=True)
    )
    drawn = {
        "spherical_um": spherical_um,
        "coma_y_um": coma_y,
        "coma_x_um": coma_x,
        "astigmatism_0_um": astigmatism_0,
        "astigmatism_45_um": astigmatism_45,
    }
    own = lens.aberrations
    both = {name: float(getattr(own, name) + value_um) for name, value_um in drawn.items()}
    return lens.model_copy(update={"aberrations": own.model_copy(update=both)})


def _light(shape_px: int, settings: SimulationSettings, rng: np.random.Generator) -> NDArray[np.float32]:
    microscope, variation = settings.microscope, settings.variation
    uneven = uneven_light((shape_px, shape_px), rng.uniform(*variation.unevenness), rng)
    dust = dust_shadows(shape_px, int(rng.integers(*variation.dust_specks, endpoint=True)), rng)
    return vignette(shape_px, microscope.camera.frame_px, microscope.vignetting, rng) * uneven * dust


def _clutter(shape_px: int, settings: SimulationSettings, coherence: float, index: int) -> NDArray[np.float32]:
    """Return the factor of clutter on the light; it has its own generator, so other draws stay the same."""
    rng = np.random.default_rng([settings.seed, index, 5])
    contrast = rng.uniform(*settings.variation.clutter)
    if contrast <= 0:
        return np.ones((1, 1), np.float32)
    microscope = settings.microscope
    optics = Optics(microscope.lens(settings.objective).numerical_aperture, microscope.wavelength_um, coherence)
    change = clutter(shape_px, microscope.pixel_size_um(settings.objective), contrast, optics, rng)
    return np.maximum(1 + change, 0)


def _record(
    settings: SimulationSettings, index: int, specimen: Specimen, camera: Camera | None = None, **drawn: Any
) -> dict[str, Any]:
    """Return the record of an image: the settings, and the values drawn for this field."""
    drawn |= {
        "pixel_size_factor": specimen.pixel_size_factor,
        "wavelength_factor": specimen.wavelength_factor,
        "absorption_per_um": specimen.absorption_per_um,
        "grain_factor": specimen.usual_culture.granularity,
        "fat_factor": specimen.usual_culture.fat,
    }
    drawn |= {} if camera is None else {"photo_electrons": camera.photo_electrons, "read_noise_e": camera.read_noise_e}
    return {"simulation": {**settings.model_dump(mode="json"), "index": index, "drawn": drawn}}
