"""Predict an image of any size tile by tile: read as needed, and written as it comes.

Memory is bounded by a tile and by the parts of the image that neighbouring tiles share. The result equals that of
`napari_contransgan.inference.predict`, up to rounding, and where a border without data or a field stop begins.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError, UnusableFrameError
from napari_contransgan.inference.error_map import ImageVerdict, joined_figures
from napari_contransgan.inference.job import Job, TilePart, prepare
from napari_contransgan.inference.pixels import FramePixels
from napari_contransgan.inference.predicting import left_out_note, light_notes
from napari_contransgan.inference.survey import Survey, contrast_of_part, survey_frame
from napari_contransgan.inference.tiling import Covering, cover_map
from napari_contransgan.io import Image
from napari_contransgan.io.tiled import TILE_PX, TiledImage, tiled_image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.grid_parts import AxisWeights, axis_weights, nearest_pixels, resampled
from napari_contransgan.models.normalisation import shape_on_model_grid
from napari_contransgan.notes import doubts_added, join_notes
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.threads import each_on_threads, threads_to_predict
from napari_contransgan.tiles import Tile, blend_shares

LARGE_PX = 10_000_000
"""Pixels of all frames, on the model's grid, above which an image is predicted into a file."""
BYTES_PER_PX = 64
"""Memory that a prediction in memory needs for each pixel."""
SAMPLED_PX = 1_000_000
SUMMING_UP = "summing up"


@dataclass(frozen=True)
class Written:
    """A prediction that was written to files.

    Parameters
    ----------
    phase : Image
        Description of the phase; its data are read from the file when they are needed.
    path : Path
        Its file.
    uncertainty : Path or None
        File of the uncertainty.
    figures : mapping
        ``shape``, and smallest, largest and standard deviation of the phase where there was light.
    """

    phase: Image
    path: Path
    uncertainty: Path | None
    figures: dict[str, Any]


def is_large(image: Image, pixel_size_um: float | None = None) -> bool:
    """Return whether an image should be predicted into a file: it is lazy or large, and memory might not suffice."""
    size_um = check_pixel_size(image.pixel_size_um if pixel_size_um is None else pixel_size_um, image.name)
    height, width = image.data.shape[-3:-1] if image.axes.endswith("S") else image.data.shape[-2:]
    frames = math.prod(image.data.shape[: image.axes.index("Y")])
    on_grid = shape_on_model_grid((height, width), size_um)
    px = frames * max(on_grid[0] * on_grid[1], height * width)
    return bool(px > LARGE_PX) or px * BYTES_PER_PX > int(psutil.virtual_memory().available) / 4


def predict_to_files(
    image: Image,
    settings: PredictSettings,
    path: Path,
    uncertainty_path: Path | None = None,
    loaded: LoadedModel | None = None,
) -> Generator[Progress, None, Written]:
    """Predict the phase of a bright-field image into an OME-TIFF in tiles, or into OME-Zarr if the names end so.

    Close the generator to stop within one tile; nothing is then left of the files. They get their names when they are
    complete.

    Parameters
    ----------
    image : Image
        As for `napari_contransgan.inference.predict`; best a lazy one.
    settings : PredictSettings
        Network, pixel size, device, engine, threads, tiles.
    path : Path
        File of the phase.
    uncertainty_path : Path, optional
        File of the uncertainty, needed with ``settings.trust``.
    loaded : LoadedModel, optional
        A network that is already loaded.

    Yields
    ------
    Progress
        While the frames are read, and for each tile and orientation.

    Raises
    ------
    InputError
        If the image, its pixel size or the network cannot be used, or a file cannot be written.
    """
    threads = threads_to_predict(settings.threads)
    return (yield from each_on_threads(threads, _predict(image, settings, path, uncertainty_path, loaded)))


