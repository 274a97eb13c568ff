"""Beads whose dry mass is known from their volume."""

from dataclasses import replace

import numpy as np

from napari_contransgan.io import Image

WAVELENGTH_UM = 0.55
PIXEL_UM = 0.1
CONTRAST = 0.03
RADIUS_UM = 5.0


def sphere_thickness_um(centre_um: tuple[float, float], radius_um: float, shape: tuple[int, int]) -> np.ndarray:
    """Length of the way through a sphere, averaged over 5 x 5 points of each pixel."""
    offsets = (np.arange(5) - 2) / 5
    y_um, x_um = ((np.arange(length)[:, None] + offsets) * PIXEL_UM for length in shape)
    squares = (y_um - centre_um[0])[:, :, None, None] ** 2 + (x_um - centre_um[1])[None, None] ** 2
    return (2 * np.sqrt(np.maximum(radius_um**2 - squares, 0))).mean(axis=(1, 3))


def phase_image(yx_thickness_um: np.ndarray, contrast: float = CONTRAST, **fields: object) -> Image:
    phase_rad = (yx_thickness_um * contrast * 2 * np.pi / WAVELENGTH_UM).astype(np.float32)
    image = Image(phase_rad, "YX", PIXEL_UM, quantity="phase", wavelength_um=WAVELENGTH_UM, name="bead")
    return replace(image, **fields)


SPHERE = phase_image(sphere_thickness_um((8.0, 10.0), RADIUS_UM, (160, 200)))
