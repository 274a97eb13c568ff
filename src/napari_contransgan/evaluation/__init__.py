"""Evaluate phase maps: scores, agreement in a frequency band, registration, bead heights and line profiles."""

from napari_contransgan.evaluation.band import BandAgreement, band_agreement
from napari_contransgan.evaluation.beads import BeadHeight, measure_bead_heights
from napari_contransgan.evaluation.comparing import Comparison, bead_heights, compare
from napari_contransgan.evaluation.profiles import line_profile
from napari_contransgan.evaluation.registration import Registration, register
from napari_contransgan.evaluation.scores import Scores, evaluate, level

__all__ = [
    "BandAgreement",
    "BeadHeight",
    "Comparison",
    "Registration",
    "Scores",
    "band_agreement",
    "bead_heights",
    "compare",
    "evaluate",
    "level",
    "line_profile",
    "measure_bead_heights",
    "register",
]