def _predict(
    image: Image, settings: PredictSettings, path: Path, uncertainty_path: Path | None, loaded: LoadedModel | None
) -> Generator[Progress, None, Written]:
    job = prepare(image, settings, loaded, pixels_too=False)  # looked at part by part, in `_surveyed`
    pixels = FramePixels(job.image)
    on_grid = shape_on_model_grid(pixels.shape_yx, job.pixel_size_um)
    covering = cover_map(on_grid, settings)
    shape = (*job.image.data.shape[:-2], *on_grid)
    with ExitStack() as stack:
        planned = job.described((), {})
        outputs = [stack.enter_context(tiled_image(path, planned, shape))]
        if settings.trust:
            if uncertainty_path is None:
                raise ValueError("a prediction with its error needs a file for it")
            planned_std = job.uncertainty_of(planned)
            outputs.append(stack.enter_context(tiled_image(uncertainty_path, planned_std, shape)))
        notes: list[tuple[str, ...]] = []
        left_out: list[int] = []
        of_errors: list[dict[str, float | str]] = []
        first_level = 0.0
        for number in range(pixels.count):
            try:
                survey = yield from _surveyed(job, pixels, number)
            except UnusableFrameError as error:
                notes.append((left_out_note(error),))
                left_out.append(number)
                if len(left_out) == pixels.count:
                    raise _refusal(job, error) from error
                continue
            verdict = job.verdict()
            yield from _FrameTiles(job, pixels, number, survey, covering, on_grid).predicted(outputs, verdict)
            first_level = first_level or survey.level
            doubts = []
            if verdict is not None:
                of_errors.append(verdict.figures())
                doubts = [verdict.unusual.note] if verdict.unusual.note else []
            notes.append((*survey.notes, *light_notes(survey.lit_share, survey.level, first_level), *doubts))
        is_out = [number in left_out for number in range(pixels.count)]
        figures = yield from _figures(outputs[0], pixels.count)
        told = joined_figures(of_errors)
        if settings.trust:
            _fill(outputs[1:], left_out, on_grid)
            told["median_std_rad"] = yield from _median(outputs[1], pixels.count)
        phase = job.described(join_notes(notes, is_out), told)
        for output, described in zip(outputs, (phase, job.uncertainty_of(phase)), strict=False):
            yield from _finished(output, described)
    return Written(phase, path, uncertainty_path if len(outputs) > 1 else None, {"shape": shape, **figures})


def _surveyed(job: Job, pixels: FramePixels, number: int) -> Generator[Progress, None, Survey]:
    try:
        return (yield from survey_frame(pixels, number, job.dark, job.pixel_size_um))
    except UnusableFrameError:
        raise
    except InputError as error:
        raise _refusal(job, error) from error


def _refusal(job: Job, error: InputError) -> InputError:
    """Return an error with the name of the image and the doubts about it, which often explain it."""
    try:
        with doubts_added(job.image.notes):
            raise error.named(job.image.name)
    except InputError as named:
        return named


