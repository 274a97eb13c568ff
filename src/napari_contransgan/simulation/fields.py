"""One simulated field: what the low-power camera sees, the 40x focus stack, and the true phase."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_contransgan.config import SimulationSettings
from napari_contransgan.io import Image
from napari_contransgan.microscope import Microscope
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, Objective
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.beads import BEAD_INDEX_CONTRAST, bead_height_map, scatter_beads
from napari_contransgan.simulation.camera import Camera, draw_camera, expose, uneven_light
from napari_contransgan.simulation.cells import cell_path_map, scatter_cells
from napari_contransgan.simulation.image_formation import through_focus_images, transmission

PAD_UM = 6.5
"""Margin of specimen that is imaged and then cut off: waves reach in from there, and FFTs wrap there."""

INSIDE_EDGE_UM = PAD_UM + 5.0
"""How far specimens inside the frame stay from the padded field's edges."""

LR_SOURCE_POINTS = 64
STACK_SOURCE_POINTS = 32
RESIDUAL_UNEVENNESS = 0.02
STACK_FOCUS_ERROR_UM = 0.2

_OBJECT_PIXEL_UM = {"hela": 0.1625, "psm": 0.08125}


@dataclass(frozen=True)
class Specimen:
    """A thin object: its phase and absorption on a padded, periodic grid.

    Parameters
    ----------
    yx_phase_rad : ndarray
        Phase on the padded grid.
    yx_absorption : ndarray
        Exponent by which the amplitude falls, on the same grid.
    pixel_size_um : float
        Pixel size of that grid.
    pad_um : float
        Margin around the field.
    wavelength_um : float
        Wavelength that the phase belongs to.
    """

    yx_phase_rad: NDArray[np.float32]
    yx_absorption: NDArray[np.float32]
    pixel_size_um: float
    pad_um: float
    wavelength_um: float


