"""Training images of a file: one image, the planes of a focus stack, or the frames of a series.

Each plane and each time point is a separate image. Only their number is read beforehand; the pixels of one are read
when it is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, read_image

MAX_HEADERS_READ = 500
"""In a larger folder so many evenly spaced files are opened; if all hold single images, so do the others."""


@dataclass(frozen=True)
class Contents:
    """The axes of a file that count its images.

    Parameters
    ----------
    axes : str
        Some of T and Z, in the order of the file; empty for a single image.
    lengths : tuple of int
        Length of each.
    """

    axes: str = ""
    lengths: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of images."""
        return prod(self.lengths)

    def describe(self) -> str:
        """Describe the images, such as ``"3 planes"``."""
        names = {"T": "time points", "Z": "planes"}
        counts = zip(self.axes, self.lengths, strict=True)
        return " x ".join(f"{length} {names[axis]}" for axis, length in counts) or "a single image"


@dataclass(frozen=True)
class FileFrame:
    """One image of a file.

    Parameters
    ----------
    path : Path
        The file.
    number : int or None
        Index of the image, counted along `axes`; None for a file with a single image.
    axes : str
        The axes that count the images of the file.
    """

    path: Path
    number: int | None = None
    axes: str = ""

    def __str__(self) -> str:
        return str(self.path) if self.number is None else f"{self.path} (frame {self.number})"


def read_file_frame(frame: FileFrame) -> Image:
    """Read one image of a file, with the file's name.

    Raises
    ------
    InputError
        Naming the file, if it cannot be read or its contents have changed since it was inspected.
    """
    if frame.number is None:
        image = read_image(frame.path)
        if counting_axes(image):
            raise InputError(
                f"{frame.path}: has axes {image.axes}, but the other files of its folder that were checked hold single "
                f"images: put stacks and series into a separate folder"
            )
        return replace(image, name=str(frame.path))
    image = read_image(frame.path, lazy=True)
    contents = _contents(image)
    if contents.axes != frame.axes or frame.number >= contents.count:
        raise InputError(f"{frame.path}: was changed after the training checked it: start or resume the training again")
    index = tuple(int(place) for place in np.unravel_index(frame.number, contents.lengths))
    return replace(
        image, data=np.asarray(image.data[index]), axes=image.axes[len(index) :], name=str(frame), z_step_um=None
    )


def counting_axes(image: Image) -> str:
    """Return the axes of an image other than rows, columns and colours.

    Raises
    ------
    InputError
        If there are axes other than T and Z.
    """
    axes = image.axes.removesuffix("S").removesuffix("YX")
    if set(axes) - set("TZ"):
        raise InputError(f"{image.name}: has axes {image.axes}: save each channel as a separate file")
    return axes


def contents_of(paths: Sequence[Path], *, skip_bad: bool) -> list[Contents]:
    """Read the axes of the files of a folder, without their pixels.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    skip_bad : bool
        Whether an unreadable file counts as a single image, to be left out when its pixels are needed.

    Raises
    ------
    InputError
        Naming a file that cannot be read, unless `skip_bad`.
    """

    def look(path: Path) -> Contents:
        try:
            return _contents(replace(read_image(path, lazy=True), name=str(path)))
        except InputError:
            if not skip_bad:
                raise
            return Contents()

    if len(paths) > MAX_HEADERS_READ:
        some = np.linspace(0, len(paths) - 1, MAX_HEADERS_READ).round().astype(int)
        if not any(look(paths[index]).axes for index in some):
            return [Contents()] * len(paths)
    return [look(path) for path in paths]


def frames_of(path: Path, contents: Contents) -> list[FileFrame]:
    """List the images of a file, the last axis running fastest."""
    if not contents.axes:
        return [FileFrame(path)]
    return [FileFrame(path, number, contents.axes) for number in range(contents.count)]


def describe_files(frames: Sequence[FileFrame]) -> str:
    """Describe which files images come from, such as ``"36 planes of 12 stacks"``; empty for single images only."""
    parts = []
    for axes, what in (("Z", "planes of {} stack"), ("T", "frames of {} series"), ("TZ", "planes of {} stack series")):
        some = [frame for frame in frames if frame.axes and set(frame.axes) == set(axes)]
        if some:
            files = len({frame.path for frame in some})
            parts.append(f"{len(some)} {what.format(files)}{'s' if axes == 'Z' and files > 1 else ''}")
    single = sum(not frame.axes for frame in frames)
    return " and ".join([f"{single} single image{'s' if single > 1 else ''}"] * bool(single and parts) + parts)


def _contents(image: Image) -> Contents:
    axes = counting_axes(image)
    return Contents(axes, tuple(image.data.shape[: len(axes)]))
