"""Find the focus and the condenser of a frame: those for which its predicted phase has to change least."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from benchmarks.refining.fitting import FloatMap, fit_tile

from napari_contransgan.progress import Progress
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


@dataclass(frozen=True)
class Found:
    """Optics found from a frame.

    Parameters
    ----------
    model : ForwardModel
        With the focus and the condenser that were found or stated.
    is_at_the_end : bool
        Whether the focus is at the end of what was tried, so that it may be further away.
    """

    model: ForwardModel
    is_at_the_end: bool = False


def with_condenser(model: ForwardModel, coherence: float) -> ForwardModel:
    """Return a model with another condenser, and as many points as it needs."""
    source = WIDE_SOURCE if coherence > WIDE_COHERENCE else PHYSICS_SOURCE
    return replace(model, optics=replace(model.optics, coherence=min(coherence, 1.0)), source=source)


def find_optics(
    yx_contrast: FloatMap, yx_phase_rad: FloatMap, model: ForwardModel, *, find_focus: bool, find_condenser: bool
) -> Generator[Progress, None, Found]:
    """Find what is not known of focus and condenser, in a tile on the model's grid.

    Parameters
    ----------
    yx_contrast, yx_phase_rad : (H, H) ndarray
        Contrast of the frame and predicted phase.
    model : ForwardModel
        What is known.
    find_focus, find_condenser : bool
        What is to be found; the model's value of it is not used.

    Yields
    ------
    Progress
        One for each trial; the total is the largest number of them.
    """
    count = (len(FOCUS_DEPTHS) + 2 * HALVINGS) * find_focus + (len(COHERENCES) + 2) * find_condenser
    count += 2 * HALVINGS * (find_focus and find_condenser)
    done = 0

    def tried(candidates: Sequence[ForwardModel]) -> Generator[Progress, None, list[float]]:
        nonlocal done
        misfits = []
        for one in candidates:
            misfits.append(fit_tile(yx_contrast, yx_phase_rad, one, SEARCH_STEPS).misfit)
            done += 1
            yield Progress(done, count, "finding the focus")
        return misfits

    is_at_the_end = False
    if find_condenser:
        model = with_condenser(model, USUAL_COHERENCE)
    if find_focus:
        depth_um = model.optics.wavelength_um / model.optics.numerical_aperture**2
        heights = [share * depth_um for share in FOCUS_DEPTHS]
        focus_um = yield from _least(heights, lambda um: replace(model, focus_um=um), tried, HALVINGS)
        is_at_the_end = focus_um in (heights[0], heights[-1])
        model = replace(model, focus_um=focus_um)
    if find_condenser:
        coherence = yield from _least(COHERENCES, lambda s: with_condenser(model, s), tried, 1)
        model = with_condenser(model, coherence)
        if find_focus:
            near = [model.focus_um + share * depth_um for share in (-0.12, 0.0, 0.12)]
            focus_um = yield from _least(near, lambda um: replace(model, focus_um=um), tried, 1)
            model = replace(model, focus_um=focus_um)
    return Found(model, is_at_the_end)


def _least(
    values: Sequence[float],
    model_with: Callable[[float], ForwardModel],
    tried: Callable[[Sequence[ForwardModel]], Generator[Progress, None, list[float]]],
    halvings: int,
) -> Generator[Progress, None, float]:
    """Return the value with the least misfit, after looking halfway to its neighbours as often as wanted."""
    misfits = yield from tried([model_with(value) for value in values])
    known = dict(zip(values, misfits, strict=True))
    for _ in range(halvings):
        ordered = sorted(known)
        place = ordered.index(min(known, key=known.__getitem__))
        between = [(a + b) / 2 for a, b in pairwise(ordered)][max(place - 1, 0) : place + 1]
        misfits = yield from tried([model_with(value) for value in between])
        known |= dict(zip(between, misfits, strict=True))
    return min(known, key=known.__getitem__)
