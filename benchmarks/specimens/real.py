"""Read the real images with which simulated ones are compared; each is None if it is missing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating]

DATA = Path(__file__).parents[3] / "shared" / "data"

HELA_PIXEL_UM = 0.2325
HELA_DZ_UM = 2.5
HELA_WAVELENGTH_UM = 0.55
HELA_SIDE_PX = 640
"""About the largest square inside the dark aperture."""

HL60_PIXEL_UM = 0.139
HL60_WAVELENGTH_UM = 0.647

SKIMAGE_PIXEL_UM = 0.107
"""Pixel size stated in the documentation of `skimage.data.cell`."""


@dataclass(frozen=True)
class FocusPair:
    """Two planes of one field, in focus and defocused, and their TIE phase.

    Parameters
    ----------
    zyx_counts : ndarray, shape (2, Y, X)
        Camera counts.
    yx_phase_rad : ndarray, shape (Y, X)
        Band-passed TIE phase.
    """

    zyx_counts: Array
    yx_phase_rad: Array


def hela_planes() -> Array | None:
    """Read the real HeLa pair, in focus and at +2.5 um, inside its aperture; shape (2, 640, 640)."""
    path = DATA / "hela_20x" / "hela_20x_focus_stack.ome.tif"
    if not path.is_file():
        print(f"(skipped: {path.name} is not under ../shared/data)")
        return None
    planes = tifffile.imread(path).astype(np.float32)
    first = (planes.shape[-1] - HELA_SIDE_PX) // 2
    inside = slice(first, first + HELA_SIDE_PX)
    return np.asarray(planes[:, inside, inside])


def hl60_views() -> Array | None:
    """Read twenty measured phase maps of one HL60 cell, in radians; shape (20, 140, 140)."""
    path = DATA / "hl60_qpi" / "hl60_phase_rad.ome.tif"
    if not path.is_file():
        print(f"(skipped: {path.name} is not under ../shared/data)")
        return None
    return np.asarray(tifffile.imread(path), np.float32)


def skimage_cell() -> Array:
    """Read the phase image of a cell from scikit-image, in 8 bits of unknown unit; shape (160, 160)."""
    from skimage import data

    image = np.asarray(data.cell(), np.float32)  # type: ignore[no-untyped-call]
    image -= np.median(image)
    y, x = (int(np.round(place)) for place in ndimage.center_of_mass(image > 0.5 * image.max()))
    return image[y - 80 : y + 80, x - 80 : x + 80]
