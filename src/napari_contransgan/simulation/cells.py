"""HeLa-like cells: optical path maps with outline, nucleus, nucleoli, vesicles and texture.

Refractive indices follow the literature on HeLa cells: the nucleus is optically thinner than the cytoplasm.
Each cell is rendered in a window of its own, which is ten times quicker than drawing on the whole field.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_contransgan.errors import InputError

MAX_PATH_UM = 0.4

_LAMELLA_REACH = (1.15, 1.5)
_FILOPODIUM_UM = (2.0, 8.0)

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class CellTraits:
    """What sets one cell apart; lengths in micrometres, angles in radians, indices relative to the medium."""

    y_um: float
    x_um: float
    radius_um: float
    aspect: float
    angle_rad: float
    height_um: float
    roundness: float
    lamella_um: float
    cytoplasm_contrast: float
    nucleus_contrast_step: float
    vesicles: int
    filopodia: int
    blebs: int
    texture: float


def scatter_cells(field_um: float, rng: np.random.Generator, *, edge_um: float | None = None) -> tuple[CellTraits, ...]:
    """Draw the cells of one field, from empty over sparse to confluent.

    Parameters
    ----------
    field_um : float
        Side of the square field.
    rng : Generator
        Source of chance.
    edge_um : float, optional
        Keep every cell, to the tips of its filopodia, this far from the edges; None lets cells be cut by them.

    Raises
    ------
    InputError
        If the field is too small to hold a cell.
    """
    kind = rng.choice(["empty", "sparse", "dense", "confluent"], p=[0.04, 0.46, 0.30, 0.20])
    per_1000_um2 = {
        "empty": 0.0,
        "sparse": rng.uniform(0.15, 0.9),
        "dense": rng.uniform(0.9, 2.0),
        "confluent": rng.uniform(2.5, 4.5),
    }[str(kind)]
    count = round(per_1000_um2 * field_um**2 / 1000)
    if kind != "empty":
        count = max(count, 1)
    spacing_um = 0.62 * field_um / np.sqrt(max(count, 1))
    centres: list[tuple[float, float]] = []
    for _ in range(count):
        # The emptiest of a few random places: cells touch and overlap now and then, but do not pile up.
        candidates = rng.uniform(0, field_um, (6, 2))
        if centres:
            distances = np.hypot(*(candidates[:, None] - np.asarray(centres)[None]).transpose(2, 0, 1)).min(axis=1)
            free = np.flatnonzero(distances > spacing_um)
            chosen = candidates[free[0] if free.size else int(np.argmax(distances))]
        else:
            chosen = candidates[0]
        centres.append((float(chosen[0]), float(chosen[1])))
    cells = tuple(draw_cell(y_um, x_um, rng) for y_um, x_um in centres)
    return cells if edge_um is None else tuple(_moved_inside(cell, field_um, edge_um) for cell in cells)


def _moved_inside(cell: CellTraits, field_um: float, edge_um: float) -> CellTraits:
    margin_um = edge_um + _reach_um(cell)
    if 2 * margin_um > field_um:
        raise InputError(f"a field of {field_um:.0f} um is too small to hold whole cells; make it larger")
    y_um, x_um = (float(np.clip(place, margin_um, field_um - margin_um)) for place in (cell.y_um, cell.x_um))
    return replace(cell, y_um=y_um, x_um=x_um)


def _reach_um(cell: CellTraits) -> float:
    """How far a cell may reach from its centre: a long, wavy outline with its lamella or filopodia."""
    body_um = 1.3 * cell.radius_um * float(np.sqrt(cell.aspect))
    return max(body_um * (_LAMELLA_REACH[1] if cell.lamella_um else 1), body_um + _FILOPODIUM_UM[1])


def draw_cell(y_um: float, x_um: float, rng: np.random.Generator) -> CellTraits:
    """Draw one cell's traits: about one in ten is rounded, as in mitosis, and one in six is spread thin."""
    shape = rng.choice(["adherent", "spread", "rounded"], p=[0.73, 0.17, 0.10])
    rounded, spread = shape == "rounded", shape == "spread"
    radius_um = rng.uniform(5.5, 8.5) if rounded else rng.uniform(9, 14) if spread else rng.uniform(7, 13)
    return CellTraits(
        y_um=y_um,
        x_um=x_um,
        radius_um=radius_um,
        aspect=rng.uniform(1.0, 1.15) if rounded else rng.uniform(1.0, 2.2),
        angle_rad=rng.uniform(0, np.pi),
        height_um=rng.uniform(7, 12) if rounded else rng.uniform(1.2, 3.0) if spread else rng.uniform(3, 7),
        roundness=0.5 if rounded else 0.6,
        lamella_um=0.0 if rounded or rng.random() < 0.4 else rng.uniform(0.2, 0.9),
        cytoplasm_contrast=rng.uniform(0.023, 0.035),
        nucleus_contrast_step=-rng.uniform(0.002, 0.006),
        vesicles=int(rng.integers(20, 150)),
        filopodia=int(rng.integers(0, 9)),
        blebs=int(rng.integers(2, 9)) if rng.random() < 0.15 else 0,
        texture=rng.uniform(0.02, 0.05),
    )


