"""Which phase map belongs to which image, by their file names.

An image and its phase map form a pair if their file names are equal, or become equal after everything that this
program appends to names is removed:

======================================== ==========================================================================
part of a name                           where it comes from
======================================== ==========================================================================
``.tif``, ``.tiff``, ``.ome.tif``        the file type
characters other than letters, digits,   replaced by ``_`` in the names of tiles, and by napari when it suggests a
``_``, ``-`` and ``.``                   file name for a layer; several in a row count as one, those at the end as none
``_phase``                               phase maps of ``tie`` and ``predict`` in a folder, and layers opened from them
`` phase (TIE)``                         layers of the TIE widget; `` [1]`` follows if the name was taken
`` phase (TIE) t003``                    time points of such a layer, saved one by one as training labels
`` phase (predicted)``, ``_predicted``   layers of the Predict widget
`` tiles``                               layers of the Crop widget
``_layer_0``                             one of several layers of a file
``lr_``, ``stack_``, ``tie_``, ``phase_`` layers opened from a folder that ``simulate`` wrote, before the field's number
======================================== ==========================================================================

The position of a tile, ``_r0c1``, is not removed but compared, wherever it is in the name: ``a_r0c1_phase`` and
``a_phase_TIE__r0c1`` both belong to ``a_r0c1``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_contransgan.errors import InputError
from napari_contransgan.io import image_stem

_TILE = re.compile(r"_(r\d+c\d+)$")
_MADE = re.compile(
    r"_(?:phase_(?:TIE|predicted)(?:_\d+)?(?:_t(?P<time>\d{3,}))?|phase|predicted|layer_\d+|tiles)$",
    re.IGNORECASE,
)
_SIMULATED = re.compile(r"^(?:lr|stack|tie|phase)_(?=\d{4,}$)")


@dataclass(frozen=True)
class FrameName:
    """The origin of a file, read from its name.

    Parameters
    ----------
    frame : str
        Name of the frame, without anything that this program appends.
    tile : str
        Position of the tile in it, such as ``r0c1``; empty for a whole frame.
    time : int or None
        Number of the time point, if a phase map over time was saved frame by frame.
    """

    frame: str
    tile: str = ""
    time: int | None = None


@dataclass(frozen=True)
class NamedPair:
    """An image file and the phase maps that belong to it by name.

    Parameters
    ----------
    image : Path
        The image.
    phase : tuple of Path
        One phase map; or one for each of `times`.
    times : tuple of int
        Time points of the phase maps, if each has its own file; else empty.
    """

    image: Path
    phase: tuple[Path, ...]
    times: tuple[int, ...] = ()


def frame_name(path: Path) -> FrameName:
    """Read the name of a file."""
    name = re.sub(r"([^\w.\-]|_)+", "_", image_stem(path))
    tiles: list[str] = []
    time = None
    while True:
        name = name[:1] + name[1:].rstrip("_")
        if found := _TILE.search(name):
            tiles.insert(0, found[1])
        elif found := _MADE.search(name):
            time = time if found["time"] is None else int(found["time"])
        if not found or found.start() == 0:
            return FrameName(_SIMULATED.sub("", name), "_".join(tiles), time)
        name = name[: found.start()]


def match_names(images: Sequence[Path], phase_maps: Sequence[Path]) -> tuple[list[NamedPair], list[Path], list[Path]]:
    """Find the phase map of each image by name; equal file names take precedence.

    Parameters
    ----------
    images, phase_maps : sequence of Path
        The files of two folders.

    Returns
    -------
    pairs : list of NamedPair
        In the order of the images.
    lone_images, lone_phase_maps : list of Path
        Those without a partner.

    Raises
    ------
    InputError
        Naming two files that match the same one.
    """
    equal = {path.name: path for path in phase_maps}
    taken = {path.name for path in images if path.name in equal}
    by_place: dict[tuple[str, str], list[tuple[int | None, Path]]] = {}
    for path in phase_maps:
        if path.name not in taken:
            name = frame_name(path)
            by_place.setdefault((name.frame, name.tile), []).append((name.time, path))
    owners: dict[tuple[str, str], Path] = {}
    pairs, lone = [], []
    for image in images:
        if image.name in taken:
            pairs.append(NamedPair(image, (equal[image.name],)))
            continue
        name = frame_name(image)
        place = (name.frame, name.tile)
        if place not in by_place:
            lone.append(image)
            continue
        if place in owners:
            raise InputError(
                f"{owners[place]} and {image} both fit the phase map {by_place[place][0][1]}: rename one of them"
            )
        owners[place] = image
        pairs.append(_paired(image, by_place[place]))
    unused = [path for place, found in by_place.items() if place not in owners for _, path in found]
    return pairs, lone, sorted(unused)


def _paired(image: Path, found: Sequence[tuple[int | None, Path]]) -> NamedPair:
    by_time: dict[int | None, Path] = {}
    for time, path in found:
        other = found[0][1] if by_time and (time is None or None in by_time) else by_time.get(time)
        if other is not None:
            raise InputError(f"{image}: two phase maps fit it, {other} and {path}: rename or remove one of them")
        by_time[time] = path
    if None in by_time:
        return NamedPair(image, (by_time[None],))
    ordered = sorted((time, path) for time, path in by_time.items() if time is not None)
    return NamedPair(image, tuple(path for _, path in ordered), tuple(time for time, _ in ordered))
