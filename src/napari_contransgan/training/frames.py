"""Images for training: checked, normalised, brought to the model's grid, and kept in memory up to a budget."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, to_luminance
from napari_contransgan.models.normalisation import (
    contrast_on_model_grid,
    light_of_frame,
    shape_on_model_grid,
    to_model_grid,
)
from napari_contransgan.notes import doubts_added
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.training.events import ImageSkipped
from napari_contransgan.training.file_frames import FileFrame, read_file_frame

CACHE_BYTES = 3 * 2**30
"""Limit for all lists of a run together."""

MAX_UNLABELLED_PHASE_RAD = 100.0
"""A float image without a stated quantity counts as phase up to this value; camera counts are far higher."""


@dataclass
class FrameCache:
    """A cache of half-precision frames, shared by the lists of a run.

    Parameters
    ----------
    budget_bytes : int
        Above this, the least recently used frames are removed.
    """

    budget_bytes: int = CACHE_BYTES
    used_bytes: int = field(default=0, init=False)
    _kept: OrderedDict[Hashable, tuple[torch.Tensor, ...]] = field(default_factory=OrderedDict, init=False, repr=False)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
        """Return the frame of a key, making and storing it if needed; float32, rounded to half precision.

        It is rounded even if it is not stored, since the input of a step must not depend on the cache.
        """
        images = self._kept.get(key)
        if images is None:
            images = tuple(image.half() for image in make())
            size_bytes = _size_bytes(images)
            if size_bytes <= self.budget_bytes:
                while self.used_bytes + size_bytes > self.budget_bytes:
                    self.used_bytes -= _size_bytes(self._kept.popitem(last=False)[1])
                self._kept[key] = images
                self.used_bytes += size_bytes
        else:
            self._kept.move_to_end(key)
        return tuple(image.float() for image in images)


def _size_bytes(images: Sequence[torch.Tensor]) -> int:
    return sum(image.element_size() * image.numel() for image in images)


MAX_BAD_IN_A_ROW = 20
"""After so many unreadable files in a row, the fault is not in single files."""


class UnusableImageError(InputError):
    """An image is unusable and is left out from now on; another may take its place."""


@dataclass
class BadImages:
    """Unusable files, for the lists of a run that continues without them.

    Parameters
    ----------
    reasons : dict
        Why, by path.
    """

    reasons: dict[Path, str] = field(default_factory=dict)
    _untold: list[ImageSkipped] = field(default_factory=list, init=False, repr=False)
    _in_a_row: int = field(default=0, init=False, repr=False)

    def leave_out(self, path: Path, reason: str) -> UnusableImageError:
        """Record a file that failed during the run, and return the exception to raise.

        Raises
        ------
        InputError
            If so many failed in a row that the fault must be elsewhere.
        """
        self.reasons[path] = reason
        self._untold.append(ImageSkipped(path, reason))
        self._in_a_row += 1
        if self._in_a_row >= MAX_BAD_IN_A_ROW:
            raise InputError(
                f"{path.parent}: {self._in_a_row} images in a row are unusable: check the disk, then "
                f"resume the run; the last: {reason}"
            )
        return UnusableImageError(reason)

    def note_good(self) -> None:
        """Record that a file could be read."""
        self._in_a_row = 0

    def take_untold(self) -> list[ImageSkipped]:
        """Return the images that were left out since the last call."""
        untold, self._untold = self._untold, []
        return untold


class FrameList(Protocol):
    """Images of one kind to draw from, whatever their source."""

    def __len__(self) -> int:
        """Return the number of images, including those that are left out."""

    def key(self, index: int) -> Hashable:
        """Return the identity of image `index`; it is the same wherever a list contains it again."""

    def is_bad(self, index: int) -> bool:
        """Return whether image `index` is left out."""

    def load(self, index: int, crop_px: int) -> torch.Tensor:
        """Return image `index` on the model's grid, float32, shape (H, W), at least `crop_px` on each side."""


@dataclass(frozen=True)
class Joined:
    """Several lists joined end to end.

    Parameters
    ----------
    lists : sequence of FrameList
        The lists.
    """

    lists: Sequence[FrameList]

    def __len__(self) -> int:
        return sum(map(len, self.lists))

    def find(self, index: int) -> tuple[FrameList, int]:
        """Return the list that contains frame `index`, and its index there."""
        for part in self.lists:
            if index < len(part):
                return part, index
            index -= len(part)
        raise IndexError(index)

    def key(self, index: int) -> Hashable:
        """Return the identity of frame `index`."""
        part, number = self.find(index)
        return part.key(number)

    def is_bad(self, index: int) -> bool:
        """Return whether frame `index` is left out."""
        part, number = self.find(index)
        return part.is_bad(number)

    def load(self, index: int, crop_px: int) -> torch.Tensor:
        """Return frame `index` from its own list."""
        part, number = self.find(index)
        return part.load(number, crop_px)