def cell_path_map(
    cells: tuple[CellTraits, ...],
    shape_px: int,
    pixel_size_um: float,
    rng: np.random.Generator,
    *,
    edge_um: float | None = None,
) -> FloatMap:
    """Optical path difference of a field of cells with debris.

    Parameters
    ----------
    cells : tuple of CellTraits
        The cells.
    shape_px : int
        Side of the square map.
    pixel_size_um : float
        Pixel size; pixel (0, 0) covers 0 to `pixel_size_um`.
    rng : Generator
        Source of chance for what lies inside the cells, and for debris.
    edge_um : float, optional
        Keep debris this far from the edges.

    Returns
    -------
    ndarray, shape (shape_px, shape_px)
        Path in micrometres, capped softly at `MAX_PATH_UM`.
    """
    texture = gaussian_texture(shape_px, pixel_size_um, rng)
    path_um = np.zeros((shape_px, shape_px), np.float32)
    for cell in cells:
        y0, y1, x0, x1 = _window(cell, shape_px, pixel_size_um)
        if y0 >= y1 or x0 >= x1:
            continue
        y_um = ((np.arange(y0, y1) + 0.5) * pixel_size_um - cell.y_um)[:, None].astype(np.float32)
        x_um = ((np.arange(x0, x1) + 0.5) * pixel_size_um - cell.x_um)[None, :].astype(np.float32)
        own = render_cell(cell, y_um, x_um, texture[y0:y1, x0:x1], pixel_size_um, rng)
        there = path_um[y0:y1, x0:x1]
        # Neighbours overlap in thin sheets: the thicker one counts fully, the thinner one in part.
        path_um[y0:y1, x0:x1] = np.maximum(there, own) + 0.4 * np.minimum(there, own)
    path_um = _soft_cap(path_um)
    _add_debris(path_um, pixel_size_um, rng, 0.0 if edge_um is None else edge_um + 3.0)
    return np.asarray(ndimage.gaussian_filter(path_um, 0.12 / pixel_size_um), np.float32)


