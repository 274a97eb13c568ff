"""Cells of known phase, dry mass and place."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.io import Image

PIXEL_UM = 0.5
WAVELENGTH_UM = 0.55
INCREMENT = 0.2
PG_PER_UM2_RAD = WAVELENGTH_UM / (2 * np.pi) / INCREMENT


def dome(
    shape_yx: tuple[int, int], centre_yx_um: tuple[float, float], radii_yx_um: tuple[float, float], top_rad: float
) -> NDArray[np.float64]:
    """Half an ellipsoid: its volume is 2/3 pi a b top."""
    y, x = (np.arange(size) * PIXEL_UM for size in shape_yx)
    distance = ((y[:, None] - centre_yx_um[0]) / radii_yx_um[0]) ** 2 + (
        (x[None, :] - centre_yx_um[1]) / radii_yx_um[1]
    ) ** 2
    return top_rad * np.sqrt(np.clip(1 - distance, 0, None))


def dome_volume_um2_rad(radii_yx_um: tuple[float, float], top_rad: float) -> float:
    return 2 / 3 * np.pi * radii_yx_um[0] * radii_yx_um[1] * top_rad


def phase_map(data: NDArray[np.floating], axes: str = "YX", **more: object) -> Image:
    return Image(
        np.asarray(data, np.float32),
        axes,
        PIXEL_UM,
        quantity="phase",
        wavelength_um=WAVELENGTH_UM,
        name="cells",
        **more,  # type: ignore[arg-type]
    )
