"""Determine the heights of a stack's planes from everything that its file states."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from napari_contransgan.io.units import listed_um

EVEN_SPACING = 0.02
"""Fraction of the step by which each distance between evenly spaced planes may differ from it."""


@dataclass(frozen=True)
class Positions:
    """Heights of the planes as a stage reported them.

    Parameters
    ----------
    stacks : tuple of tuple of float
        One height for each plane, for every time point and channel that states all of them.
    is_um : bool
        Whether they are in micrometres; False if their unit is not a length, so that only their order is meaningful.
    """

    stacks: tuple[tuple[float, ...], ...]
    is_um: bool


@dataclass(frozen=True)
class Heights:
    """Heights of a file's planes, with contradictions settled.

    Parameters
    ----------
    z_step_um : float or None
        Distance between evenly spaced planes.
    z_um : tuple of float or None
        Heights of planes that are unevenly spaced or not in order.
    z_falls : bool
        Whether the planes are in order of falling z.
    notes : tuple of str
        Contradictions, and how they were settled.
    """

    z_step_um: float | None = None
    z_um: tuple[float, ...] | None = None
    z_falls: bool = False
    notes: tuple[str, ...] = ()


def settle_heights(step_um: float | None, positions: Positions | None) -> Heights:
    """Reconcile a stated plane distance with stated heights of the planes.

    Heights were measured, whereas a distance may be a default that nobody set. Heights are therefore used if the two
    contradict each other.

    Parameters
    ----------
    step_um : float or None
        Stated plane distance; negative in files whose planes are in order of falling z.
    positions : Positions or None
        Stated heights.

    Returns
    -------
    Heights
    """
    by_step = Heights(abs(step_um), z_falls=step_um < 0) if step_um else Heights()
    if positions is None:
        return by_step
    distances = [upper - lower for stack in positions.stacks for lower, upper in pairwise(stack)]
    if all(distance == 0 for distance in distances):
        return _unmoved(by_step, positions)
    falls, rises = all(distance < 0 for distance in distances), all(distance > 0 for distance in distances)
    if not positions.is_um:
        return Heights(by_step.z_step_um, z_falls=falls or (by_step.z_falls and not rises))
    mean_um = sum(distances) / len(distances)
    is_even = math.isfinite(mean_um) and all(
        abs(distance - mean_um) <= EVEN_SPACING * abs(mean_um) for distance in distances
    )
    if is_even:
        return _evenly_spaced(abs(mean_um), by_step.z_step_um, falls, positions)
    heights_um = _common(positions.stacks)
    if heights_um is None:
        return Heights(by_step.z_step_um, z_falls=falls, notes=_differing(by_step.z_step_um))
    return Heights(None, heights_um, falls, _unevenly_spaced(heights_um, by_step.z_step_um, falls or rises))


def _unmoved(by_step: Heights, positions: Positions) -> Heights:
    """Settle planes with equal stated heights: either a piezo moved that was not recorded, or nothing moved."""
    where = f" ({positions.stacks[0][0]:g} µm)" if positions.is_um else ""
    if by_step.z_step_um is None:
        note = f"The file states the same height for all planes{where}, so the plane distance is not known."
    else:
        note = (
            f"The file states a plane distance of {by_step.z_step_um:g} µm, but the same height for all planes{where}: "
            f"the distance of {by_step.z_step_um:g} µm was used. Check that the stage moved."
        )
    return Heights(by_step.z_step_um, z_falls=by_step.z_falls, notes=(note,))


def _evenly_spaced(measured_um: float, stated_um: float | None, falls: bool, positions: Positions) -> Heights:
    if stated_um is not None and abs(stated_um - measured_um) <= EVEN_SPACING * measured_um:
        return Heights(stated_um, z_falls=falls)
    rounded_um = float(f"{measured_um:.6g}")
    if stated_um is None:
        return Heights(rounded_um, z_falls=falls)
    note = (
        f"The file states a plane distance of {stated_um:g} µm, but heights {rounded_um:g} µm apart "
        f"({listed_um(positions.stacks[0])}): {rounded_um:g} µm was used."
    )
    return Heights(rounded_um, z_falls=falls, notes=(note,))


def _common(stacks: Sequence[tuple[float, ...]]) -> tuple[float, ...] | None:
    """Return the heights relative to the first plane, if all time points and channels have the same heights."""
    relative = [tuple(float(f"{height - stack[0]:.6g}") for height in stack) for stack in stacks]
    first = relative[0]
    span = max(first) - min(first)
    if not math.isfinite(span):
        return None
    agree = all(
        abs(height - wanted) <= EVEN_SPACING * span
        for stack in relative
        for height, wanted in zip(stack, first, strict=True)
    )
    return first if agree else None


def _differing(stated_um: float | None) -> tuple[str, ...]:
    used = (
        "state the plane distance" if stated_um is None else f"the stated plane distance of {stated_um:g} µm was used"
    )
    return (f"The heights of the planes differ between the time points or channels of the file: {used}.",)


def _unevenly_spaced(heights_um: tuple[float, ...], stated_um: float | None, in_order: bool) -> tuple[str, ...]:
    listed = listed_um(heights_um)
    if not in_order:
        return (f"The planes are not in order of height: the file states {listed} from the first to the last plane.",)
    if stated_um is not None:
        return (
            f"The file states a plane distance of {stated_um:g} µm, but uneven heights ({listed}): "
            "the heights were used.",
        )
    return (f"The planes are unevenly spaced: the file states heights of {listed}, which were used.",)
