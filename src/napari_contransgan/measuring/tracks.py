# mypy: disable-error-code="no-untyped-call"
"""Link objects over the frames of a time series."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_contransgan.errors import InputError
from napari_contransgan.measuring.objects import MeasuredObject


def link_objects(
    objects: Sequence[MeasuredObject], largest_step_um: float | None = None, frames_missing: int = 0
) -> tuple[MeasuredObject, ...]:
    """Assign the same track number to the same object in all frames.

    Neighbouring frames are linked so that the sum of squared steps is smallest (J. C. Crocker and D. G. Grier, J.
    Colloid Interface Sci. 179, 298 (1996)), with trackpy.

    Parameters
    ----------
    objects : sequence of MeasuredObject
        Objects of all frames.
    largest_step_um : float or None
        Largest movement between two frames; None uses the typical diameter of the objects.
    frames_missing : int
        Number of frames for which an object may be missing within its track.

    Returns
    -------
    tuple of MeasuredObject
        In the same order, with tracks numbered from 1 in order of their first object.

    Raises
    ------
    InputError
        If the objects are so close to each other that they cannot be linked within the largest step.
    """
    if not objects:
        return ()
    from trackpy import SubnetOversizeException, link_iter, quiet  # noqa: PLC0415 - loads numba, which takes seconds

    step_um = _typical_diameter_um(objects) if largest_step_um is None else largest_step_um
    frames: list[list[int]] = [[] for _ in range(1 + max(one.frame for one in objects))]
    for index, one in enumerate(objects):
        frames[one.frame].append(index)
    centres_um = np.array([(one.y_um, one.x_um) for one in objects])
    tracks = np.zeros(len(objects), int)
    quiet()  # otherwise it prints to standard output
    try:
        linked = link_iter((centres_um[some] for some in frames), step_um, memory=frames_missing)
        for some, (_, found) in zip(frames, linked, strict=True):
            tracks[some] = found
    except SubnetOversizeException:
        raise InputError(
            f"objects are too close to each other to be linked over steps of {step_um:.3g} um: "
            "allow a smaller largest step"
        ) from None
    numbers: dict[int, int] = {}
    return tuple(
        replace(one, track=numbers.setdefault(track, len(numbers) + 1))
        for one, track in zip(objects, tracks.tolist(), strict=True)
    )


def _typical_diameter_um(objects: Sequence[MeasuredObject]) -> float:
    return 2 * math.sqrt(float(np.median([one.area_um2 for one in objects])) / math.pi)
