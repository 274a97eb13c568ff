"""Simulate vignetting, uneven illumination and dust."""

import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]


def vignette(shape_px: int, frame_px: int, loss: float, rng: np.random.Generator) -> FloatMap:
    """Return the vignetting of a randomly placed part of the camera's frame.

    Parameters
    ----------
    shape_px, frame_px : int
        Sides of the part and of the frame; a part larger than the frame is treated as the whole frame.
    loss : float
        Fraction of the light lost in the corners; the loss grows with the squared distance from the centre.
    rng : Generator
        Random generator for the position of the part.

    Returns
    -------
    ndarray, shape (shape_px, shape_px)
        Factor on the light, 1 in the centre of the frame.
    """
    frame_px = max(frame_px, shape_px)
    y, x = (rng.uniform(0, frame_px - shape_px) + np.arange(shape_px) + 0.5 - frame_px / 2 for _ in range(2))
    squared = (y[:, None] ** 2 + x[None, :] ** 2) / (frame_px**2 / 2)
    return np.asarray(1 - loss * squared, np.float32)


def uneven_light(shape_yx: tuple[int, int], amplitude: float, rng: np.random.Generator) -> FloatMap:
    """Draw the unevenness that remains after flat-field correction: a random paraboloid around 1, +-`amplitude`."""
    y = np.linspace(-1, 1, shape_yx[0])[:, None]
    x = np.linspace(-1, 1, shape_yx[1])[None, :]
    a, b, c, d, e = rng.uniform(-1, 1, 5)
    surface = a * y + b * x + c * y * x + d * (y**2 - 1 / 3) + e * (x**2 - 1 / 3)
    return np.asarray(1 + amplitude * surface / max(float(np.abs(surface).max()), 1e-9), np.float32)


def dust_shadows(shape_px: int, specks: int, rng: np.random.Generator) -> FloatMap:
    """Draw shadows of dust near the camera: soft discs of 4 to 24 pixels, 1 to 10 % dark, with a faint bright rim.

    Parameters
    ----------
    shape_px : int
        Side of the square image.
    specks : int
        Number of specks.
    rng : Generator
        Random generator for positions and sizes.

    Returns
    -------
    ndarray, shape (shape_px, shape_px)
        Factor on the light, 1 where there is no dust.
    """
    light = np.ones((shape_px, shape_px), np.float32)
    axis = np.arange(shape_px, dtype=np.float32)
    for _ in range(specks):
        y, x = rng.uniform(0, shape_px, 2)
        radius, depth, edge = rng.uniform(2, 12), rng.uniform(0.01, 0.1), rng.uniform(0.6, 2.0)
        reach = radius + 5 * edge
        rows, columns = (slice(max(0, int(at - reach)), max(0, int(at + reach) + 2)) for at in (y, x))
        distance = np.hypot(axis[rows, None] - y, axis[None, columns] - x)
        shadow = 1 / (1 + np.exp((distance - radius) / (edge / 2)))
        rim = 0.3 * np.exp(-(((distance - radius - 1.5 * edge) / edge) ** 2))
        light[rows, columns] *= 1 - depth * (shadow - rim)
    return light