def render_cell(
    cell: CellTraits,
    y_um: FloatMap,
    x_um: FloatMap,
    texture: FloatMap,
    pixel_size_um: float,
    rng: np.random.Generator,
) -> FloatMap:
    """Optical path of one cell on the window spanned by `y_um` (column) and `x_um` (row), centred on the cell."""
    cos, sin = np.cos(cell.angle_rad), np.sin(cell.angle_rad)
    stretch = np.sqrt(cell.aspect)
    u, v = (cos * x_um + sin * y_um) / stretch, (cos * y_um - sin * x_um) * stretch
    theta = np.arctan2(v, u)
    outline = np.full_like(theta, cell.radius_um)
    for k in range(2, 9):
        amplitude = rng.normal(0, 0.12 / k) * (0.3 if cell.roundness < 0.6 else 1.0)
        outline += cell.radius_um * amplitude * np.cos(k * theta + rng.uniform(0, 2 * np.pi))
    rho2 = (u**2 + v**2) / np.maximum(outline, 0.3 * cell.radius_um) ** 2
    height = cell.height_um * np.maximum(1 - rho2, 0) ** cell.roundness
    if cell.lamella_um:
        reach = rng.uniform(*_LAMELLA_REACH) ** 2
        height = np.maximum(height, cell.lamella_um * np.maximum(1 - rho2 / reach, 0) ** 0.25)

    nucleus_radius = cell.radius_um * rng.uniform(0.38, 0.55)
    offset_u, offset_v = rng.uniform(-0.2, 0.2, 2) * cell.radius_um
    squeeze = rng.uniform(0.8, 1.25)
    nucleus2 = (((u - offset_u) / squeeze) ** 2 + ((v - offset_v) * squeeze) ** 2) / nucleus_radius**2
    bulge = np.sqrt(np.maximum(1 - nucleus2, 0))
    if cell.roundness >= 0.6:
        height = height + rng.uniform(0.1, 0.35) * cell.height_um * bulge * (rho2 < 1)

    path = height * cell.cytoplasm_contrast * (1 + cell.texture * texture)
    path += cell.nucleus_contrast_step * np.minimum(bulge * min(nucleus_radius, 4.0), 0.8 * height)
    body = rho2 < 0.9
    for _ in range(int(rng.integers(1, 5))):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.6) * nucleus_radius
        _add_sphere(
            path,
            (y_um, x_um),
            _to_window(offset_u + distance * np.cos(angle), offset_v + distance * np.sin(angle), cos, sin, stretch),
            rng.uniform(0.6, 1.4),
            0.010,
            body,
            pixel_size_um,
        )
    for _ in range(cell.vesicles):
        angle, distance = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0.1, 0.85)) * cell.radius_um
        contrast = rng.choice([-1.0, 1.0], p=[0.3, 0.7]) * rng.uniform(0.01, 0.03)
        centre = _to_window(distance * np.cos(angle), distance * np.sin(angle), cos, sin, stretch)
        _add_sphere(path, (y_um, x_um), centre, rng.uniform(0.15, 0.5), contrast, body, pixel_size_um)
    for _ in range(cell.blebs):
        angle = rng.uniform(0, 2 * np.pi)
        rim = cell.radius_um * rng.uniform(0.9, 1.1)
        centre = _to_window(rim * np.cos(angle), rim * np.sin(angle), cos, sin, stretch)
        _add_sphere(path, (y_um, x_um), centre, rng.uniform(0.8, 2.5), rng.uniform(0.01, 0.025), None, pixel_size_um)
    for _ in range(cell.filopodia):
        _add_filopodium(path, y_um, x_um, cell, rng)
    return np.asarray(np.maximum(path, 0), np.float32)


def gaussian_texture(shape_px: int, pixel_size_um: float, rng: np.random.Generator) -> FloatMap:
    """Gaussian random field of unit variance with power spectrum (f^2 + f0^2)^-1.5 and f0 = 1 / (6 um)."""
    f_y = fft.fftfreq(shape_px, pixel_size_um)[:, None]
    f_x = fft.rfftfreq(shape_px, pixel_size_um)[None, :]
    amplitude = (f_y**2 + f_x**2 + (1 / 6.0) ** 2) ** -0.75
    noise = fft.rfft2(rng.standard_normal((shape_px, shape_px), np.float32))
    field = fft.irfft2(noise * amplitude.astype(np.float32), (shape_px, shape_px))
    field -= field.mean()
    return np.asarray(field / field.std(), np.float32)