@dataclass(frozen=True)
class SimulatedField:
    """A complete sample; all three images cover exactly the same field.

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


def draw_specimen(settings: SimulationSettings, index: int) -> Specimen:
    """Draw the specimen of field `index`; the same for the same seed, whatever the optics."""
    rng = np.random.default_rng([settings.seed, index, 0])
    pixel_um = _OBJECT_PIXEL_UM[settings.specimen]
    field_um = settings.field_px * MODEL_PIXEL_SIZE_UM + 2 * PAD_UM
    shape_px = round(field_um / pixel_um)
    if settings.specimen == "psm":
        path_um = BEAD_INDEX_CONTRAST * bead_height_map(scatter_beads(field_um, rng), shape_px, pixel_um)
        absorption_per_um = 0.0
    else:
        edge_um = INSIDE_EDGE_UM if settings.inside_frame else None
        cells = scatter_cells(field_um, rng, edge_um=edge_um)
        path_um = cell_path_map(cells, shape_px, pixel_um, rng, edge_um=edge_um)
        absorption_per_um = _draw_absorption(settings, index)
    phase = (path_um * (2 * np.pi / settings.microscope.wavelength_um)).astype(np.float32)
    absorption = (absorption_per_um * path_um).astype(np.float32)
    return Specimen(phase, absorption, pixel_um, PAD_UM, settings.microscope.wavelength_um)


def _draw_absorption(settings: SimulationSettings, index: int) -> float:
    """Amplitude lost per um of optical path.

    Real cells look darker than their surroundings even in focus (3 % of the intensity per radian in one set of HeLa
    cells, that is 0.17 per um): they scatter light past the objective. A network trained without this takes a dark
    cell for a hole.
    """
    rng = np.random.default_rng([settings.seed, index, 3])
    share = max(0.0, rng.uniform(-0.5, 1.0))
    return float(share * settings.max_absorption_per_um)


def simulate_pair(settings: SimulationSettings, index: int) -> tuple[Image, Image]:
    """The low-power frame and the true phase of field `index`, without the costly 40x stack."""
    specimen = draw_specimen(settings, index)
    return image_lr(specimen, settings, index), true_phase(specimen, settings, index)


def simulate_field(settings: SimulationSettings, index: int) -> SimulatedField:
    """Simulate everything about field `index`.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    index : int
        Number of the field; with the seed it determines every pixel.
    """
    specimen = draw_specimen(settings, index)
    return SimulatedField(
        lr=image_lr(specimen, settings, index),
        stack=image_stack(specimen, settings, index),
        phase=true_phase(specimen, settings, index),
    )


def image_lr(specimen: Specimen, settings: SimulationSettings, index: int) -> Image:
    """Low-power bright-field frame, a little out of focus as a microscopist would set it."""
    rng = np.random.default_rng([settings.seed, index, 1])
    microscope = settings.microscope
    pixel_um, lens = microscope.pixel_size_um(settings.objective), microscope.lens(settings.objective)
    nominal_um = microscope.nominal_defocus_um(settings.objective)
    wanted_um = nominal_um if settings.defocus_um is None else settings.defocus_um
    z_um = wanted_um + rng.uniform(*settings.variation.focus_share) * nominal_um
    yx_intensity = _planes(specimen, microscope, pixel_um, lens, microscope.coherence, (z_um,), LR_SOURCE_POINTS, rng)[
        0
    ]
    yx_intensity *= uneven_light(yx_intensity.shape, RESIDUAL_UNEVENNESS * rng.uniform(), rng)
    counts = expose(yx_intensity, draw_camera(rng), rng)
    return Image(
        data=counts,
        axes="YX",
        pixel_size_um=pixel_um,
        origin_yx_um=_first_centre(pixel_um),
        wavelength_um=settings.microscope.wavelength_um,
        numerical_aperture=lens.numerical_aperture,
        coherence=microscope.coherence,
        name=f"lr_{index:04d}",
        settings=_record(settings, index, defocus_um=z_um),
    )


def image_stack(specimen: Specimen, settings: SimulationSettings, index: int, camera: Camera | None = None) -> Image:
    """40x through-focus stack at -dz, 0, +dz, with a small focus error common to the planes.

    The exposure is drawn like everything else, unless a camera is given.
    """
    rng = np.random.default_rng([settings.seed, index, 2])
    microscope = settings.microscope
    pixel_um, lens = microscope.pixel_size_um(microscope.stack_objective), microscope.lens(microscope.stack_objective)
    error_um = rng.uniform(-1, 1) * STACK_FOCUS_ERROR_UM
    z_um = tuple(error_um + k * microscope.stack_dz_um for k in (-1, 0, 1))
    zyx_intensity = _planes(
        specimen, microscope, pixel_um, lens, microscope.stack_coherence, z_um, STACK_SOURCE_POINTS, rng
    )
    camera = draw_camera(rng) if camera is None else camera
    return Image(
        data=np.stack([expose(plane, camera, rng) for plane in zyx_intensity]),
        axes="ZYX",
        pixel_size_um=pixel_um,
        origin_yx_um=_first_centre(pixel_um),
        z_step_um=microscope.stack_dz_um,
        wavelength_um=settings.microscope.wavelength_um,
        numerical_aperture=lens.numerical_aperture,
        coherence=microscope.stack_coherence,
        name=f"stack_{index:04d}",
        settings=_record(settings, index, focus_error_um=error_um),
    )


def true_phase(specimen: Specimen, settings: SimulationSettings, index: int) -> Image:
    """The specimen's phase, averaged over the pixels of the model's grid."""
    step = round(MODEL_PIXEL_SIZE_UM / specimen.pixel_size_um)
    pad = round(specimen.pad_um / specimen.pixel_size_um)
    inner = specimen.yx_phase_rad[pad:-pad, pad:-pad]
    return Image(
        data=block_mean(inner, step),
        axes="YX",
        pixel_size_um=MODEL_PIXEL_SIZE_UM,
        origin_yx_um=_first_centre(MODEL_PIXEL_SIZE_UM),
        quantity="phase",
        wavelength_um=settings.microscope.wavelength_um,
        name=f"phase_{index:04d}",
        settings=_record(settings, index),
    )


def _first_centre(pixel_size_um: float) -> tuple[float, float]:
    """Where the first pixel's centre lies when the field's edge is at 0, so that images of all pixel sizes coincide."""
    return pixel_size_um / 2, pixel_size_um / 2


def _planes(
    specimen: Specimen,
    microscope: Microscope,
    pixel_um: float,
    lens: Objective,
    coherence: float,
    z_um: tuple[float, ...],
    points: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    with torch.inference_mode():
        images = through_focus_images(
            transmission(torch.from_numpy(specimen.yx_phase_rad), torch.from_numpy(specimen.yx_absorption)),
            specimen.pixel_size_um,
            pixel_um,
            numerical_aperture=lens.numerical_aperture,
            wavelength_um=microscope.wavelength_um,
            coherence=coherence,
            z_um=z_um,
            points=points,
            turn_rad=rng.uniform(0, 2 * np.pi),
        )
    pad = round(specimen.pad_um / pixel_um)
    return np.ascontiguousarray(images[:, pad:-pad, pad:-pad].numpy())


def _record(settings: SimulationSettings, index: int, **drawn: float) -> dict[str, Any]:
    return {"simulation": {**settings.model_dump(mode="json"), "index": index, **drawn}}
