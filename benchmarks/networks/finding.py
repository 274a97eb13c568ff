"""Find focus and condenser from a frame alone, by a network that can be told them.

Told each of several focus positions and condensers, the network predicts a phase, whose image is simulated in that
light. The optics are found where that image is nearest to the frame.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch
from benchmarks.refining.fitting import quick_part
from benchmarks.refining.searching import COHERENCES, FOCUS_DEPTHS, USUAL_COHERENCE, least, with_condenser

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.progress import result_of
from napari_contransgan.simulation.image_formation import Optics
from napari_contransgan.training.physics import ForwardModel

ABSORPTIONS_PER_RAD = (0.003, 0.008, 0.014, 0.022)
"""Absorption of the specimen, of which the best is taken."""
WIDEST_COHERENCE = 1.0
ROUNDS = 2
STEP_DEPTHS = 0.14
"""Steps of the last search for the focus, in wavelength / NA^2."""


def find_optics(frame: Image, numerical_aperture: float, wavelength_um: float, network: LoadedModel) -> PredictSettings:
    """Find focus and condenser of a small square frame, and return them as settings for a prediction.

    Parameters
    ----------
    frame : Image
        Of the size of a tile.
    numerical_aperture, wavelength_um : float
        Known of every objective.
    network : LoadedModel
        A network that can be told the optics.
    """
    pixel_um = frame.pixel_size_um or 0.0
    depth_um = wavelength_um / numerical_aperture**2
    optics = Optics(numerical_aperture, wavelength_um, WIDEST_COHERENCE)
    # The same part is compared whatever is tried.
    widest = ForwardModel(optics, max(FOCUS_DEPTHS) * depth_um, pixel_um)
    recorded = quick_part(contrast_on_model_grid(frame.data, pixel_um)[0][None, None], widest)

    def told(focus_um: float, coherence: float) -> PredictSettings:
        return PredictSettings(numerical_aperture=numerical_aperture, coherence=coherence, focus_um=focus_um)

    @cache
    def misfit(focus_um: float, coherence: float) -> float:
        yx_phase_rad = np.asarray(result_of(predict(frame, told(focus_um, coherence), network)).data, np.float32)
        phase, model = torch.from_numpy(yx_phase_rad)[None, None], with_condenser(widest, coherence)
        with torch.inference_mode():
            made = (replace(model, focus_um=focus_um).contrast(phase, torch.tensor(one)) for one in ABSORPTIONS_PER_RAD)
            differences = (quick_part(one, widest) - recorded for one in made)
            return min(float(one.square().mean()) for one in differences)

    def by_focus(coherence: float) -> Callable[[float], float]:
        return lambda focus_um: misfit(focus_um, coherence)

    coherence = USUAL_COHERENCE
    focus_um = least([share * depth_um for share in FOCUS_DEPTHS], by_focus(coherence), 1)
    for _ in range(ROUNDS):
        coherence = least((*COHERENCES, WIDEST_COHERENCE), partial(misfit, focus_um), 0)
        near_um = [focus_um + step * STEP_DEPTHS * depth_um for step in (-1, 0, 1)]
        focus_um = least(near_um, by_focus(coherence), 1)
    return told(focus_um, coherence)
