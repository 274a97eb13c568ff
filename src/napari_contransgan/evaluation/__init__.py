"""How good a phase map is: scores, registration, bead heights and profiles."""

from napari_contransgan.evaluation.beads import BeadHeight, measure_bead_heights
from napari_contransgan.evaluation.profiles import line_profile
from napari_contransgan.evaluation.registration import Registration, register
from napari_contransgan.evaluation.scores import Scores, evaluate, level

__all__ = [
    "BeadHeight",
    "Registration",
    "Scores",
    "evaluate",
    "level",
    "line_profile",
    "measure_bead_heights",
    "register",
]