@dataclass(frozen=True)
class Frames:
    """A list of images of one kind, read from files.

    Parameters
    ----------
    files : sequence of FileFrame
        The images: one to a file, or several.
    kind : {"lr", "phase"}
        Bright-field frames become contrast, phase maps stay radians.
    cache : FrameCache
        Where frames are stored; shared with other lists.
    bad : BadImages or None
        Where unusable files are recorded, to continue without them; None refuses them.
    """

    files: Sequence[FileFrame]
    kind: str
    cache: FrameCache = field(default_factory=FrameCache)
    bad: BadImages | None = None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def paths(self) -> list[Path]:
        """Return the file of each image."""
        return [file.path for file in self.files]

    def key(self, index: int) -> Hashable:
        """Return the identity of image `index`."""
        return self.files[index]

    def is_bad(self, index: int) -> bool:
        """Return whether image `index` is left out; if so, all images of its file are."""
        return self.bad is not None and self.files[index].path in self.bad.reasons

    def load(self, index: int, crop_px: int) -> torch.Tensor:
        """Return frame `index` on the model's grid, float32, shape (H, W), at least `crop_px` on each side.

        Raises
        ------
        UnusableImageError
            If the file is unusable and the run continues without such files.
        InputError
            Naming the file, if it is unusable and the run stops at such files, or its folder, if that is gone.
        """
        file = self.files[index]
        path = file.path
        if self.bad is not None and path in self.bad.reasons:
            raise UnusableImageError(self.bad.reasons[path])
        try:
            (image,) = self.cache.get((file, self.kind), lambda: (self._read(file),))
            check_size(file, (image.shape[0], image.shape[1]), crop_px)
        except InputError as error:
            if _is_gone(path.parent):
                raise InputError(
                    "the folder is gone or empty; restore it, then resume the run, which continues from its last save",
                    source=path.parent,
                    hint="resume",
                ) from error
            if self.bad is None:
                raise
            raise self.bad.leave_out(path, str(error)) from error
        return image

    def _read(self, file: FileFrame) -> torch.Tensor:
        image = load_frame(file, self.kind)
        if self.bad is not None:
            self.bad.note_good()
        return image


def _is_gone(folder: Path) -> bool:
    """Return whether a folder is missing or empty, as a mount point is after its drive was removed."""
    try:
        return next(folder.iterdir(), None) is None
    except OSError:
        return True


def load_frame(file: FileFrame, kind: str) -> torch.Tensor:
    """Read one image for training.

    Parameters
    ----------
    file : FileFrame
        An image of a TIFF with a pixel size.
    kind : {"lr", "phase"}
        How the image is normalised.

    Returns
    -------
    Tensor, float32, shape (H, W)
        Contrast or radians on the model's grid.

    Raises
    ------
    InputError
        Naming the file, if it is unusable.
    """
    image = read_frame(file, kind)
    pixel_size_um = check_pixel_size(image.pixel_size_um, image.name)
    if kind == "lr":
        return contrast_on_model_grid(image.data, pixel_size_um, is_mirrored=False)[0]
    return to_model_grid(torch.from_numpy(np.asarray(image.data, np.float32)), pixel_size_um)


def read_frame(file: FileFrame, kind: str) -> Image:
    """Read one image without normalising it, and check its kind and pixel size.

    A bright-field frame is returned as counts of light above the dark level stated in the file, with 0 in borders
    without data. A floating-point file without a stated quantity is taken for radians up to 100 rad in magnitude.

    Raises
    ------
    InputError
        Naming the file, if it is unusable.
    """
    image = read_file_frame(file)
    if kind == "phase":
        _check_phase(image)
    elif image.quantity != "intensity":
        raise InputError(f"{image.name}: is a {image.quantity} map, not a low-resolution frame; check the folders")
    image, _ = to_luminance(image)
    with doubts_added(image.notes):
        check_pixel_size(image.pixel_size_um, image.name)
    return _light_of(image) if kind == "lr" else image


def _light_of(image: Image) -> Image:
    if image.data.size == 0 or image.data.dtype.kind not in "uifb":
        raise InputError(f"{image.name}: does not contain counts; give an image as recorded")
    try:
        yx_light, _ = light_of_frame(image.data, image.dark_counts or 0.0)
    except InputError as error:
        raise InputError(f"{image.name}: {error}") from error
    return replace(image, data=yx_light, dark_counts=None)


def size_on_model_grid(image: Image) -> tuple[int, int]:
    """Return the height and width of a single frame on the model's grid; nothing is resampled."""
    return shape_on_model_grid(image.data.shape, check_pixel_size(image.pixel_size_um, image.name))


def check_size(name: object, shape_yx: tuple[int, int], crop_px: int) -> None:
    """Raise if a frame of `shape_yx` on the model's grid is too small for a crop.

    Raises
    ------
    InputError
        Naming the frame.
    """
    if min(shape_yx) < crop_px:
        raise InputError(
            f"{name}: {shape_yx[0]} x {shape_yx[1]} px on the model's grid, smaller than the training crop of "
            f"{crop_px} px; choose a smaller crop_px or larger tiles"
        )


def _check_phase(image: Image) -> None:
    if image.data.dtype.kind != "f":
        raise InputError(
            f"{image.name}: holds {image.data.dtype} numbers, not phase in radians; make phase maps with 'tie'"
        )
    if not np.isfinite(image.data).all():
        raise InputError(f"{image.name}: holds NaN or infinite values; replace them before training")
    if image.quantity not in ("phase", "intensity"):
        raise InputError(f"{image.name}: holds {image.quantity}, not phase; check the folders")
    largest_rad = float(np.abs(image.data).max())
    if image.quantity != "phase" and largest_rad > MAX_UNLABELLED_PHASE_RAD:
        raise InputError(
            f"{image.name}: does not say that it holds phase, and reaches {largest_rad:g}; without that, only "
            f"values up to {MAX_UNLABELLED_PHASE_RAD:g} rad are taken for radians; make phase maps with 'tie'"
        )
