"""Find the files of an OME-TIFF set: which are present, which are missing, and which do not belong to the set."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from napari_contransgan.errors import InputError
from napari_contransgan.io.directories import DAMAGED
from napari_contransgan.io.units import number_in

MOST_PLANES = 10_000_000
"""Number of planes that no description of an image exceeds."""
NAMED = 4
"""Largest number of missing files that a message names."""


@dataclass(frozen=True)
class SetOfFiles:
    """Files that an OME description names for one image.

    Parameters
    ----------
    names : tuple of str
        All files, in the order of the description.
    missing : tuple of str
        Files that are not in the folder.
    foreign : tuple of str
        Files that are in the folder but belong to another set.
    """

    names: tuple[str, ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...]

    def described(self) -> str:
        """Describe what is missing, as part of a sentence."""
        parts = [
            f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {what}"
            for names, what in ((self.missing, "missing"), (self.foreign, "from another set"))
            if names
        ]
        return f"this file is one of a set of {len(self.names)} files, and {' and '.join(parts)}"


def set_of_files(path: Path, root: ElementTree.Element, element: ElementTree.Element | None) -> SetOfFiles:
    """Look in the file's folder for the files that its description names.

    A file belongs to the set if the description contains its identifier, or if it has no identifier.

    Parameters
    ----------
    path : Path
        The file that was opened.
    root : Element
        Its OME description.
    element : Element or None
        The image; None for all images.
    """
    uuids = (root if element is None else element).iterfind(".//{*}TiffData/{*}UUID")
    named = {uuid.get("FileName", path.name): (uuid.text or "").strip() for uuid in uuids}
    own = {name for name, text in named.items() if name == path.name or (text and text == root.get("UUID"))}
    known = {(uuid.text or "").strip() for uuid in root.iterfind(".//{*}TiffData/{*}UUID")}
    missing, foreign = [], []
    for name in named:
        if name in own:
            continue
        other = path.parent / Path(name).name
        if not other.is_file():
            missing.append(name)
        elif _identifier(other) not in (None, *known):
            foreign.append(name)
    return SetOfFiles(tuple(named), tuple(missing), tuple(foreign))


def named_files(path: Path, tif: tifffile.TiffFile) -> list[Path]:
    """Return the other files of a set that the OME description names and that exist, before tifffile opens them.

    Raises
    ------
    InputError
        If one is not a regular file, or the description lists more planes than any file holds.
    """
    if not tif.is_ome:
        return []
    try:
        root = ElementTree.fromstring(tif.ome_metadata or "")  # noqa: S314
    except ElementTree.ParseError:
        return []  # tifffile ignores the description too
    _check_numbers(path, root)
    names = {uuid.get("FileName", path.name) for uuid in root.iterfind(".//{*}TiffData/{*}UUID")} - {path.name}
    found = [other for other in (path.parent / name for name in sorted(names)) if other.exists()]
    for other in found:
        if not other.is_file():
            raise InputError("belongs to the set of files but is not a regular file: remove it", source=other)
    return found


def _check_numbers(path: Path, root: ElementTree.Element) -> None:
    """Raise an error if the description would make tifffile list an impossible number of planes."""
    for pixels in root.iterfind("{*}Image/{*}Pixels"):
        sizes = [number_in(pixels.get(f"Size{letter}", "1")) or 1.0 for letter in "ZCT"]
        stated = [number_in(value) or 0.0 for data in pixels.iterfind("{*}TiffData") for value in data.attrib.values()]
        if math.prod(sizes) > MOST_PLANES or max(stated, default=0.0) > MOST_PLANES:
            raise InputError(DAMAGED, source=path)


def _identifier(path: Path) -> str | None:
    try:
        with tifffile.TiffFile(path) as tif:
            return ElementTree.fromstring(tif.ome_metadata or "").get("UUID")  # noqa: S314
    except (OSError, ValueError, ElementTree.ParseError, tifffile.TiffFileError):
        return None


def _listed(names: tuple[str, ...]) -> str:
    text = ", ".join(names[:NAMED])
    return text if len(names) <= NAMED else f"{text} and {len(names) - NAMED} more"
