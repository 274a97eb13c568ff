"""Predict a phase image from a bright-field image in memory, in overlapping tiles, and place it over the input."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_contransgan.config import PredictSettings
from napari_contransgan.counts import bright_level, other_light_note
from napari_contransgan.errors import UnusableFrameError
from napari_contransgan.inference.error_map import ImageVerdict, joined_figures
from napari_contransgan.inference.job import Job, TilePart, prepare
from napari_contransgan.inference.tiling import cover_map
from napari_contransgan.io import Image
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.normalisation import contrast_on_model_grid, light_of_frame
from napari_contransgan.notes import join_notes, share_text
from napari_contransgan.progress import Progress, as_part
from napari_contransgan.threads import each_on_threads, threads_to_predict
from napari_contransgan.tiles import Tile, blend_window

_Maps = tuple[NDArray[np.float32], ...]
"""Phase of a frame and, if wanted, the standard deviation of its error, in radians."""


@dataclass(frozen=True)
class Prediction:
    """Result of a prediction.

    Parameters
    ----------
    phase : Image
        In radians.
    uncertainty : Image or None
        Standard deviation of the error, in radians; None unless ``settings.trust`` is true.
    """

    phase: Image
    uncertainty: Image | None


def predict(
    image: Image, settings: PredictSettings, loaded: LoadedModel | None = None
) -> Generator[Progress, None, Image]:
    """Predict the phase of a bright-field image without its uncertainty; see `predict_with_uncertainty`."""
    prediction = yield from predict_with_uncertainty(image, settings, loaded)
    return prediction.phase


def predict_with_uncertainty(
    image: Image, settings: PredictSettings, loaded: LoadedModel | None = None
) -> Generator[Progress, None, Prediction]:
    """Predict the phase of a bright-field image, frame by frame.

    Parameters
    ----------
    image : Image
        YX, optionally with leading axes (time, planes, channels), or RGB; any number type.
    settings : PredictSettings
        Network, pixel size, device, engine, threads, tiles.
    loaded : LoadedModel, optional
        A network that is already loaded, instead of the one that the settings name.

    Yields
    ------
    Progress
        One for each tile and orientation.

    Returns
    -------
    Prediction
        Phase in radians, float32, on the model's grid of 0.325 um, with an origin that places it over the input.
        ``settings["predict"]`` holds the settings as used, and ``notes`` with caveats about the result. The uncertainty
        is on the same grid: two thirds of the errors are smaller, and 95 % are smaller than twice as much, on images
        like the simulated ones. The settings then hold its median where there was light, ``median_std_rad``, and, of
        the frame with the largest errors, ``typical_error_rad``, ``doubtful_share`` and ``error_in_words``. For the
        bundled network ``all``, and wherever there is an uncertainty, they hold ``unusual_score`` too: above 1, a note
        says what is unusual.

    Raises
    ------
    InputError
        If the image, its pixel size or the network cannot be used.
    """
    threads = threads_to_predict(settings.threads)
    return (yield from each_on_threads(threads, _predict(image, settings, loaded)))


def _predict(
    image: Image, settings: PredictSettings, loaded: LoadedModel | None
) -> Generator[Progress, None, Prediction]:
    job = prepare(image, settings, loaded)
    image = job.image
    frames = np.asarray(image.data).reshape(-1, *image.data.shape[-2:])
    predicted: list[_Maps | None] = []
    figures: list[dict[str, float | str]] = []
    frame_notes: list[tuple[str, ...]] = []
    first_level = 0.0
    for number, yx_frame in enumerate(frames):
        try:
            yx_light, told = light_of_frame(yx_frame, job.dark)
        except UnusableFrameError as error:
            predicted.append(None)
            frame_notes.append((left_out_note(error),))
            continue
        contrast, lit = contrast_on_model_grid(yx_light, job.pixel_size_um)
        verdict = job.verdict()
        tiles = _predict_tiles(job, contrast.numpy(), lit, verdict, len(frames))
        predicted.append((yield from as_part(tiles, number, len(frames))))
        level = bright_level(yx_light)
        first_level = first_level or level
        doubts = []
        if verdict is not None:
            figures.append(verdict.figures())
            doubts = [verdict.unusual.note] if verdict.unusual.note else []
        frame_notes.append((*told, *light_notes(float(lit.mean()), level, first_level), *doubts))
    phases, *sigmas = (maps.reshape(*image.data.shape[:-2], *maps.shape[-2:]) for maps in _stacked(predicted))
    notes = join_notes(frame_notes, [frame is None for frame in predicted])
    of_errors = joined_figures(figures)
    if sigmas:
        measured = np.isfinite(sigmas[0])
        of_errors["median_std_rad"] = float(np.median(sigmas[0][measured])) if measured.any() else 0.0
    phase = replace(job.described(notes, of_errors), data=phases)
    return Prediction(phase, replace(job.uncertainty_of(phase), data=sigmas[0]) if sigmas else None)


def _predict_tiles(
    job: Job, yx_contrast: NDArray[np.float32], lit: NDArray[np.bool_], verdict: ImageVerdict | None, frames: int
) -> Generator[Progress, None, _Maps]:
    """Yield a `Progress` for each tile and orientation; return the blended maps."""
    shape_yx = (yx_contrast.shape[0], yx_contrast.shape[1])
    covering = cover_map(shape_yx, job.settings)
    yx_lit = _on_grid(lit, shape_yx)
    missing = [(0, most - side) for side, most in zip(shape_yx, covering.shape_yx, strict=True)]
    padded = np.pad(yx_contrast, missing, mode="symmetric")
    total: list[NDArray[np.float32]] = []
    weights = np.zeros_like(padded)

    def add(tile: Tile, maps: _Maps) -> None:
        weight = blend_window(tile, covering.shape_yx, covering.overlap_px)
        weights[tile.slices] += weight
        total.extend(np.zeros_like(yx_contrast) for _ in maps[len(total) :])
        for sums, values in zip(total, maps, strict=True):
            sums[tile.slices] += weight[: values.shape[0], : values.shape[1]] * values

    count = len(covering.tiles)
    parts = (
        TilePart(tile, padded[tile.slices], yx_lit[tile.slices], number, count)
        for number, tile in enumerate(covering.tiles)
    )
    yield from job.predict_tiles(covering, frames, parts, verdict, add)
    return tuple(sums / weights[: shape_yx[0], : shape_yx[1]] for sums in total)


def _on_grid(lit: NDArray[np.bool_], shape_yx: tuple[int, int]) -> NDArray[np.bool_]:
    if lit.all():
        return np.ones(shape_yx, bool)
    share = torch.from_numpy(lit[None, None].astype(np.float32))
    return np.asarray(functional.interpolate(share, size=shape_yx)[0, 0].numpy() > 0.5)


def _stacked(frames: Sequence[_Maps | None]) -> list[NDArray[np.float32]]:
    """Stack the maps of frames, with 0 and an infinite uncertainty for those that were left out."""
    first = next(frame for frame in frames if frame is not None)
    nothing = [np.full_like(one, value) for one, value in zip(first, (0, np.inf), strict=False)]
    return [
        np.stack([unknown if frame is None else frame[kind] for frame in frames])
        for kind, unknown in enumerate(nothing)
    ]


def left_out_note(error: UnusableFrameError) -> str:
    """Return the note on a frame that cannot be used."""
    return f"Left out, since {error}. The phase is 0 there and its uncertainty unbounded."


def light_notes(lit_share: float, level: float, first_level: float) -> list[str]:
    """Return notes on the light of a frame, compared with that of the first one."""
    notes, dark = [], share_text(1 - lit_share)
    if lit_share < 1:
        notes.append(f"{dark} of the frame got no light: the phase there is 0 and its uncertainty unbounded.")
    return [*notes, *other_light_note(level, first_level)]
