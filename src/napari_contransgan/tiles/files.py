"""Cut images into tiles, and write the tiles to files for training."""

import hashlib
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import TileSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, image_stem, read_image, write_image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM, check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.quantities import measured
from napari_contransgan.tiles.geometry import partition

LEAST_MEASURED = 0.99
TRAINING_CROP_PX: int = TrainSettings.model_fields["crop_px"].default


def crop_tiles(image: Image, settings: TileSettings) -> list[Image]:
    """Cut an image into tiles, each with its own position in the specimen.

    Parameters
    ----------
    image : Image
        An image whose axes contain Y and X; all other axes are kept whole.
    settings : TileSettings
        The grid.

    Returns
    -------
    list of Image
        Row by row, named ``{name}_r{row}c{column}``, with the image's units and their own origin. ``settings["tile"]``
        records the position of the tile and its source image, by name and a digest of its pixels.

    Raises
    ------
    InputError
        If the image has no pixel size, or its frame cannot be divided (see `partition`).
    """
    if image.pixel_size_um is None:
        raise InputError("no pixel size, so its tiles would have no position: state it in um", source=image.name)
    y_axis, x_axis = image.axes.index("Y"), image.axes.index("X")
    shape_yx = (image.data.shape[y_axis], image.data.shape[x_axis])
    try:
        tiles = partition(shape_yx, settings.rows, settings.columns, settings.overlap_px)
    except InputError as error:
        raise error.named(image.name) from None
    source = {"source": image.name, "source_digest": _digest(image.data)}
    cropped = []
    for tile in tiles:
        index = [slice(None)] * image.data.ndim
        index[y_axis], index[x_axis] = tile.slices
        place = {"row": tile.row, "column": tile.column, "y_px": tile.y, "x_px": tile.x} | source
        origin_yx_um = (
            image.origin_yx_um[0] + tile.y * image.pixel_size_um,
            image.origin_yx_um[1] + tile.x * image.pixel_size_um,
        )
        cropped.append(
            replace(
                image,
                data=image.data[tuple(index)].copy(),
                origin_yx_um=origin_yx_um,
                name=f"{image.name}_r{tile.row}c{tile.column}",
                settings={**image.settings, "tile": settings.model_dump(mode="json") | place},
            )
        )
    return cropped


def save_tiles(tiles: Sequence[Image], out: Path) -> Generator[Progress, None, list[Path]]:
    """Write the tiles of `crop_tiles` to a folder as OME-TIFFs, each named after its tile.

    Characters that some systems do not allow in file names become ``_``. Tiles of the same image and grid may be
    replaced; others are never replaced.

    Parameters
    ----------
    tiles : sequence of Image
        Tiles of one image or of several.
    out : Path
        Folder, created if missing.

    Yields
    ------
    Progress
        After each tile.

    Returns
    -------
    list of Path
        The written files, one for each tile.

    Raises
    ------
    InputError
        Before anything is written, if two tiles have the same name, or if the folder contains a file of a tile's name
        from another image or grid. Also if the folder cannot be created.
    """
    targets = _check_targets(tiles, out)
    for step, (tile, target) in enumerate(zip(tiles, targets, strict=True), start=1):
        write_image(target, tile)
        yield Progress(step, len(tiles), f"saved tile {step} of {len(tiles)}")
    return targets


def write_tiles(
    paths: Sequence[Path], out: Path, settings: TileSettings, *, pixel_size_um: float | None = None
) -> Generator[Progress, None, list[Path]]:
    """Cut image files into a folder of OME-TIFF tiles.

    Parameters
    ----------
    paths : sequence of Path
        Images that `napari_contransgan.io.read_image` reads.
    out : Path
        Folder, created if missing; tiles are named after their file, ``{stem}_r{row}c{column}.ome.tif``.
    settings : TileSettings
        The grid.
    pixel_size_um : float, optional
        Pixel size of all images, instead of the files'.

    Yields
    ------
    Progress
        After each file.

    Returns
    -------
    list of Path
        The written tiles.

    Raises
    ------
    InputError
        Before anything is written, if no file is given, if two files would write the same tiles, if a file cannot be
        read, has no pixel size or cannot be divided, or if the folder contains other tiles of these names (see
        `save_tiles`). Also if the folder cannot be created.
    """
    if not paths:
        raise InputError("no image was given: name one or more files to cut into tiles")
    stems = [_safe(image_stem(path)) for path in paths]
    doubled = next((stem for stem in stems if stems.count(stem) > 1), None)
    if doubled is not None:
        raise InputError(f"two images are called {doubled}, so their tiles would overwrite each other: rename one")
    for path in paths:  # one at a time, because all images together may not fit into memory
        _check_targets(_cut(path, settings, pixel_size_um), out)
    written = []
    for index, path in enumerate(paths):
        for tile in _cut(path, settings, pixel_size_um):
            target = _target(out, tile)
            write_image(target, tile)
            written.append(target)
        yield Progress(index + 1, len(paths), f"cut {path.name} into {settings.rows} x {settings.columns} tiles")
    return written


