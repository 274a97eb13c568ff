"""Look at a whole frame part by part, so that each tile can then be normalised without the others."""

from collections.abc import Generator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_contransgan.counts import bright_level
from napari_contransgan.inference.pixels import FramePixels
from napari_contransgan.models.normalisation import (
    DARK_FRACTION,
    Background,
    background_of_blocks,
    background_step,
    contrast_of,
    diaphragm_places,
    examine_light,
    mirror_reach_um,
    mirrored_into,
    not_finite,
    rim_um,
)
from napari_contransgan.progress import Progress
from napari_contransgan.resampling import block_mean
from napari_contransgan.unlit import Plateau

SAMPLED_PX = 4_500_000
"""Pixels of the thinned frame in which borders, field stops and the bright level are looked for."""
PART_PX = 1024
_NEAR = np.ones((3, 3), bool)

Dark = float | NDArray[np.float32]


@dataclass(frozen=True)
class Survey:
    """What the normalisation of a tile has to know of the whole frame.

    The maps hold every `step`-th pixel of every `step`-th row.

    Parameters
    ----------
    dark : float or (Y, X) ndarray
        Dark level.
    step : int
        Step of the thinned maps.
    threshold : float
        Counts above which a pixel is lit.
    level : float
        Bright level.
    lit_share : float
        Fraction of the frame that got light.
    background : Background
        Intensity of the empty field.
    notes : tuple of str
        Notes on the frame's light.
    fill_values : tuple of float
        Values of borders without data.
    fill, stop, diaphragm : (Y, X) ndarray of bool or None
        Where such borders, a field stop above the dark level, and large dark areas at the edge are; None if nowhere.
    plateau : Plateau or None
        The field stop.
    """

    dark: Dark
    step: int
    threshold: float
    level: float
    lit_share: float
    background: Background
    notes: tuple[str, ...]
    fill_values: tuple[float, ...]
    fill: NDArray[np.bool_] | None
    stop: NDArray[np.bool_] | None
    diaphragm: NDArray[np.bool_] | None
    plateau: Plateau | None


@dataclass(frozen=True)
class _Found:
    """What the thinned frame shows; see `Survey`."""

    dark: Dark
    step: int
    threshold: float
    fill_values: tuple[float, ...]
    fill: NDArray[np.bool_] | None
    stop: NDArray[np.bool_] | None
    plateau: Plateau | None


def survey_frame(
    pixels: FramePixels, frame: int, dark: Dark, pixel_size_um: float
) -> Generator[Progress, None, Survey]:
    """Read a frame twice, part by part: thinned for its borders and levels, then whole for its background.

    Parameters
    ----------
    pixels : FramePixels
        The image.
    frame : int
        Number of the frame.
    dark : float or (Y, X) ndarray
        Dark level.
    pixel_size_um : float
        Pixel size.

    Yields
    ------
    Progress
        One for each part.

    Raises
    ------
    InputError
        As for `napari_contransgan.models.normalisation.light_of_frame`.
    """
    yx_thinned, step = yield from thinned_frame(pixels, frame)
    light = examine_light(yx_thinned, dark[::step, ::step] if isinstance(dark, np.ndarray) else dark)
    threshold = DARK_FRACTION * float(np.percentile(light.yx_counts, 99))
    found = _Found(
        dark,
        step,
        threshold,
        () if light.yx_fill is None else tuple(float(one) for one in np.unique(yx_thinned[light.yx_fill])),
        _widened(light.yx_fill),
        _widened(None if light.plateau is None else light.plateau.yx_places),
        light.plateau,
    )
    background, lit_share = yield from _background(pixels, frame, found)
    yx_lit = light.yx_counts > threshold
    return Survey(
        **vars(found),
        level=bright_level(light.yx_counts),
        lit_share=lit_share,
        background=background,
        notes=light.notes,
        diaphragm=None if yx_lit.all() else _widened(diaphragm_places(yx_lit, pixel_size_um * step)),
    )


