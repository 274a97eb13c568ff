"""The solvers by name, each with a sentence on what it is for."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from napari_contransgan.tie.anchored import solve_anchored
from napari_contransgan.tie.classic import Regularisation, solve_dct, solve_fft, solve_teague, solve_wotf
from napari_contransgan.tie.focus_data import FocusData, Solution
from napari_contransgan.tie.us_tie import solve_us_tie


@dataclass(frozen=True)
class Solver:
    """One way to get from prepared planes to a phase.

    Parameters
    ----------
    solve : callable
        From the data and the regularisation to the solution.
    title : str
        Its name in a menu.
    explanation : str
        A sentence on when to take it.
    """

    solve: Callable[[FocusData, Regularisation], Solution]
    title: str
    explanation: str


SOLVERS = MappingProxyType(
    {
        "anchored": Solver(
            solve_anchored,
            "Anchored to the background",
            "Finds the empty background and holds it at zero, so that cells cut by the border leave no clouds: the "
            "right choice unless you compare with other programs.",
        ),
        "teague": Solver(
            solve_teague,
            "Two Poisson solves (Teague)",
            "The textbook method for specimens that absorb light; clouds grow from cells that the border cuts.",
        ),
        "dct": Solver(
            solve_dct,
            "One Poisson solve, closed border (DCT)",
            "The quickest method, for specimens that absorb nothing and lie inside the frame.",
        ),
        "fft": Solver(
            solve_fft,
            "One Poisson solve, repeating frame (FFT)",
            "What most programs do; it takes the left border for the continuation of the right one.",
        ),
        "us-tie": Solver(
            solve_us_tie,
            "Iterated maximum intensity (US-TIE)",
            "Repeats the FFT method until it explains the planes, for light that varies strongly, "
            "such as dark apertures.",
        ),
        "wotf": Solver(
            solve_wotf,
            "Weak-object transfer function",
            "Restores fine structure of specimens well below 1 rad, where the apertures of objective and condenser are "
            "stated.",
        ),
    }
)
