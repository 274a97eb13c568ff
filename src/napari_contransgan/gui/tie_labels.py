"""Phase as training labels: a folder of tiles that the trainer takes as its phase images."""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from napari_contransgan.config import TileSettings
from napari_contransgan.events import Progress
from napari_contransgan.gui.layers import in_memory
from napari_contransgan.io import Image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, check_pixel_size
from napari_contransgan.tiles import TRAINING_CROP_PX, crop_tiles, save_tiles, training_notes


@dataclass(frozen=True)
class SavedLabels:
    """What was written.

    Parameters
    ----------
    paths : tuple of Path
        The files.
    grid : TileSettings
        How the frame was divided.
    notes : tuple of str
        Whether they are too small to train on.
    """

    paths: tuple[Path, ...]
    grid: TileSettings
    notes: tuple[str, ...]


def label_grid(image: Image) -> TileSettings:
    """As many tiles as the frame gives with each still holding a training crop, and one for a smaller frame.

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
    """Cut a phase into tiles and write them, each time point in a file of its own.

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
        As `napari_contransgan.tiles.save_tiles` does, and if the phase has no pixel size.
    """
    yield Progress(0, 1, "Cutting tiles")
    grid = label_grid(phase)
    tiles = [tile for frame in _single_frames(in_memory(phase)) for tile in crop_tiles(frame, grid)]
    paths = yield from save_tiles(tiles, folder)
    return SavedLabels(tuple(paths), grid, tuple(training_notes(tiles)))


def _single_frames(phase: Image) -> list[Image]:
    if phase.axes == "YX":
        return [phase]
    frames = phase.data.reshape(-1, *phase.data.shape[-2:])  # Z, where there is one, has length one
    return [
        replace(phase, data=frame, axes="YX", time_step_s=None, z_step_um=None, name=f"{phase.name} t{time:03d}")
        for time, frame in enumerate(frames)
    ]
