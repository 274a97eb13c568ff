"""Simulate counterparts of the real images, with the same objective, pixels, planes, camera and TIE."""

import numpy as np
import torch
from benchmarks.specimens.real import (
    HELA_DZ_UM,
    HELA_PIXEL_UM,
    HELA_SIDE_PX,
    HELA_WAVELENGTH_UM,
    HL60_PIXEL_UM,
    HL60_WAVELENGTH_UM,
    FocusPair,
)
from benchmarks.specimens.statistics import band_pass
from numpy.typing import NDArray

from napari_contransgan.config import SceneName, Variation
from napari_contransgan.simulation.cell_traits import USUAL, Culture
from napari_contransgan.simulation.cells import cell_path_map, draw_cell, scatter_cells
from napari_contransgan.simulation.image_formation import (
    Optics,
    PixelGrid,
    through_focus_images,
    transmission,
)
from napari_contransgan.tie import phase_from_stack
from napari_contransgan.tie.preparation import Preparation

Array = NDArray[np.floating]

NUMERICAL_APERTURE = 0.5
COHERENCE = 0.5
ABSORPTION_PER_UM = 0.17
"""Absorption as measured on the real pair: 3 % of the intensity per radian (docs/simulation.md)."""

CLOSED = 0.1
"""S with a nearly closed condenser."""

LEANER = Variation(grain_factor=(0.8, 1.4), fat_factor=(0.05, 1.2))
"""Ranges with which `hela` was trained; most cells hold less fat than usual."""

PHOTO_ELECTRONS = 2e4
BACKGROUND_COUNTS = 137.0
"""Counts of the empty field, in 8 bits, as in the real images."""

_GRAIN_ABSORPTION = 0.2

_PAD_PX = 60
_OBJECT_PIXEL_UM = HELA_PIXEL_UM / 1.5


def hela_phase_by_tie(zyx_counts: Array) -> Array:
    """Retrieve the band-passed phase of a pair of planes at 0 and +2.5 um, by the plain cosine solver.

    Parameters
    ----------
    zyx_counts : ndarray, shape (2, Y, X)
        The planes.
    """
    solution = phase_from_stack(
        zyx_counts,
        (0.0, HELA_DZ_UM),
        wavelength_um=HELA_WAVELENGTH_UM,
        pixel_size_um=HELA_PIXEL_UM,
        focus_index=0,
        method="dct",
        regularisation=0.0,
        preparation=Preparation(drift=False),  # neighbouring planes of faint cells are too different to be registered
    )
    return band_pass(solution.yx_phase_rad, HELA_PIXEL_UM)


def hela_pair(
    seed: int,
    scene: SceneName = "confluent",
    focus_error_um: float = 0.0,
    usual: Culture = USUAL,
    coherence: float = COHERENCE,
    dark_grains_per_1000_um2: float = 0.0,
) -> FocusPair:
    """Simulate a pair like the real one.

    Parameters
    ----------
    seed : int
        Determines everything about the field.
    scene : SceneName
        Scene of the field.
    focus_error_um : float
        Height of the plane that is called in focus.
    usual : Culture
        Multiplies the properties of the culture.
    coherence : float
        S.
    dark_grains_per_1000_um2 : float
        Number of grains that absorb a third of the light and do not delay it, 0.5 to 1.6 um wide.
    """
    rng = np.random.default_rng([seed, 20])
    field_px = round((HELA_SIDE_PX + 2 * _PAD_PX) * HELA_PIXEL_UM / _OBJECT_PIXEL_UM)
    cells = scatter_cells(field_px * _OBJECT_PIXEL_UM, rng, scene=scene, usual=usual)
    path_um = cell_path_map(cells, field_px, _OBJECT_PIXEL_UM, rng)
    phase_rad = (path_um * (2 * np.pi / HELA_WAVELENGTH_UM)).astype(np.float32)
    grains = _dark_grains(field_px, dark_grains_per_1000_um2, seed)
    absorption = (path_um * ABSORPTION_PER_UM + grains).astype(np.float32)
    with torch.inference_mode():
        zyx_intensity = through_focus_images(
            transmission(torch.from_numpy(phase_rad), torch.from_numpy(absorption)),
            _OBJECT_PIXEL_UM,
            Optics(NUMERICAL_APERTURE, HELA_WAVELENGTH_UM, coherence),
            PixelGrid(HELA_PIXEL_UM, HELA_SIDE_PX, _PAD_PX * HELA_PIXEL_UM),
            z_um=(focus_error_um, focus_error_um + HELA_DZ_UM),
        ).numpy()
    electrons = rng.poisson(zyx_intensity.astype(np.float64) * PHOTO_ELECTRONS)
    zyx_counts = np.rint(electrons * (BACKGROUND_COUNTS / PHOTO_ELECTRONS)).astype(np.float32)
    return FocusPair(zyx_counts, hela_phase_by_tie(zyx_counts))


def _dark_grains(field_px: int, per_1000_um2: float, seed: int) -> Array:
    """Return the absorption of grains at random places, which lowers the amplitude by exp(-absorption)."""
    rng = np.random.default_rng([seed, 21])
    field_um = field_px * _OBJECT_PIXEL_UM
    place_um = (np.arange(field_px) + 0.5) * _OBJECT_PIXEL_UM
    absorption = np.zeros((field_px, field_px))
    for _ in range(rng.poisson(per_1000_um2 * field_um**2 / 1000)):
        y_um, x_um = rng.uniform(0, field_um, 2)
        distance_um = np.hypot(place_um[:, None] - y_um, place_um - x_um)
        absorption[distance_um < rng.uniform(0.25, 0.8)] = _GRAIN_ABSORPTION
    return absorption


def rounded_cell(seed: int) -> Array:
    """Draw the phase of one round cell without debris, with the pixels and the wavelength of the HL60 maps.

    Parameters
    ----------
    seed : int
        Determines everything about the cell.
    """
    rng = np.random.default_rng([seed, 60])
    middle_um = 70 * HL60_PIXEL_UM
    cell = draw_cell(middle_um, middle_um, rng, kind="rounded")
    path_um = cell_path_map((cell,), 140, HL60_PIXEL_UM, rng, edge_um=middle_um)
    return np.asarray(path_um * (2 * np.pi / HL60_WAVELENGTH_UM), np.float32)
