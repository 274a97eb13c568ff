"""Results of the paper, and the additional goals of this project."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from napari_contransgan.config.names import SpecimenName

SOURCE = "ContransGAN, Cells 2022, 11, 2394"
OBJECTIVES = ("4x", "10x", "20x", "40x")
SPECIMENS: tuple[SpecimenName, ...] = ("psm", "hela")
SPECIMEN_TITLES: Mapping[SpecimenName, str] = MappingProxyType({"psm": "beads (PSM)", "hela": "HeLa cells"})


@dataclass(frozen=True)
class PaperCell:
    """Mean and standard deviation of a cell of Table 1."""

    ssim: float
    ssim_std: float
    psnr_db: float
    psnr_std_db: float


TABLE_1: Mapping[tuple[SpecimenName, str], PaperCell] = MappingProxyType(
    {
        ("psm", "4x"): PaperCell(0.933, 0.0107, 34.03, 1.02),
        ("psm", "10x"): PaperCell(0.952, 0.0113, 35.21, 0.99),
        ("psm", "20x"): PaperCell(0.975, 0.0118, 38.96, 0.92),
        ("psm", "40x"): PaperCell(0.976, 0.0097, 39.33, 0.83),
        ("hela", "4x"): PaperCell(0.898, 0.0172, 31.75, 1.20),
        ("hela", "10x"): PaperCell(0.922, 0.0151, 32.17, 1.19),
        ("hela", "20x"): PaperCell(0.939, 0.0135, 34.75, 1.07),
        ("hela", "40x"): PaperCell(0.943, 0.0129, 35.38, 1.01),
    }
)
SLOPE_GOAL = (0.95, 1.05)

BEAD_HEIGHTS_UM = (2.8, 3.2)
BEAD_MEDIAN_UM = 3.03
BEAD_MEDIAN_GOAL_UM = (2.95, 3.05)
BEAD_ERROR, BEAD_ERROR_GOAL = 0.06, 0.04
BEAD_COUNT = 50

FOCUS_UM = (-10.0, 10.0)
COHERENCE = (0.3, 0.9)
SSIM_THROUGHOUT, PSNR_THROUGHOUT_DB = 0.94, 34.0
"""Scores that the paper's Fig. 11 stays above."""

EMPTY_GOAL_RAD = 0.05
SECONDS = 0.06
"""Time for one phase image of 224 x 224 px on an RTX 2080 Ti."""
