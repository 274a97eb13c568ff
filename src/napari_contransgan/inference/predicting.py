"""Predict a phase image from a bright-field image of any size, in overlapping tiles, and place it over the input."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_contransgan.config import TILE_UNIT_PX, PredictSettings
from napari_contransgan.counts import LUMINANCE_NOTE, bright_level, dark_source_note, other_light_note, stated_dark
from napari_contransgan.errors import InputError, UnusableFrameError
from napari_contransgan.io import Image, to_luminance
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
from napari_contransgan.models.compute import choose_device, describe_device
from napari_contransgan.models.normalisation import contrast_on_model_grid, light_of_frame
from napari_contransgan.models.running import TileNetwork, for_tiles
from napari_contransgan.notes import doubts_added, join_notes, share_text
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import Progress, as_part
from napari_contransgan.threads import each_on_threads, threads_to_predict
from napari_contransgan.tiles import Tile, blend_window, cover

SMALLEST_FRAME_PX = 32
PIXEL_SIZE_TOLERANCE = 0.15

ORIENTATIONS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""Quarter turns, and whether the image is mirrored afterwards; a specimen may lie in any of these orientations."""


@dataclass(frozen=True)
class Prediction:
    """Result of a prediction.

    Parameters
    ----------
    phase : Image
        In radians.
    uncertainty : Image or None
        Standard deviation among the eight orientations, in radians; None unless ``settings.trust`` is true.
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
        is on the same grid; ``median_std_rad`` in the settings is its median where there was light. It measures how
        much the eight predictions differ, so it does not show errors that all of them share.

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
    image, was_rgb = to_luminance(image)
    with doubts_added(image.notes):
        pixel_size_um = check_input(image, settings.pixel_size_um, settings.dark)
    height, width = image.data.shape[-2:]
    dark = stated_dark(settings.dark, image)
    notes = [*image.notes, *([LUMINANCE_NOTE] if was_rgb else []), *dark_source_note(settings.dark, image)]

    device = choose_device(settings.device)
    loaded = loaded or load_checkpoint(find_model(settings.model))
    notes += _doubts(image, pixel_size_um, loaded.card)

    frames = image.data.reshape(-1, height, width)
    orientations = ORIENTATIONS if settings.trust else ORIENTATIONS[:1]
    predicted: list[_Frame | None] = []
    frame_notes: list[tuple[str, ...]] = []
    first_level = 0.0
    for number, yx_frame in enumerate(frames):
        try:
            yx_light, told = light_of_frame(yx_frame, dark)
        except UnusableFrameError as error:
            predicted.append(None)
            frame_notes.append((f"Left out, since {error}. The phase is 0 there and its uncertainty unbounded.",))
            continue
        contrast, lit = contrast_on_model_grid(yx_light, pixel_size_um)
        tiles, overlap_px = _tiles((contrast.shape[0], contrast.shape[1]), settings)
        count = len(frames) * len(tiles) * len(orientations)
        network = for_tiles(loaded, tiles[0].height, device, count, settings.engine, settings.precision)
        inferring = _infer(network, contrast.numpy(), tiles, overlap_px, orientations)
        outputs = yield from as_part(inferring, number, len(frames))
        predicted.append(_in_radians(outputs, lit, loaded.card.phase_ref_rad))
        level = bright_level(yx_light)
        first_level = first_level or level
        frame_notes.append((*told, *_notes_on_light(lit, level, first_level)))
    phases, spreads = _stacked(predicted)
    notes += join_notes(frame_notes, [frame is None for frame in predicted])
    shape = (*image.data.shape[:-2], *phases.shape[-2:])
    data = phases.reshape(shape)
    std = None if spreads is None else spreads.reshape(shape)
    used: dict[str, Any] = {
        **settings.model_dump(mode="json"),
        "model": settings.model if not Path(settings.model).exists() else Path(settings.model).name,
        "network": loaded.card.name,
        "pixel_size_um": pixel_size_um,
        "dark": str(settings.dark) if isinstance(settings.dark, Path) else dark,
        "device": describe_device(device, network.precision, network.engine),
        "engine": network.engine,
        "precision": network.precision,
        "threads": torch.get_num_threads(),
        "notes": notes,
    }
    if std is not None:
        measured = np.isfinite(std)
        used["median_std_rad"] = float(np.median(std[measured])) if measured.any() else 0.0
    shift_um = (loaded.card.pixel_size_um - pixel_size_um) / 2
    phase = replace(
        image,
        data=data,
        pixel_size_um=loaded.card.pixel_size_um,
        origin_yx_um=(image.origin_yx_um[0] + shift_um, image.origin_yx_um[1] + shift_um),
        quantity="phase",
        wavelength_um=loaded.card.wavelength_um,
        name=f"{image.name} phase",
        settings={**image.settings, "predict": used},
    )
    if std is None:
        return Prediction(phase, None)
    return Prediction(phase, replace(phase, data=std, quantity="phase-std", name=f"{phase.name} uncertainty"))


@dataclass(frozen=True)
class _Frame:
    """Phase of a frame and its standard deviation over orientations, in radians."""

    yx_phase_rad: NDArray[np.float32]
    yx_std_rad: NDArray[np.float32] | None


def _in_radians(
    outputs: tuple[NDArray[np.float32], NDArray[np.float32] | None], lit: NDArray[np.bool_], phase_ref_rad: float
) -> _Frame:
    """Scale a network's outputs to radians, and blank the parts of the frame that got no light."""
    mean, spread = outputs
    yx_phase_rad, yx_std_rad = mean * phase_ref_rad, None if spread is None else spread * phase_ref_rad
    if not lit.all():
        share = torch.from_numpy(lit[None, None].astype(np.float32))
        yx_lit = functional.interpolate(share, size=mean.shape)[0, 0].numpy() > 0.5
        yx_phase_rad = np.where(yx_lit, yx_phase_rad, np.float32(0))
        yx_std_rad = None if yx_std_rad is None else np.where(yx_lit, yx_std_rad, np.float32(np.inf))
    return _Frame(yx_phase_rad, yx_std_rad)


