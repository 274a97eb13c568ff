"""Draw what a cell contains and carries: vesicles, droplets, mitochondria, nucleoli, blebs, filopodia and fibres."""

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.simulation.cell_shape import CellShape, own_radius_um, to_field
from napari_contransgan.simulation.cell_traits import FILOPODIUM_UM, RETRACTION_FIBRE_UM, CellTraits
from napari_contransgan.simulation.spheres import Spheres, joined
from napari_contransgan.simulation.texture import FloatMap

Floats = NDArray[np.float64]

_MITOCHONDRION_SPHERES = 6


def draw_contents(cell: CellTraits, shape: CellShape, rng: np.random.Generator) -> Spheres:
    """Draw all round objects in or on one cell."""
    heaps = _draw_heaps(shape, own_radius_um(cell), rng)
    thinner = rng.choice((-1.0, 1.0), cell.vesicles, p=(0.3, 0.7))
    groups = [
        _inside(
            cell,
            shape,
            heaps,
            rng.uniform(0.15, 0.5, cell.vesicles),
            thinner * rng.uniform(0.01, 0.03, cell.vesicles),
            rng,
        ),
        _inside(
            cell,
            shape,
            heaps,
            0.15 + 0.45 * rng.uniform(0, 1, cell.droplets) ** 1.5,
            rng.uniform(0.04, 0.12, cell.droplets),
            rng,
        ),
        _mitochondria(cell, shape, heaps, rng),
        _nucleoli(cell, shape, rng),
    ]
    if cell.blebs:
        groups.append(_blebs(cell, shape, rng))
    return joined(groups)


def _draw_heaps(shape: CellShape, radius_um: float, rng: np.random.Generator) -> tuple[Floats, float]:
    """Draw the centres (2, N) and width of the clusters of organelles, most of them next to the nucleus."""
    count = int(rng.integers(2, 7))
    angle, distance_um = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.25, 0.85, count) * radius_um
    middles = np.stack(
        [shape.nucleus_p_um + distance_um * np.cos(angle), shape.nucleus_q_um + distance_um * np.sin(angle)]
    )
    return middles, float(rng.uniform(0.1, 0.22) * radius_um)


def _places(
    cell: CellTraits, shape: CellShape, heaps: tuple[Floats, float], count: int, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Draw positions (2, N) on the cell's own axes, and return which of them are in the cytoplasm."""
    middles, width_um = heaps
    gathered = middles[:, rng.integers(middles.shape[1], size=count)] + rng.normal(0, width_um, (2, count))
    angle, share = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0.02, 0.85, count))
    spread = own_radius_um(cell) * share * np.stack([np.cos(angle), np.sin(angle)])
    places = np.where(rng.random(count) < 0.6, gathered, spread)
    kept = np.hypot(*places) < 0.93 * shape.outline_at(places[0], places[1])
    from_nucleus = np.hypot(places[0] - shape.nucleus_p_um, places[1] - shape.nucleus_q_um)
    kept &= (from_nucleus > 0.9 * cell.nucleus_um) | (rng.random(count) < 0.15)
    return places, kept


def _inside(
    cell: CellTraits,
    shape: CellShape,
    heaps: tuple[Floats, float],
    radius_um: Floats,
    contrast: Floats,
    rng: np.random.Generator,
) -> Spheres:
    places, kept = _places(cell, shape, heaps, len(radius_um), rng)
    y_um, x_um = to_field(cell, places[0], places[1], rng.choice((-1.0, 1.0), len(radius_um)))
    return Spheres(y_um, x_um, radius_um, contrast).where(kept)


def _mitochondria(cell: CellTraits, shape: CellShape, heaps: tuple[Floats, float], rng: np.random.Generator) -> Spheres:
    """Draw mitochondria: bent threads 0.4 to 0.6 um wide and 1 to 2.5 um long, each a chain of overlapping spheres."""
    count = cell.mitochondria
    places, kept = _places(cell, shape, heaps, count, rng)
    y_um, x_um = to_field(cell, places[0], places[1], rng.choice((-1.0, 1.0), count))
    step = np.arange(_MITOCHONDRION_SPHERES) - (_MITOCHONDRION_SPHERES - 1) / 2
    spacing_um = rng.uniform(0.15, 0.4, (count, 1))
    heading = rng.uniform(0, 2 * np.pi, (count, 1)) + rng.normal(0, 0.15, (count, 1)) * step
    radius_um = np.repeat(rng.uniform(0.2, 0.3, count), _MITOCHONDRION_SPHERES)
    # Overlapping spheres share the contrast of the thread.
    contrast = rng.uniform(0.008, 0.018, (count, 1)) * np.minimum(spacing_um / 0.35, 1)
    return Spheres(
        (y_um[:, None] + spacing_um * step * np.sin(heading)).ravel(),
        (x_um[:, None] + spacing_um * step * np.cos(heading)).ravel(),
        radius_um,
        np.repeat(contrast, _MITOCHONDRION_SPHERES),
    ).where(np.repeat(kept, _MITOCHONDRION_SPHERES))