def _window(cell: CellTraits, shape_px: int, pixel_size_um: float) -> tuple[int, int, int, int]:
    reach_um = 1.9 * cell.radius_um * np.sqrt(cell.aspect) + 6.0
    y0, y1 = (int(np.round((cell.y_um + side * reach_um) / pixel_size_um)) for side in (-1, 1))
    x0, x1 = (int(np.round((cell.x_um + side * reach_um) / pixel_size_um)) for side in (-1, 1))
    return max(y0, 0), min(y1, shape_px), max(x0, 0), min(x1, shape_px)


def _to_window(u: float, v: float, cos: float, sin: float, stretch: float) -> tuple[float, float]:
    """From the cell's own axes to (y, x) in the window."""
    along, across = u * stretch, v / stretch
    return sin * along + cos * across, cos * along - sin * across


def _add_sphere(
    path: FloatMap,
    axes_um: tuple[FloatMap, FloatMap],
    centre_yx_um: tuple[float, float],
    radius_um: float,
    contrast: float,
    inside: NDArray[np.bool_] | None,
    pixel_size_um: float,
) -> None:
    """Add the path of a small sphere in place; `inside` clips it to the cell's body."""
    y_um, x_um = axes_um[0][:, 0], axes_um[1][0]
    reach = radius_um + pixel_size_um
    y0, y1 = np.searchsorted(y_um, (centre_yx_um[0] - reach, centre_yx_um[0] + reach))
    x0, x1 = np.searchsorted(x_um, (centre_yx_um[1] - reach, centre_yx_um[1] + reach))
    if y0 == y1 or x0 == x1:
        return
    r2 = (y_um[y0:y1, None] - centre_yx_um[0]) ** 2 + (x_um[None, x0:x1] - centre_yx_um[1]) ** 2
    added = contrast * 2 * np.sqrt(np.maximum(radius_um**2 - r2, 0))
    if inside is not None:
        added = added * inside[y0:y1, x0:x1]
    path[y0:y1, x0:x1] += added.astype(np.float32)


def _add_filopodium(path: FloatMap, y_um: FloatMap, x_um: FloatMap, cell: CellTraits, rng: np.random.Generator) -> None:
    """Add a thin finger that leaves the outline radially: 0.3-0.6 um wide, 2-8 um long, 20-40 nm of path."""
    angle = rng.uniform(0, 2 * np.pi)
    length, width, thickness = rng.uniform(*_FILOPODIUM_UM), rng.uniform(0.3, 0.6), rng.uniform(0.02, 0.04)
    radial = cell.angle_rad - angle
    rim = cell.radius_um * np.sqrt(cell.aspect * np.cos(angle) ** 2 + np.sin(angle) ** 2 / cell.aspect)
    along = x_um * np.cos(radial) + y_um * np.sin(radial)
    across = y_um * np.cos(radial) - x_um * np.sin(radial)
    finger = np.exp(-0.5 * (across / (width / 2.355)) ** 2) * ((along > 0.8 * rim) & (along < rim + length))
    np.maximum(path, (thickness * finger).astype(np.float32), out=path)


def _soft_cap(path_um: FloatMap) -> FloatMap:
    """Leave paths below three quarters of the cap alone and bend the rest towards it."""
    knee = 0.75 * MAX_PATH_UM
    room = MAX_PATH_UM - knee
    return np.where(path_um > knee, knee + room * np.tanh((path_um - knee) / room), path_um).astype(np.float32)


def _add_debris(path_um: FloatMap, pixel_size_um: float, rng: np.random.Generator, margin_um: float) -> None:
    field_um = path_um.shape[0] * pixel_size_um
    axis_um = ((np.arange(path_um.shape[0]) + 0.5) * pixel_size_um).astype(np.float32)
    axes = (axis_um[:, None], axis_um[None, :])
    count = rng.poisson(0.4 * field_um**2 / 1000) if rng.random() < 0.6 else 0
    for _ in range(count):
        y_um, x_um = rng.uniform(margin_um, field_um - margin_um, 2)
        _add_sphere(path_um, axes, (y_um, x_um), rng.uniform(0.3, 1.2), rng.uniform(0.02, 0.08), None, pixel_size_um)
