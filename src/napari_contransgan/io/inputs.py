"""Find the images that files, folders and patterns stand for."""

import glob
from collections.abc import Sequence
from pathlib import Path

from napari_contransgan.errors import InputError
from napari_contransgan.io.order import natural_order
from napari_contransgan.io.reading import find_images
from napari_contransgan.io.zarr_store import contents_stamp, is_zarr


def find_inputs(inputs: Sequence[Path]) -> list[Path]:
    """Return the images that files, folders and patterns such as ``day?/*.tif`` stand for, each once.

    Raises
    ------
    InputError
        If a folder holds no image, or nothing fits a pattern.
    """
    found: dict[Path, None] = {}
    for path in inputs:
        if is_folder(path):
            found |= dict.fromkeys(find_images(path))
        elif stands_for_many(path):
            matches = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - may be absolute
            files = natural_order(one for one in matches if one.is_file() or is_zarr(one))
            if not files:
                raise InputError("no file fits this pattern: check the path", source=path)
            found |= dict.fromkeys(files)
        else:
            found[path] = None
    return list(found)


def stands_for_many(path: Path) -> bool:
    """Return whether a path is a folder of images or a pattern, and not the name of an image."""
    return is_folder(path) or (not path.exists() and any(sign in str(path) for sign in "*?["))


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder of images, and not an OME-Zarr image, which is a folder too."""
    return path.is_dir() and not is_zarr(path)


def size_and_time(path: Path) -> list[int]:
    """Return the size of a file or OME-Zarr image and the time of its last change; zeros if there is none."""
    try:
        if path.is_dir():
            return contents_stamp(path)
        status = path.stat()
    except OSError:
        return [0, 0]
    return [status.st_size, status.st_mtime_ns]
