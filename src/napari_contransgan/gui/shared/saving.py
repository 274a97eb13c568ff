"""Save the layers of a result as OME-TIFF or OME-Zarr, with pixel size, unit and wavelength."""

import re
from collections.abc import Generator, Sequence
from pathlib import Path

from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.io import Image, image_stem, write_image
from napari_contransgan.io.zarr_store import is_zarr_name
from napari_contransgan.progress import Progress

ENDING = ".ome.tif"
TYPES = "OME-TIFF or OME-Zarr with units (*.tif *.tiff *.zarr)"


def with_ending(path: Path) -> Path:
    """Return a path that ends in ``.tif``, ``.tiff`` or ``.zarr``, adding ``.ome.tif`` to any other."""
    return path if path.suffix.lower() in (".tif", ".tiff", ".zarr") else path.with_name(path.name + ENDING)


def file_name(name: str) -> str:
    """Return a layer's name without the characters that some systems do not allow in file names."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "_", name).strip(" .") or "result"


def ask_where_to_save(parent: QWidget, layers: Sequence[ImageLayer], folder: Path | None) -> Path | None:
    """Let the user choose the file of the first layer; return None if the dialog is cancelled."""
    name = file_name(layers[0].name) + ENDING
    start = str(folder / name) if folder is not None else name
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save the result", start, TYPES)
    return Path(chosen) if chosen else None


def targets_of(layers: Sequence[ImageLayer], chosen: Path) -> list[Path]:
    """Return the file of each layer: the chosen one for the first, and one next to it with its own name for the others.

    Raises
    ------
    InputError
        If a file that the user was not asked about is there already.
    """
    first = with_ending(chosen)
    stem, taken = image_stem(first), layers[0].name
    ending = first.name[len(stem) :] if is_zarr_name(first) else ENDING
    targets = [first]
    for layer in layers[1:]:
        kind = layer.name if not _common(taken, layer.name) else layer.name[len(_common(taken, layer.name)) :]
        targets.append(first.with_name(f"{stem} {file_name(kind)}{ending}"))
    for target in targets:
        if target != chosen and target.exists():
            raise InputError("is there already: choose another name", source=target)
    return targets


def saving_events(images: Sequence[Image], targets: Sequence[Path]) -> Generator[Progress, None, Sequence[Path]]:
    """Write images to files, in a worker."""
    for step, (image, target) in enumerate(zip(images, targets, strict=True)):
        yield Progress(step, len(images), f"Saving {target.name}")
        write_image(target, image)
    return targets


def images_of(layers: Sequence[ImageLayer]) -> list[Image]:
    """Return the images of layers; see `image_from_layer`."""
    return [image_from_layer(layer) for layer in layers]


def _common(one: str, other: str) -> str:
    """Return the words with which two names begin alike."""
    words = []
    for a, b in zip(one.split(" "), other.split(" "), strict=False):
        if a != b:
            break
        words.append(a)
    return " ".join(words) + " " if words else ""