def training_notes(tiles: Iterable[Image]) -> list[str]:
    """Return notes on tiles that are too small for the default training crop, have several channels, or lack phase.

    Each plane of a focus stack and each time point of a series is an image of its own in training.

    Parameters
    ----------
    tiles : iterable of Image
        Tiles with a pixel size.

    Returns
    -------
    list of str
        A note for each.
    """
    smallest_px, has_channels, count, gappy = TRAINING_CROP_PX, False, 0, 0
    for tile in tiles:
        count += 1
        gappy += _has_gaps(tile)
        has_channels = has_channels or "C" in tile.axes
        for axis in "YX":
            side_um = tile.data.shape[tile.axes.index(axis)] * (tile.pixel_size_um or MODEL_PIXEL_SIZE_UM)
            smallest_px = min(smallest_px, round(side_um / MODEL_PIXEL_SIZE_UM))
    notes = []
    if has_channels:
        notes.append(
            "tiles with several channels cannot be used for training: save one channel as an image, and cut that"
        )
    if smallest_px < TRAINING_CROP_PX:
        notes.append(
            f"tiles of {smallest_px} px on the model's grid of {MODEL_PIXEL_SIZE_UM:g} um are "
            f"smaller than the training crop of {TRAINING_CROP_PX} px: use fewer tiles"
        )
    if gappy:
        notes.append(
            f"{gappy} of {count} tiles contain areas without phase, where there was no light or no data: "
            "leave them out of training"
        )
    return notes


def _has_gaps(tile: Image) -> bool:
    """Return whether a tile of a computed phase map has areas without phase."""
    is_computed = tile.quantity == "phase" and ("tie_report" in tile.settings or "predict" in tile.settings)
    return is_computed and (not np.any(tile.data) or float(measured(tile).mean()) < LEAST_MEASURED)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.\-]+", "_", name).strip(".") or "_"


def _target(out: Path, tile: Image) -> Path:
    return out / f"{_safe(tile.name)}.ome.tif"


def _digest(data: NDArray[Any]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(data).view(np.uint8).data, digest_size=8).hexdigest()


def _cut(path: Path, settings: TileSettings, pixel_size_um: float | None) -> list[Image]:
    image = replace(read_image(path), name=image_stem(path))
    if pixel_size_um is not None:
        image = replace(image, pixel_size_um=check_pixel_size(pixel_size_um, str(path)))
    try:
        return crop_tiles(image, settings)
    except InputError as error:
        raise error.named(path, instead_of=image.name) from None


def _check_targets(tiles: Sequence[Image], out: Path) -> list[Path]:
    targets = [_target(out, tile) for tile in tiles]
    if len(set(targets)) < len(targets):
        doubled = next(target for target in targets if targets.count(target) > 1)
        raise InputError("two tiles have this name: rename an image, or save to two folders", source=doubled)
    for tile, target in zip(tiles, targets, strict=True):
        if target.exists() and _cut_from(target) != tile.settings.get("tile"):
            raise InputError(
                "already exists and belongs to another image or grid: choose an empty folder", source=target
            )
    return targets


def _cut_from(path: Path) -> Mapping[str, Any] | None:
    try:
        cut: Mapping[str, Any] | None = read_image(path).settings.get("tile")
    except InputError:
        return None  # not an image, so not one of our tiles
    return cut