@dataclass
class _FrameTiles:
    """One frame, whose tiles are read, predicted and added to the files."""

    job: Job
    pixels: FramePixels
    number: int
    survey: Survey
    covering: Covering
    on_grid: tuple[int, int]

    def predicted(self, outputs: Sequence[TiledImage], verdict: ImageVerdict | None) -> Generator[Progress, None, None]:
        """Predict each tile, and add its share to the files of phase and uncertainty."""
        shares = [
            blend_shares(side, self.covering.tile_px, self.covering.overlap_px) for side in self.covering.shape_yx
        ]

        def add(tile: Tile, maps: tuple[NDArray[np.float32], ...]) -> None:
            height, width = maps[0].shape
            share = np.outer(shares[0][tile.row][:height], shares[1][tile.column][:width])
            for output, values in zip(outputs, maps, strict=True):
                output.add(self.number, tile.y, tile.x, share * values)

        yield from self.job.predict_tiles(self.covering, self.pixels.count, self._parts(), verdict, add)

    def _parts(self) -> Iterator[TilePart]:
        count = len(self.covering.tiles)
        for index, tile in enumerate(self.covering.tiles):
            yield TilePart(tile, *self._input(tile), self.number * count + index, self.pixels.count * count)

    def _input(self, tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the contrast of a tile, padded to its full size, and where its pixels are lit."""
        spans = [
            (start, min(start + self.covering.tile_px, side))
            for start, side in zip((tile.y, tile.x), self.on_grid, strict=True)
        ]
        weights, nearest = [], []
        for span, side, side_on_grid in zip(spans, self.pixels.shape_yx, self.on_grid, strict=True):
            weights.append(axis_weights(side, self.job.pixel_size_um, *span))
            nearest.append(nearest_pixels(side, side_on_grid, *span))
        rows, columns = (_needed(one, px) for one, px in zip(weights, nearest, strict=True))
        yx_contrast, yx_lit = contrast_of_part(
            self.survey, self.pixels, self.number, rows, columns, self.job.pixel_size_um
        )
        yx_on_grid = resampled(yx_contrast, weights[0], weights[1], (rows.start, columns.start))
        missing = [(0, self.covering.tile_px - side) for side in yx_on_grid.shape]
        lit = yx_lit[nearest[0][:, None] - rows.start, nearest[1][None, :] - columns.start]
        return np.pad(yx_on_grid, missing, mode="symmetric"), lit


def _finished(output: TiledImage, described: Image) -> Iterator[Progress]:
    output.describe(described)
    for step, steps in output.finished():
        yield Progress(step, steps, "making coarser levels")


def _needed(weights: AxisWeights, nearest: NDArray[np.intp]) -> slice:
    return slice(min(weights.first, int(nearest[0])), max(weights.stop, int(nearest[-1]) + 1))


def _blocks(shape_yx: Sequence[int]) -> list[tuple[int, int, int, int]]:
    return [
        (y, x, min(TILE_PX, shape_yx[0] - y), min(TILE_PX, shape_yx[1] - x))
        for y in range(0, shape_yx[0], TILE_PX)
        for x in range(0, shape_yx[1], TILE_PX)
    ]


def _fill(outputs: Sequence[TiledImage], frames: Sequence[int], shape_yx: tuple[int, int]) -> None:
    """Mark frames that were left out as unknown."""
    for output in outputs:
        for frame in frames:
            for y, x, height, width in _blocks(shape_yx):
                output.add(frame, y, x, np.full((height, width), np.inf, np.float32))


def _figures(output: TiledImage, frames: int) -> Generator[Progress, None, dict[str, float]]:
    """Return the smallest and largest phase, and the standard deviation, where there was light."""
    low, high, count, total, squares = np.inf, -np.inf, 0, 0.0, 0.0
    for values in _read(output, frames):
        lit = values[values != 0].astype(np.float64)
        if lit.size:
            low, high = min(low, float(lit.min())), max(high, float(lit.max()))
            count, total = count + lit.size, total + float(lit.sum())
            squares += float(np.square(lit).sum())
        yield Progress(0, 0, SUMMING_UP)
    mean = total / max(count, 1)
    return {"min_rad": low, "max_rad": high, "std_rad": float(np.sqrt(max(squares / max(count, 1) - mean**2, 0.0)))}


def _median(output: TiledImage, frames: int) -> Generator[Progress, None, float]:
    """Return the median of the finite values, of a thinned sample of large images."""
    step = max(1, int(np.ceil(np.sqrt(frames * np.prod(output.shape[-2:], dtype=np.float64) / SAMPLED_PX))))
    thinned = []
    for values in _read(output, frames):
        thinned.append(values[::step, ::step].ravel())
        yield Progress(0, 0, SUMMING_UP)
    sample = np.concatenate(thinned)
    sample = sample[np.isfinite(sample)]
    return float(np.median(sample)) if sample.size else 0.0


def _read(output: TiledImage, frames: int) -> Iterator[NDArray[np.float32]]:
    for frame in range(frames):
        for block in _blocks(output.shape[-2:]):
            yield output.read(frame, *block)
