"""Save phase as training labels: a folder of tiles that the trainer can use as phase images."""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_contransgan.config import TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import in_memory
from napari_contransgan.io import Image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.quantities import measured
from napari_contransgan.tie.lit_area import SMALLEST_SIDE_PX, largest_rectangle
from napari_contransgan.tiles import TRAINING_CROP_PX, crop_tiles, save_tiles, training_notes


@dataclass(frozen=True)
class SavedLabels:
    """Files that were written.

    Parameters
    ----------
    paths : tuple of Path
        The files.
    grid : TileSettings
        Grid into which the frame was divided.
    notes : tuple of str
        Whether the tiles are too small for training, and what was left out.
    """

    paths: tuple[Path, ...]
    grid: TileSettings
    notes: tuple[str, ...]


def label_grid(image: Image) -> TileSettings:
    """Return the grid with the most tiles that each hold a training crop; one tile for a smaller frame.

    Raises
    ------
    InputError
        If the image has no pixel size.
    """
    pixel_size_um = check_pixel_size(image.pixel_size_um, image.name)
    side_px = math.ceil(TRAINING_CROP_PX * MODEL_PIXEL_SIZE_UM / pixel_size_um - 1e-6)
    rows, columns = (max(1, side // side_px) for side in image.data.shape[-2:])
    return TileSettings(rows=rows, columns=columns)


def save_labels(phase: Image, folder: Path) -> Generator[Progress, None, SavedLabels]:
    """Cut a phase into tiles and save them, with each time point in its own file.

    Parameters
    ----------
    phase : Image
        YX, or TYX or TZYX over time with a single plane.
    folder : Path
        Where the OME-TIFFs go; tiles of other images are never replaced, see `napari_contransgan.tiles.save_tiles`.

    Yields
    ------
    Progress
        After each file.

    Returns
    -------
    SavedLabels

    Raises
    ------
    InputError
        As `napari_contransgan.tiles.save_tiles` does, and if the phase has no pixel size or is 0 throughout.
    """
    yield Progress(0, 1, "Cutting tiles")
    check_pixel_size(phase.pixel_size_um, phase.name)
    frames = _single_frames(in_memory(phase))
    parts = [part for part in map(_measured_part, frames) if part is not None]
    if not parts:
        raise InputError(f"{phase.name}: contains no phase to cut into labels: compute it again from better planes")
    tiles = [tile for part in parts for tile in crop_tiles(part, label_grid(part))]
    paths = yield from save_tiles(tiles, folder)
    notes = training_notes(tiles)
    if len(parts) < len(frames):
        notes.append(f"{len(frames) - len(parts)} of {len(frames)} time points contain no phase and were left out")
    if any(part.data.shape != frames[0].data.shape for part in parts):
        notes.append("areas without light and borders without data were cut off")
    return SavedLabels(tuple(paths), label_grid(parts[0]), tuple(notes))


def _measured_part(frame: Image) -> Image | None:
    """Crop a frame to the largest rectangle with phase; return None if there is hardly any."""
    if not np.any(frame.data):
        return None
    yx_measured = measured(frame)
    if yx_measured.all():
        return frame
    rows, columns = largest_rectangle(yx_measured)
    if min(rows.stop - rows.start, columns.stop - columns.start) < SMALLEST_SIDE_PX:
        return None
    y_um, x_um = frame.origin_yx_um
    pixel_size_um = frame.pixel_size_um or 0.0
    origin_yx_um = (y_um + rows.start * pixel_size_um, x_um + columns.start * pixel_size_um)
    return replace(frame, data=frame.data[rows, columns].copy(), origin_yx_um=origin_yx_um)


def _single_frames(phase: Image) -> list[Image]:
    if phase.axes == "YX":
        return [phase]
    frames = phase.data.reshape(-1, *phase.data.shape[-2:])  # a Z axis, if any, has length one
    return [
        replace(phase, data=frame, axes="YX", time_step_s=None, z_step_um=None, name=f"{phase.name} t{time:03d}")
        for time, frame in enumerate(frames)
    ]