def light_of_part(
    found: Survey | _Found, pixels: FramePixels, frame: int, rows: slice, columns: slice
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a part of a frame as counts above the dark level, and where it is lit."""
    yx_counts = pixels.read(frame, rows, columns)
    yx_fill = np.zeros(yx_counts.shape, bool)
    if found.fill is not None:
        for value in found.fill_values:
            yx_fill |= ~np.isfinite(yx_counts) if np.isnan(value) else yx_counts == value
        yx_fill &= _full_size(found.fill, found.step, rows, columns)
    yx_light = yx_counts.astype(np.float32)
    yx_light -= found.dark[rows, columns] if isinstance(found.dark, np.ndarray) else np.float32(found.dark)
    yx_light[yx_fill] = 0
    if not np.isfinite(yx_light).all():
        raise not_finite(int(np.count_nonzero(~np.isfinite(yx_light))), yx_light.size)
    np.maximum(yx_light, 0, out=yx_light)
    if found.stop is not None and found.plateau is not None:
        yx_below = yx_light < (1 + found.plateau.share) / 2 * found.plateau.counts / found.plateau.share
        yx_light[yx_below & _full_size(found.stop, found.step, rows, columns)] = 0
    return yx_light, yx_light > found.threshold


def contrast_of_part(
    survey: Survey, pixels: FramePixels, frame: int, rows: slice, columns: slice, pixel_size_um: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a part of a frame as the contrast that a network sees, on the frame's own grid, and where it is lit.

    Parameters
    ----------
    survey : Survey
        What is known of the whole frame.
    pixels : FramePixels
        The image.
    frame : int
        Number of the frame.
    rows, columns : slice
        The part.
    pixel_size_um : float
        Pixel size.
    """

    def widened(by_um: float) -> list[slice]:
        halo_px = int(np.ceil(by_um / pixel_size_um)) + 1
        return [
            slice(max(0, part.start - halo_px), min(side, part.stop + halo_px))
            for part, side in zip((rows, columns), pixels.shape_yx, strict=True)
        ]

    diaphragm = survey.diaphragm
    if diaphragm is not None and not _full_size(diaphragm, survey.step, *widened(rim_um(pixel_size_um))).any():
        diaphragm = None  # it hides nothing of this part, so no more need be read
    wide = [rows, columns] if diaphragm is None else widened(mirror_reach_um(pixel_size_um))
    yx_light, yx_lit = light_of_part(survey, pixels, frame, wide[0], wide[1])
    contrast = contrast_of(yx_light, survey.background.at(wide[0], wide[1]), yx_lit)
    if diaphragm is not None:
        yx_dark = ~yx_lit & _full_size(diaphragm, survey.step, wide[0], wide[1])
        if yx_dark.any():
            contrast = mirrored_into(contrast, yx_dark, pixel_size_um)
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start)
        for part, outer in zip((rows, columns), wide, strict=True)
    )
    return contrast[inner], yx_lit[inner]


def thinned_frame(pixels: FramePixels, frame: int) -> Generator[Progress, None, tuple[NDArray[np.generic], int]]:
    """Read every n-th pixel of every n-th row, so that no more than about `SAMPLED_PX` are kept; also return n."""
    height, width = pixels.shape_yx
    step = max(1, int(np.ceil(np.sqrt(height * width / SAMPLED_PX))))
    yx_thinned = np.empty((-(-height // step), -(-width // step)), pixels.image.data.dtype)
    parts = _parts((height, width), step)
    for number, (rows, columns) in enumerate(parts):
        part = pixels.read(frame, rows, columns)[::step, ::step]
        top, left = rows.start // step, columns.start // step
        yx_thinned[top : top + part.shape[0], left : left + part.shape[1]] = part
        yield Progress(number + 1, 2 * len(parts), "reading the frame")
    return yx_thinned, step


def _background(pixels: FramePixels, frame: int, found: _Found) -> Generator[Progress, None, tuple[Background, float]]:
    """Fit the background to means of blocks, and return it with the fraction of the frame that is lit."""
    height, width = pixels.shape_yx
    step = background_step((height, width))
    means = np.zeros((height // step, width // step), np.float32)
    yx_lit = np.zeros(means.shape, bool)
    count = 0
    parts = _parts((height, width), step)
    for number, (rows, columns) in enumerate(parts):
        light, lit = light_of_part(found, pixels, frame, rows, columns)
        count += int(np.count_nonzero(lit))
        of_blocks = block_mean(light, step)
        top, left = rows.start // step, columns.start // step
        place = (slice(top, top + of_blocks.shape[0]), slice(left, left + of_blocks.shape[1]))
        means[place], yx_lit[place] = of_blocks, block_mean(lit, step) == 1
        yield Progress(len(parts) + number + 1, 2 * len(parts), "reading the frame")
    level = float(np.median(means[yx_lit] if yx_lit.any() else means))
    return background_of_blocks(means, yx_lit, level, (height, width)), count / (height * width)


def _parts(shape_yx: tuple[int, int], step: int) -> list[tuple[slice, slice]]:
    """Divide a frame into parts of whole steps."""
    side = -(-PART_PX // step) * step
    spans = [[slice(start, min(start + side, length)) for start in range(0, length, side)] for length in shape_yx]
    return list(product(*spans))


def _widened(yx_map: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    return None if yx_map is None else np.asarray(ndimage.binary_dilation(yx_map, _NEAR, iterations=2), bool)


def _full_size(yx_map: NDArray[np.bool_], step: int, rows: slice, columns: slice) -> NDArray[np.bool_]:
    y, x = np.arange(rows.start, rows.stop) // step, np.arange(columns.start, columns.stop) // step
    return np.asarray(yx_map[y[:, None], x[None, :]], bool)
