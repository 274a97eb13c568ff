"""Phase from a through-focus stack by the transport-of-intensity equation (TIE).

z grows along the light's path: a specimen of a higher index than its medium has positive phase and is brighter in
the middle at +z.
"""

from napari_contransgan.tie.retrieval import phase_from_stack, retrieve_phase

__all__ = ["phase_from_stack", "retrieve_phase"]
