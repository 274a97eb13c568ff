"""Draw small focus stacks of every kind of specimen: cells, sheets, beads, bumps, faint, absorbing, hardly any."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from benchmarks.tie.light import slow_light
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.names import SceneName, SpecimenName
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.camera import Camera, expose
from napari_contransgan.simulation.fields import STACK_SOURCE
from napari_contransgan.simulation.image_formation import Optics, PixelGrid, sum_over_source
from napari_contransgan.simulation.specimen import CELL_MEDIUM_INDEX, Specimen, draw_specimen

Kind = Literal[
    "sparse cells",
    "cut cells",
    "sheets",
    "beads",
    "monolayers",
    "bumps",
    "faint cells",
    "nearly empty",
    "covered crops",
    "absorbing cells",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

PIXEL_UM = 0.1625
WAVELENGTH_UM = 0.55
APERTURE, COHERENCE, BANDWIDTH_UM = 0.65, 0.3, 0.01
BACKGROUND_COUNTS = 1300.0

_SCENES: dict[Kind, tuple[SpecimenName, SceneName]] = {
    "sparse cells": ("hela", "sparse"),
    "cut cells": ("hela", "dense"),
    "sheets": ("hela", "confluent"),
    "beads": ("psm", "sparse"),
    "monolayers": ("psm", "confluent"),
    "faint cells": ("hela", "sparse"),
    "nearly empty": ("hela", "sparse"),
    "covered crops": ("hela", "dense"),
    "absorbing cells": ("hela", "dense"),
}
_FAINT = (0.02, 0.06)  # of a cell's phase
_ABSORPTION_PER_UM = 1.0
_BUMP_UM, _BUMP_RAD = (1.5, 6.0), (0.3, 3.0)
_COVERED_RAD, _NEARLY_EMPTY = 0.05, 0.04
_LEAST_STD_RAD = 0.003
_TRIES = 20


@dataclass(frozen=True)
class Recording:
    """How a stack is recorded.

    Parameters
    ----------
    side_px : int
        Side of the square frame, of `PIXEL_UM`.
    z_um : tuple of float
        Height of each plane above the specimen's focus.
    photo_electrons : float
        Electrons in a pixel of the empty field.
    light_change : float
        Largest slow change of the light, different in each plane.
    even_change : float
        Largest change of the lamp, even over the frame.
    """

    side_px: int
    z_um: tuple[float, ...]
    photo_electrons: float = 2e4
    light_change: float = 0.0
    even_change: float = 0.0


def drawn_stack(
    kind: Kind, recording: Recording, seed: int, index: int
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Return the (Z, Y, X) counts of a field that shows something, and its true phase in rad on the same pixels."""
    rng = np.random.default_rng([seed, index])
    for attempt in range(_TRIES):
        specimen = _specimen(kind, recording.side_px, seed, index * _TRIES + attempt, rng)
        margin, factor = specimen.margin_px, round(PIXEL_UM / specimen.pixel_size_um)
        yx_phase_rad = block_mean(specimen.yx_phase_rad[margin:-margin, margin:-margin], factor)
        window = _window(kind, yx_phase_rad, recording.side_px)
        truth = np.asarray(yx_phase_rad[window], np.float32)
        if truth.std() >= _LEAST_STD_RAD:
            break
    zyx_intensity = _intensities(specimen, yx_phase_rad.shape[0], recording.z_um, rng)[:, *window]
    camera = Camera(photo_electrons=recording.photo_electrons, background_counts=BACKGROUND_COUNTS)
    planes = []
    for plane in zyx_intensity:
        changed = plane * (1 + rng.uniform(-1, 1) * recording.even_change)
        if recording.light_change:
            changed = changed * slow_light(changed.shape, recording.light_change, rng)
        planes.append(expose(changed, camera, rng))
    return np.stack(planes), truth


def _specimen(kind: Kind, side_px: int, seed: int, index: int, rng: np.random.Generator) -> Specimen:
    """Draw a specimen in a field that is larger than the frame where the place of the frame is chosen."""
    field_px = max(64, side_px // 2)
    if kind in {"nearly empty", "covered crops"}:
        field_px = max(96, field_px + 32)
    if kind == "bumps":
        return _bumps(field_px, rng)
    specimen, scene = _SCENES[kind]
    factor = float(rng.uniform(*_FAINT)) if kind == "faint cells" else 1.0
    settings = SimulationSettings(
        specimen=specimen,
        scene=scene,
        seed=seed,
        field_px=field_px,
        max_absorption_per_um=_ABSORPTION_PER_UM if kind == "absorbing cells" else 0.0,
        variation=Variation(phase_factor=(factor, factor)),
    )
    return draw_specimen(settings, index)


def _bumps(field_px: int, rng: np.random.Generator) -> Specimen:
    """Make one to three smooth bumps, on a periodic grid."""
    margin, side = 64, 2 * field_px + 128
    yx_path_um = np.zeros((side, side))
    for _ in range(rng.integers(1, 4)):
        width_px = rng.uniform(*_BUMP_UM) / PIXEL_UM
        spot = np.zeros((side, side))
        spot[tuple(rng.integers(margin, side - margin, 2))] = 1.0
        spot = ndimage.gaussian_filter(spot, width_px, mode="wrap")
        yx_path_um += rng.uniform(*_BUMP_RAD) * WAVELENGTH_UM / (2 * np.pi) * spot / spot.max()
    return Specimen(
        zyx_path_um=yx_path_um[None].astype(np.float32),
        slice_um=1.0,
        absorption_per_um=0.0,
        medium_index=CELL_MEDIUM_INDEX,
        pixel_size_um=PIXEL_UM,
        pixel_size_factor=1.0,
        margin_px=margin,
        wavelength_um=WAVELENGTH_UM,
        wavelength_factor=1.0,
        condenser_aperture=APERTURE * COHERENCE,
        largest_per_um=APERTURE * (1 + COHERENCE) / (WAVELENGTH_UM - BANDWIDTH_UM),
    )


def _window(kind: Kind, yx_phase_rad: NDArray[np.floating], side_px: int) -> tuple[slice, slice]:
    """Choose the frame's place: in the middle, at the fullest place, or where hardly anything lies."""
    free = yx_phase_rad.shape[0] - side_px
    row = column = free // 2
    if kind in {"nearly empty", "covered crops"} and free > 0:
        yx_covered: NDArray[np.int64] = np.pad(
            np.cumsum(np.cumsum(yx_phase_rad > _COVERED_RAD, axis=0), axis=1), ((1, 0), (1, 0))
        )
        rows: NDArray[np.int64] = yx_covered[side_px:] - yx_covered[:-side_px]
        shares: NDArray[np.float64] = (rows[:, side_px:] - rows[:, :-side_px]) / side_px**2
        wanted = -np.abs(shares - _NEARLY_EMPTY) if kind == "nearly empty" else shares
        row, column = (int(place) for place in np.unravel_index(int(np.argmax(wanted)), wanted.shape))
    return slice(row, row + side_px), slice(column, column + side_px)


def _intensities(
    specimen: Specimen, side_px: int, z_um: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    with torch.inference_mode():
        images = sum_over_source(
            specimen.waves,
            specimen.zyx_path_um.shape[-1],
            specimen.pixel_size_um,
            Optics(APERTURE, WAVELENGTH_UM, COHERENCE, BANDWIDTH_UM),
            PixelGrid(PIXEL_UM, side_px, specimen.margin_px * specimen.pixel_size_um),
            z_um=z_um,
            source=STACK_SOURCE,
            turn_rad=rng.uniform(0, 2 * np.pi),
        )
    return np.asarray(images.numpy(), np.float32)
