"""OME-TIFFs that are one of several files: which are there, which are missing, and which do not belong to the set."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tifffile

NAMED = 4
"""So many missing files are named."""


@dataclass(frozen=True)
class SetOfFiles:
    """The files that an OME description names for one image.

    Parameters
    ----------
    names : tuple of str
        All of them, in the order of the description.
    missing : tuple of str
        Those that are not in the folder.
    foreign : tuple of str
        Those that are there, but belong to another set.
    """

    names: tuple[str, ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...]

    def described(self) -> str:
        """Say what is missing, as a part of a sentence."""
        parts = [
            f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {what}"
            for names, what in ((self.missing, "missing"), (self.foreign, "from another set"))
            if names
        ]
        return f"this file is one of a set of {len(self.names)} files, and {' and '.join(parts)}"


def set_of_files(path: Path, root: ElementTree.Element, element: ElementTree.Element | None) -> SetOfFiles:
    """Look for the files that a description names in the folder of the file.

    A file is of the set if the description knows its identifier; one without an identifier is taken to be of the set.

    Parameters
    ----------
    path : Path
        The file that was opened.
    root : Element
        Its OME description.
    element : Element or None
        The image in question; None for all of them.
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


def _identifier(path: Path) -> str | None:
    try:
        with tifffile.TiffFile(path) as tif:
            return ElementTree.fromstring(tif.ome_metadata or "").get("UUID")  # noqa: S314
    except (OSError, ValueError, ElementTree.ParseError, tifffile.TiffFileError):
        return None


def _listed(names: tuple[str, ...]) -> str:
    text = ", ".join(names[:NAMED])
    return text if len(names) <= NAMED else f"{text} and {len(names) - NAMED} more"