def _stacked(frames: Sequence[_Frame | None]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Stack frames, with 0 and an infinite uncertainty for those that were left out."""
    first = next(frame for frame in frames if frame is not None)
    nothing = np.zeros_like(first.yx_phase_rad)
    phases = np.stack([nothing if frame is None else frame.yx_phase_rad for frame in frames])
    if first.yx_std_rad is None:
        return phases, None
    unknown = np.full_like(nothing, np.inf)
    spreads = [unknown if frame is None or frame.yx_std_rad is None else frame.yx_std_rad for frame in frames]
    return phases, np.stack(spreads)


def _notes_on_light(lit: NDArray[np.bool_], level: float, first_level: float) -> list[str]:
    notes = []
    if not lit.all():
        share = 1 - lit.mean()
        notes.append(
            f"{share_text(share)} of the frame got no light: the phase there is 0 and its uncertainty unbounded."
        )
    return [*notes, *other_light_note(level, first_level)]


def check_input(image: Image, pixel_size_um: float | None, dark: float | Path | None = None) -> float:
    """Check an image before any network is loaded, and return the pixel size to use.

    Parameters
    ----------
    image : Image
        Bright-field image without an S axis.
    pixel_size_um : float or None
        Pixel size that replaces the image's own.
    dark : float, Path or None
        Dark level, as in `PredictSettings`.

    Returns
    -------
    float
        The pixel size to use.

    Raises
    ------
    InputError
        If the size of the frames, the pixel size, the dark level, or the pixels of every frame cannot be used.
    """
    if image.data.size == 0:
        raise InputError(f"has no pixels (shape {image.data.shape}): choose another image", source=image.name)
    if image.data.dtype.kind not in "uifb":
        raise InputError(
            f"holds {image.data.dtype} numbers: give an image of integers or real numbers", source=image.name
        )
    if image.quantity != "intensity":
        raise InputError(f"already holds {image.quantity}: choose a bright-field image", source=image.name)
    height, width = image.data.shape[-2:]
    if image.axes[-2:] != "YX" or min(height, width) < SMALLEST_FRAME_PX:
        raise InputError(
            f"frames of {height} x {width} px; at least {SMALLEST_FRAME_PX} x {SMALLEST_FRAME_PX} px are needed",
            source=image.name,
        )
    checked_um = check_pixel_size(image.pixel_size_um if pixel_size_um is None else pixel_size_um, image.name)
    level = stated_dark(dark, image)
    refusals: list[InputError] = []
    for yx_frame in image.data.reshape(-1, height, width):
        try:
            light_of_frame(yx_frame, level)
        except UnusableFrameError as error:
            refusals.append(error.named(image.name))
        except InputError as error:
            raise error.named(image.name) from error
        else:
            return checked_um
    raise refusals[0]


def _doubts(image: Image, pixel_size_um: float, card: ModelCard) -> list[str]:
    """Return notes on how the image differs from the network's training images."""
    notes = []
    known = card.input_pixel_sizes_um
    if known and all(abs(pixel_size_um / size - 1) > PIXEL_SIZE_TOLERANCE for size in known):
        sizes = ", ".join(f"{size:g}" for size in known)
        notes.append(
            f"the network was trained on frames of {sizes} um pixels, this one has {pixel_size_um:g} um: "
            "do not take its numbers as a measurement"
        )
    if image.wavelength_um and abs(image.wavelength_um / card.wavelength_um - 1) > 0.02:
        notes.append(
            f"the image was taken at {image.wavelength_um:g} um, the phase is given for {card.wavelength_um:g} um"
        )
    return notes


def _tiles(shape_yx: tuple[int, int], settings: PredictSettings) -> tuple[tuple[Tile, ...], int]:
    """Return the tiles that cover a map, padded to one tile if it is smaller, and their overlap."""
    longest_px = max(shape_yx)
    tile_px = min(settings.tile_px, -(-longest_px // TILE_UNIT_PX) * TILE_UNIT_PX)
    overlap_px = settings.overlap_px if longest_px > tile_px else 0
    return cover((max(shape_yx[0], tile_px), max(shape_yx[1], tile_px)), tile_px, overlap_px), overlap_px


def _infer(
    network: TileNetwork,
    contrast: NDArray[np.float32],
    tiles: Sequence[Tile],
    overlap_px: int,
    orientations: Sequence[tuple[int, bool]],
) -> Generator[Progress, None, tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
    """Yield a `Progress` for each tile and orientation; return the mean output, and the spread if there are several."""
    height, width = contrast.shape
    missing = ((0, max(0, tiles[0].height - height)), (0, max(0, tiles[0].width - width)))
    padded = np.pad(contrast, missing, mode="symmetric")
    wanted = (np.mean, np.std) if len(orientations) > 1 else (np.mean,)
    total = np.zeros((len(wanted), *padded.shape), padded.dtype)
    weights = np.zeros_like(padded)
    for number, tile in enumerate(tiles):
        outputs = []
        for turns, mirrored in orientations:
            turned = np.rot90(padded[tile.slices], turns)
            turned = turned[:, ::-1] if mirrored else turned
            output = network.run(np.ascontiguousarray(turned))
            outputs.append(np.rot90(output[:, ::-1] if mirrored else output, -turns))
            done = number * len(orientations) + len(outputs)
            yield Progress(done, len(tiles) * len(orientations), "predicting tiles")
        weight = blend_window(tile, (padded.shape[0], padded.shape[1]), overlap_px)
        total[:, *tile.slices] += weight * np.stack([statistic(outputs, axis=0) for statistic in wanted])
        weights[tile.slices] += weight
    mean, *spread = (total / weights)[:, :height, :width]
    return mean, spread[0] if spread else None
