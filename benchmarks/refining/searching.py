"""Find the focus and the condenser of a frame: those for which its predicted phase has to change least."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from benchmarks.refining.fitting import FloatMap, fit_tile

from napari_contransgan.simulation.source import SourceSampling
from napari_contransgan.training.physics import PHYSICS_SOURCE, ForwardModel

SEARCH_STEPS = 20
"""Steps of each trial, after which the misfits of different optics hardly change their order."""
FOCUS_DEPTHS = (-1.3, -0.9, -0.55, -0.3, -0.12, 0.0, 0.12, 0.3, 0.55, 0.9, 1.3)
"""Focus positions that are tried, in units of wavelength / NA^2."""
COHERENCES = (0.3, 0.45, 0.6, 0.75, 0.9)
USUAL_COHERENCE = 0.6
HALVINGS = 2
WIDE_COHERENCE, WIDE_SOURCE = 0.7, SourceSampling(4, 12)
"""Condensers wider than the first need more points: with twelve, a fit to the true phase halves it at S = 1."""


def with_condenser(model: ForwardModel, coherence: float) -> ForwardModel:
    """Return a model with another condenser, and as many points as it needs."""
    source = WIDE_SOURCE if coherence > WIDE_COHERENCE else PHYSICS_SOURCE
    return replace(model, optics=replace(model.optics, coherence=coherence), source=source)


def find_optics(yx_contrast: FloatMap, yx_phase_rad: FloatMap, model: ForwardModel) -> ForwardModel:
    """Find focus and condenser from a tile on the model's grid.

    Parameters
    ----------
    yx_contrast, yx_phase_rad : (H, H) ndarray
        Contrast of the frame and predicted phase.
    model : ForwardModel
        The other optics; its focus and condenser are not used.
    """

    def misfit(one: ForwardModel) -> float:
        return fit_tile(yx_contrast, yx_phase_rad, one, SEARCH_STEPS).misfit

    def focused(one: ForwardModel, heights_um: Sequence[float], halvings: int) -> ForwardModel:
        focus_um = least(heights_um, lambda um: misfit(replace(one, focus_um=um)), halvings)
        return replace(one, focus_um=focus_um)

    depth_um = model.optics.wavelength_um / model.optics.numerical_aperture**2
    rough = focused(with_condenser(model, USUAL_COHERENCE), [share * depth_um for share in FOCUS_DEPTHS], HALVINGS)
    coherence = least(COHERENCES, lambda s: misfit(with_condenser(rough, s)), 1)
    near_um = [rough.focus_um + share * depth_um for share in (-0.12, 0.0, 0.12)]
    return focused(with_condenser(rough, coherence), near_um, 1)


def least(values: Sequence[float], misfit_at: Callable[[float], float], halvings: int) -> float:
    """Return the value with the least misfit, after looking halfway to its neighbours as often as wanted."""
    known = {value: misfit_at(value) for value in values}
    for _ in range(halvings):
        ordered = sorted(known)
        place = ordered.index(min(known, key=known.__getitem__))
        between = [(a + b) / 2 for a, b in pairwise(ordered)][max(place - 1, 0) : place + 1]
        known |= {value: misfit_at(value) for value in between}
    return min(known, key=known.__getitem__)