def _nucleoli(cell: CellTraits, shape: CellShape, rng: np.random.Generator) -> Spheres:
    """Draw nucleoli, dense bodies in the nucleus, some of them with two lobes."""
    count = cell.nucleoli
    angle, share = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 0.45, count))
    stretch = np.sqrt(cell.aspect)
    p_um = shape.nucleus_p_um + cell.nucleus_um * share * np.cos(angle) / stretch
    q_um = shape.nucleus_q_um + cell.nucleus_um * share * np.sin(angle) * stretch
    y_um, x_um = to_field(cell, p_um, q_um)
    radius_um = rng.uniform(0.09, 0.2, count) * max(cell.nucleus_um, 4.0)
    contrast = rng.uniform(0.008, 0.012, count)
    lobe_um = np.where(rng.random(count) < 0.4, 0.9, 0.0) * radius_um
    heading = rng.uniform(0, 2 * np.pi, count)
    return joined(
        [
            Spheres(y_um, x_um, radius_um, contrast),
            Spheres(
                y_um + lobe_um * np.sin(heading), x_um + lobe_um * np.cos(heading), 0.7 * radius_um, 0.7 * contrast
            ).where(lobe_um > 0),
        ]
    )


def _blebs(cell: CellTraits, shape: CellShape, rng: np.random.Generator) -> Spheres:
    """Draw blebs, round bubbles of clear cytoplasm on the outline."""
    angle = rng.uniform(0, 2 * np.pi, cell.blebs)
    direction = np.stack([np.cos(angle), np.sin(angle)])
    places = direction * shape.outline_at(direction[0], direction[1]) * rng.uniform(0.88, 1.04, cell.blebs)
    y_um, x_um = to_field(cell, places[0], places[1], rng.choice((-1.0, 1.0), cell.blebs))
    largest_um = min(2.5, 0.35 * cell.radius_um)
    return Spheres(y_um, x_um, rng.uniform(0.7, largest_um, cell.blebs), rng.uniform(0.012, 0.022, cell.blebs))


def add_fingers(
    yx_path_um: FloatMap, pixel_size_um: float, cell: CellTraits, shape: CellShape, rng: np.random.Generator
) -> None:
    """Add filopodia and retraction fibres to a map in place: bent, 0.25 to 0.6 um wide, 15 to 40 nm of path."""
    kinds = [(FILOPODIUM_UM, (0.3, 0.6), (0.02, 0.04))] * cell.filopodia
    kinds += [(RETRACTION_FIBRE_UM, (0.25, 0.4), (0.012, 0.03))] * cell.retraction_fibres
    favourite = rng.uniform(0, 2 * np.pi)
    for length_range, width_range, path_range in kinds:
        # Retraction fibres remain where the cell has moved away; filopodia can be anywhere.
        angle = favourite + rng.normal(0, 0.5) if length_range is RETRACTION_FIBRE_UM else rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        rim = direction * shape.outline_at(direction[:1], direction[1:])[0] * 0.9
        side = rng.choice((-1.0, 1.0))
        root_y, root_x = (float(value[0]) for value in to_field(cell, rim[:1], rim[1:], side))
        heading = np.arctan2(root_y - cell.y_um, root_x - cell.x_um) + rng.normal(0, 0.2)
        _add_finger(
            yx_path_um,
            pixel_size_um,
            (root_y, root_x, float(heading)),
            rng.uniform(*length_range),
            rng.uniform(*width_range),
            rng.uniform(*path_range),
            rng.normal(0, 0.012),
        )


def _add_finger(
    yx_path_um: FloatMap,
    pixel_size_um: float,
    root: tuple[float, float, float],
    length_um: float,
    width_um: float,
    thickness_um: float,
    bend_per_um: float,
) -> None:
    root_y, root_x, heading = root
    sin, cos = np.sin(heading), np.cos(heading)
    margin_um = width_um + abs(bend_per_um) * length_um**2
    slices = []
    for start, end in ((root_y, root_y + length_um * sin), (root_x, root_x + length_um * cos)):
        low = int((min(start, end) - margin_um) / pixel_size_um)
        high = int((max(start, end) + margin_um) / pixel_size_um) + 1
        slices.append(slice(max(low, 0), min(max(high, 0), yx_path_um.shape[0])))
    rows, columns = slices
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y_um = ((np.arange(rows.start, rows.stop) + 0.5) * pixel_size_um - root_y).astype(np.float32)[:, None]
    x_um = ((np.arange(columns.start, columns.stop) + 0.5) * pixel_size_um - root_x).astype(np.float32)[None, :]
    along = x_um * np.float32(cos) + y_um * np.float32(sin)
    across = y_um * np.float32(cos) - x_um * np.float32(sin) - np.float32(bend_per_um) * along * along
    fade = np.clip((length_um - along) / 1.0, 0, 1) * (along > 0)
    finger = np.exp(-0.5 * (across * np.float32(2.355 / width_um)) ** 2) * np.float32(thickness_um) * fade
    np.maximum(yx_path_um[rows, columns], finger.astype(np.float32), out=yx_path_um[rows, columns])
