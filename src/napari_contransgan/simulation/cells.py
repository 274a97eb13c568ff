"""Place HeLa-like cells in a field, and compute the optical path of the field."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from napari_contransgan.config import SceneName
from napari_contransgan.errors import InputError
from napari_contransgan.simulation.cell_body import add_body
from napari_contransgan.simulation.cell_contents import add_fingers, draw_contents
from napari_contransgan.simulation.cell_shape import draw_shape
from napari_contransgan.simulation.cell_sheet import render_sheet
from napari_contransgan.simulation.cell_traits import (
    ROUND_KINDS,
    USUAL,
    CellTraits,
    Culture,
    draw_cell,
    draw_culture,
    reach_um,
)
from napari_contransgan.simulation.debris import DEBRIS_REACH_UM, draw_debris
from napari_contransgan.simulation.scenes import CELL_SCENE_SHARES, scene_at
from napari_contransgan.simulation.spheres import Spheres, add_spheres, joined
from napari_contransgan.simulation.texture import FloatMap, gaussian_texture

__all__ = ["MAX_PATH_UM", "CellTraits", "cell_path_map", "draw_cell", "gaussian_texture", "scatter_cells"]

MAX_PATH_UM = 0.4

_SMALLEST_ROOM_UM = 48.0
"""Side of the area that cells need if none may be cut by the frame."""

_SHEET_SPACING_UM = (16.0, 50.0)
_TRIES = 30


def scatter_cells(
    field_um: float,
    rng: np.random.Generator,
    *,
    edge_um: float | None = None,
    scene: SceneName = "mixed",
    usual: Culture = USUAL,
) -> tuple[CellTraits, ...]:
    """Draw the cells of one field.

    Parameters
    ----------
    field_um : float
        Side of the square field.
    rng : Generator
        Random generator.
    edge_um : float, optional
        Keep every cell, including its filopodia, this far from the edges; a confluent field is then an island of cells
        that lie close together and on top of each other. With None, edges may cut cells.
    scene : {"mixed", "empty", "sparse", "dense", "confluent"}
        How full the field is: 0.1 to 0.9 cells per 1000 um^2 are sparse, 0.9 to 2 dense, and ``confluent`` is a closed
        sheet of cells 16 to 50 um apart. ``mixed`` draws one of these scenes by `CELL_SCENE_SHARES`.
    usual : Culture
        Multiplies the properties of the culture that is drawn.

    Raises
    ------
    InputError
        If the field is too small to hold whole cells.
    """
    if edge_um is not None and field_um < 2 * edge_um + _SMALLEST_ROOM_UM:
        raise InputError(f"a field of {field_um:.0f} um is too small to hold whole cells: make it larger")
    chance = rng.random()
    if scene == "mixed":
        scene = scene_at(chance, CELL_SCENE_SHARES)
    if scene == "empty":
        return ()
    culture = draw_culture(rng, usual)
    if scene == "confluent" and edge_um is None:
        return _sheet(field_um, culture, rng)
    per_1000_um2 = {"sparse": (0.1, 0.9), "dense": (0.9, 2.0), "confluent": (2.0, 3.5)}[scene]
    count = max(1, round(rng.uniform(*per_1000_um2) * field_um**2 / 1000))
    sociable = rng.choice((0.0, 0.3, 0.8))
    margin_um = 0.0 if edge_um is None else edge_um
    cells: list[CellTraits] = []
    for _ in range(count):
        cell = _draw_fitting(field_um - 2 * margin_um, culture, rng) if margin_um else _draw(culture, rng)
        low_um = margin_um + reach_um(cell) if margin_um else 0.0
        y_um, x_um = _place(cell, cells, (low_um, field_um - low_um), rng.random() < sociable, rng)
        cells.append(replace(cell, y_um=y_um, x_um=x_um))
    return tuple(cells)


def _draw(culture: Culture, rng: np.random.Generator) -> CellTraits:
    return draw_cell(0.0, 0.0, rng, culture=culture)


def _draw_fitting(room_um: float, culture: Culture, rng: np.random.Generator) -> CellTraits:
    """Draw cells until one fits; a round cell fits into any sufficiently large space."""
    for _ in range(_TRIES):
        cell = _draw(culture, rng)
        if 2 * reach_um(cell) <= room_um:
            return cell
    return replace(draw_cell(0.0, 0.0, rng, kind="rounded"), retraction_fibres=0)


def _place(
    cell: CellTraits,
    others: list[CellTraits],
    allowed_um: tuple[float, float],
    touching: bool,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Draw a position next to another cell, or the emptiest of a few random positions, so that cells do not pile up."""
    if not others:
        y_um, x_um = rng.uniform(*allowed_um, 2)
        return float(y_um), float(x_um)
    if touching:
        angle = rng.uniform(0, 2 * np.pi, 6)
        beside = [others[number] for number in rng.integers(len(others), size=6)]
        distance = rng.uniform(0.8, 1.0, 6) * [cell.radius_um + other.radius_um for other in beside]
        candidates = np.array([(other.y_um, other.x_um) for other in beside])
        candidates += distance[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        candidates = np.clip(candidates, *allowed_um)
    else:
        candidates = rng.uniform(*allowed_um, (6, 2))
    centres = np.array([(other.y_um, other.x_um) for other in others])
    radii = np.array([other.radius_um for other in others])
    free_um = (np.hypot(*(candidates[:, None] - centres[None]).transpose(2, 0, 1)) - radii).min(axis=1)
    y_um, x_um = candidates[int(np.argmax(free_um))]
    return float(y_um), float(x_um)


def _sheet(field_um: float, culture: Culture, rng: np.random.Generator) -> tuple[CellTraits, ...]:
    """Draw a confluent layer on a randomly perturbed hexagonal lattice, with a few round cells on top."""
    low, high = np.log(_SHEET_SPACING_UM)
    spacing_um = float(np.exp(rng.uniform(low, high)))
    row_um = spacing_um * np.sqrt(3) / 2
    rows = np.arange(-1, np.ceil(field_um / row_um) + 2)
    columns = np.arange(-1, np.ceil(field_um / spacing_um) + 2)
    y_um = np.repeat(rows * row_um, len(columns))
    x_um = (columns[None, :] * spacing_um + (rows % 2)[:, None] * spacing_um / 2).ravel()
    start_um = rng.uniform(-spacing_um, 0, 2)
    y_um, x_um = (
        place + rng.normal(0, 0.2 * spacing_um, len(place)) for place in (y_um + start_um[0], x_um + start_um[1])
    )
    aligned, direction = rng.random() < 0.5, rng.uniform(0, np.pi)
    height, lamella_um, fat = rng.uniform(0.8, 1.4), rng.uniform(0.6, 1.8), rng.uniform(0.3, 3.0)
    cells = []
    for y, x in zip(y_um, x_um, strict=True):
        cell = draw_cell(float(y), float(x), rng, kind="sheet", culture=culture)
        radius_um = 0.55 * spacing_um * rng.uniform(0.85, 1.15)
        cells.append(
            replace(
                cell,
                radius_um=radius_um,
                angle_rad=direction + rng.normal(0, 0.3) if aligned else cell.angle_rad,
                nucleus_um=float(np.clip(radius_um * rng.uniform(0.45, 0.6), 3.5, 9.0)),
                height_um=height * cell.height_um,
                lamella_um=lamella_um * rng.uniform(0.7, 1.3),
                droplets=int(fat * cell.droplets * radius_um / 13),
                filopodia=0,
                retraction_fibres=0,
                blebs=0,
            )
        )
    on_top = rng.poisson(0.04 * field_um**2 / 1000)
    for _ in range(on_top):
        kind = ROUND_KINDS[int(rng.integers(len(ROUND_KINDS)))]
        y, x = rng.uniform(0, field_um, 2)
        cells.append(replace(draw_cell(float(y), float(x), rng, kind=kind), filopodia=0, retraction_fibres=0))
    return tuple(cells)


def cell_path_map(
    cells: tuple[CellTraits, ...],
    shape_px: int,
    pixel_size_um: float,
    rng: np.random.Generator,
    *,
    edge_um: float | None = None,
) -> FloatMap:
    """Compute the optical path difference of a field of cells with debris.

    Parameters
    ----------
    cells : tuple of CellTraits
        The cells; those of the kind ``sheet`` divide the whole field among themselves.
    shape_px : int
        Side of the square map.
    pixel_size_um : float
        Pixel size; pixel (0, 0) covers 0 to `pixel_size_um`.
    rng : Generator
        Random generator for the contents of the cells and for debris.
    edge_um : float, optional
        Keep debris this far from the edges.

    Returns
    -------
    ndarray, shape (shape_px, shape_px)
        Path in micrometres, never negative, softly limited to `MAX_PATH_UM`.
    """
    yx_texture = gaussian_texture(shape_px, pixel_size_um, rng)
    yx_path_um = np.zeros((shape_px, shape_px), np.float32)
    contents: list[Spheres] = []
    layer = tuple(cell for cell in cells if cell.kind == "sheet")
    if layer:
        shapes = tuple(draw_shape(cell, rng) for cell in layer)
        sheet = render_sheet(layer, shapes, pixel_size_um, yx_texture, rng)
        yx_path_um = sheet.yx_path_um
        drawn = (draw_contents(cell, shape, rng) for cell, shape in zip(layer, shapes, strict=True))
        contents += [sheet.own(number, spheres) for number, spheres in enumerate(drawn)]
    for cell in cells:
        if cell.kind == "sheet":
            continue
        shape = draw_shape(cell, rng)
        add_body(yx_path_um, pixel_size_um, cell, shape, yx_texture, rng)
        contents.append(draw_contents(cell, shape, rng))
        add_fingers(yx_path_um, pixel_size_um, cell, shape, rng)
    margin_um = 0.0 if edge_um is None else edge_um + DEBRIS_REACH_UM
    contents.append(draw_debris(shape_px * pixel_size_um, margin_um, rng))
    add_spheres(yx_path_um, pixel_size_um, joined(contents))
    np.maximum(yx_path_um, 0, out=yx_path_um)
    _cap_softly(yx_path_um)
    return np.asarray(ndimage.gaussian_filter(yx_path_um, 0.12 / pixel_size_um), np.float32)


def _cap_softly(yx_path_um: FloatMap) -> None:
    """Compress paths above three quarters of the limit towards it, in place; smaller paths do not change."""
    knee = 0.75 * MAX_PATH_UM
    room = MAX_PATH_UM - knee
    thick = yx_path_um > knee
    yx_path_um[thick] = knee + room * np.tanh((yx_path_um[thick] - knee) / room)
