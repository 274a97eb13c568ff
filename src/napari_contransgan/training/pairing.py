"""The pairs in two folders: which image belongs to which phase map, image by image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_contransgan.config import PairFolders
from napari_contransgan.errors import InputError
from napari_contransgan.io import find_images, image_stem
from napari_contransgan.training.file_frames import Contents, FileFrame, contents_of, frames_of
from napari_contransgan.training.pair_names import NamedPair, match_names


@dataclass(frozen=True)
class FoundPairs:
    """The pairs in two folders.

    Parameters
    ----------
    lr, phase : list of FileFrame
        The images and, at the same index, their phase maps; that of a focus stack belongs to each of its planes.
    bad : mapping
        Images whose phase map has different planes or time points, and why; empty unless they are to be left out.
    notes : tuple of str
        Notes on files that are not used.
    """

    lr: list[FileFrame]
    phase: list[FileFrame]
    bad: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def halves(entry: Path | PairFolders) -> tuple[Path, Path]:
    """Return the folder of the images and the folder of their phase maps."""
    return (entry.lr, entry.phase) if isinstance(entry, PairFolders) else (entry / "lr", entry / "phase")


def find_pairs(entry: Path | PairFolders, *, skip_bad: bool) -> FoundPairs:
    """Find the pairs in two folders, by name; see `napari_contransgan.training.pair_names`.

    A focus stack with one phase map gives a pair for each of its planes. A series gives a pair for each time point and
    needs a phase map for each.

    Parameters
    ----------
    entry : Path or PairFolders
        A folder that contains the folders ``lr`` and ``phase``, or two folders.
    skip_bad : bool
        Whether to continue without images that have no phase map, or one with different planes or time points.

    Raises
    ------
    InputError
        If a folder is missing or contains no image, an image has no phase map, or a name matches two files.
    """
    lr_folder, phase_folder = halves(entry)
    if isinstance(entry, Path) and entry.is_dir() and not (lr_folder.is_dir() and phase_folder.is_dir()):
        missing = phase_folder if lr_folder.is_dir() else lr_folder
        raise InputError(
            f"{missing}: there is no such folder: give a folder of pairs that has the folders lr and phase in it, or "
            f"a folder of images and a folder of their phase maps"
        )
    named, lone, unused = match_names(find_images(lr_folder), find_images(phase_folder))
    if lone and not (skip_bad and named):
        raise InputError(
            f"{lone[0]}: has no phase map of the same name in {phase_folder}: call the phase map "
            f"{_suggested_name(lone[0])}, or remove the image"
        )
    lr_contents = contents_of([pair.image for pair in named], skip_bad=skip_bad)
    maps = [path for pair in named for path in pair.phase]
    phase_contents = dict(zip(maps, contents_of(maps, skip_bad=skip_bad), strict=True))
    found = FoundPairs([], [], bad := {}, tuple(_notes(lone, unused, phase_folder)))
    for pair, contents in zip(named, lr_contents, strict=True):
        frames, of_phase = frames_of(pair.image, contents), [phase_contents[path] for path in pair.phase]
        try:
            phase = _phase_frames(pair, contents, of_phase)
        except InputError as error:
            if not skip_bad:
                raise
            bad[pair.image] = str(error)
            frames, phase = frames[:1], frames_of(pair.phase[0], of_phase[0])[:1]
        found.lr.extend(frames)
        found.phase.extend(phase)
    return found


def _suggested_name(image: Path) -> str:
    stem = image_stem(image)
    return f"{image.name} or {stem}_phase{image.name[len(stem) :]}"


def _notes(lone: Sequence[Path], unused: Sequence[Path], phase_folder: Path) -> list[str]:
    notes = []
    if lone:
        images = "1 image has" if len(lone) == 1 else f"{len(lone)} images have"
        notes.append(f"{images} no phase map and are left out, the first is {lone[0].parent.name}/{lone[0].name}")
    if unused:
        files = "1 file" if len(unused) == 1 else f"{len(unused)} files"
        notes.append(f"{files} in {phase_folder.name} without an image of the same name, the first is {unused[0].name}")
    return notes


def _phase_frames(pair: NamedPair, lr: Contents, phase: Sequence[Contents]) -> list[FileFrame]:
    """Return the phase map of each image of a file.

    Raises
    ------
    InputError
        Naming both files, if their planes or time points differ.
    """
    places = np.indices(lr.lengths).reshape(len(lr.axes), -1).T if lr.axes else np.zeros((1, 0), int)
    if pair.times:
        if (
            "T" not in lr.axes
            or pair.times != tuple(range(lr.lengths[lr.axes.index("T")]))
            or any(one.axes for one in phase)
        ):
            raise InputError(
                f"{pair.image} holds {lr.describe()}, and the phase maps from {pair.phase[0]} to {pair.phase[-1].name} "
                f"belong to the time points {', '.join(map(str, pair.times))}: give a phase map for each time point"
            )
        return [FileFrame(pair.phase[time]) for time in places[:, lr.axes.index("T")]]
    (path,), (contents,) = pair.phase, phase
    lengths = dict(zip(lr.axes, lr.lengths, strict=True))
    wanted = {axis: lengths.get(axis) for axis in contents.axes}
    fits = wanted == dict(zip(contents.axes, contents.lengths, strict=True))
    if not fits or ("T" in lr.axes and "T" not in contents.axes):
        raise InputError(
            f"{pair.image} holds {lr.describe()}, and {path} {contents.describe()}: give a phase map for each time "
            f"point, and one or as many as there are planes"
        )
    if not contents.axes:
        return [FileFrame(path)] * len(places)
    columns = [places[:, lr.axes.index(axis)] for axis in contents.axes]
    numbers = np.ravel_multi_index(columns, contents.lengths)
    return [FileFrame(path, int(number), contents.axes) for number in numbers]
