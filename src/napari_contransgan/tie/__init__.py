"""Phase from a through-focus stack by the transport-of-intensity equation (TIE).

z grows along the light's path: a specimen of a higher index than its medium has positive phase and is brighter in
the middle at +z.
"""

from napari_contransgan.tie.retrieval import TieFrame, TieResult, retrieve_frames, retrieve_phase
from napari_contransgan.tie.solvers import SOLVERS
from napari_contransgan.tie.solving import phase_from_stack

__all__ = ["SOLVERS", "TieFrame", "TieResult", "phase_from_stack", "retrieve_frames", "retrieve_phase"]
