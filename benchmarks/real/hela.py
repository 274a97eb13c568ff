"""Predict single frames of the real 20x HeLa pair of ../shared/data, and compare them with the TIE phase."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from benchmarks.specimens.real import DATA, HELA_WAVELENGTH_UM
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.config import PredictSettings, TieSettings
from napari_contransgan.evaluation import BandAgreement, band_agreement
from napari_contransgan.inference import predict
from napari_contransgan.io import Image, read_image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.normalisation import contrast_on_model_grid, to_model_grid
from napari_contransgan.progress import result_of
from napari_contransgan.tie import retrieve_phase

STACK = DATA / "hela_20x" / "hela_20x_focus_stack.ome.tif"
EDGE_PX = 20
"""Distance from the dark aperture, on the model's grid, within which pixels are ignored."""

ASSUMED_APERTURE = 0.5
"""The file states no NA; this is that of most 20x lenses of this kind."""

ONE_TILE = 4 * 224

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RealPair:
    """The pair, and its TIE phase on the model's grid.

    Parameters
    ----------
    stack : Image
        Two planes, ZYX, in focus and at +2.5 um.
    yx_tie_rad : ndarray, shape (Y, X)
        TIE phase by the default method.
    inside : ndarray of bool, shape (Y, X)
        Pixels away from the dark aperture.
    """

    stack: Image
    yx_tie_rad: Floats
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class FrameResult:
    """Prediction of a network for one plane.

    Parameters
    ----------
    z_um : float
        Height of the plane stated in its file.
    is_told : bool
        Whether the network was told aperture and focus.
    yx_contrast, yx_phase_rad : ndarray, shape (Y, X)
        Input and output of the network.
    agreement : BandAgreement
        Agreement with the TIE phase.
    seam_rad : float
        Root mean square difference inside the aperture between the prediction in tiles and that in larger ones.
    """

    z_um: float
    is_told: bool
    yx_contrast: Floats
    yx_phase_rad: Floats
    agreement: BandAgreement
    seam_rad: float


def load_pair() -> RealPair:
    """Read the pair and retrieve its phase."""
    stack = read_image(STACK)
    tie = result_of(retrieve_phase(stack, TieSettings(wavelength_um=HELA_WAVELENGTH_UM))).phase
    pixel_um = stack.pixel_size_um or 0.0
    lit = np.all([contrast_on_model_grid(plane, pixel_um)[1] for plane in stack.data], axis=0)
    lit_there = to_model_grid(torch.from_numpy(lit.astype(np.float32)), pixel_um).numpy() > 0.5
    return RealPair(
        stack,
        to_model_grid(torch.from_numpy(np.asarray(tie.data, np.float32)), pixel_um).numpy(),
        ndimage.binary_erosion(lit_there, iterations=EDGE_PX, border_value=1),
    )


def try_frames(pair: RealPair, loaded: LoadedModel, orientations: int = 1) -> Iterator[FrameResult]:
    """Predict each plane separately, and compare it with the TIE phase.

    A network that can be told the optics is told nothing, and then the focus and the usual aperture of such a lens.
    """
    for index, counts in enumerate(pair.stack.data):
        frame, z_um = replace(pair.stack, data=counts, axes="YX", z_step_um=None), index * (pair.stack.z_step_um or 0.0)
        told = {"numerical_aperture": ASSUMED_APERTURE, "focus_um": z_um}
        for values in ({}, told) if loaded.card.takes_optics else ({},):
            settings = PredictSettings.checked({"orientations": orientations, **values})
            yield _tried(pair, frame, z_um, loaded, settings)


def _tried(pair: RealPair, frame: Image, z_um: float, loaded: LoadedModel, settings: PredictSettings) -> FrameResult:
    sizes = (settings.model_copy(update={"tile_px": tile_px}) for tile_px in (448, ONE_TILE))
    phase_rad, other_rad = (result_of(predict(frame, one, loaded)).data for one in sizes)
    difference_rad = (phase_rad - other_rad)[pair.inside]
    return FrameResult(
        z_um,
        settings.focus_um is not None,
        contrast_on_model_grid(np.asarray(frame.data), frame.pixel_size_um or 0.0)[0].numpy(),
        phase_rad,
        band_agreement(phase_rad, pair.yx_tie_rad, pair.inside),
        float(np.sqrt(np.mean(difference_rad**2))),
    )
