"""The user's microscope, fitted to a focus stack: what is known of the phase is imaged, and compared with the planes.

TIE measures the phase from the change of intensity between the planes. The images themselves also depend on the focus,
the condenser and the lens, and on the absorption of the specimen. With these known, the digital microscope simulates
further fields of the same microscope with exact phase.
"""

import math
from collections.abc import Generator
from typing import Protocol

import numpy as np

from napari_contransgan.adapting.fields import AdaptField
from napari_contransgan.adapting.microscope_fit import USUAL_COHERENCE, MicroscopeFit, Parameter, fit
from napari_contransgan.optics import CAMERA_PIXEL_UM, OBJECTIVES, Objective
from napari_contransgan.progress import Progress
from napari_contransgan.training.physics import ForwardModel

FIRST_FOCUS = (-1.5, -0.5, 0.5, 1.0, 1.5, 2.5)
"""Focus positions to begin from, in units of 0.25 wavelength / NA^2."""
FITTING = "fitting the microscope to the stack"


class _Recorded(Protocol):
    """A stack or a frame."""

    @property
    def name(self) -> str: ...
    @property
    def pixel_size_um(self) -> float: ...
    @property
    def numerical_aperture(self) -> float | None: ...


def aperture_of(recorded: _Recorded) -> float:
    """Return the NA that is stated, or that of the usual objective with this pixel size."""
    return recorded.numerical_aperture or _usual_objective(recorded)[1].numerical_aperture


def guessed_aperture_note(recorded: _Recorded) -> tuple[str, ...]:
    """Return notes on the aperture that is assumed where none is stated."""
    if recorded.numerical_aperture:
        return ()
    name, lens = _usual_objective(recorded)
    return (
        f"{recorded.name}: does not state the objective's aperture: NA {lens.numerical_aperture:g} is assumed, as "
        f"usual for {name}.",
    )


def _usual_objective(recorded: _Recorded) -> tuple[str, Objective]:
    magnification = CAMERA_PIXEL_UM / recorded.pixel_size_um
    return min(OBJECTIVES.items(), key=lambda one: abs(math.log(one[1].magnification / magnification)))


def describe_microscope(model: ForwardModel) -> str:
    """Describe the settings of a fitted microscope."""
    return (
        f"focus {model.focus_um:+.1f} um, S {model.optics.coherence:.2g}, absorption {model.absorption_per_rad:.2g} "
        f"per rad"
    )


def fit_stack(field: AdaptField) -> Generator[Progress, None, MicroscopeFit]:
    """Fit focus, condenser, spherical aberration and absorption to the planes of a stack and its TIE phase.

    The label is scaled and sharpened at the same time, since TIE gives fine structure and strong phase a little too
    weak. The condenser aperture stays close to the value that the file states.

    Parameters
    ----------
    field : AdaptField
        All planes of a stack.

    Yields
    ------
    Progress
        After each round.
    """
    aperture = aperture_of(field)
    share_um = 0.25 * field.wavelength_um / aperture**2
    stated = field.coherence
    parameters = (
        Parameter(share_um, -30, 30, 4 * share_um, 0.05 * share_um),
        Parameter(0.01, 0.0, 0.3, 0.05, 0.002),
        Parameter(0.0, -0.2, 0.2, 0.05, 0.005),
        Parameter(min(1.0, stated or USUAL_COHERENCE), 0.1, 1.0, 0.02 if stated else 0.3, 0.02),
        Parameter(1.0, 0.6, 1.6, 0.1, 0.01),
        Parameter(0.5, -4.0, 20.0, 4.0, 0.1),
    )
    starts = [np.array([share * share_um, *(one.first for one in parameters[1:])]) for share in FIRST_FOCUS]
    return (yield from fit(field, aperture, parameters, starts, FITTING))
