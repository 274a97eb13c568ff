"""Sort file names in natural order."""

import re
from collections.abc import Iterable
from pathlib import Path


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort paths by folder and name, with numbers in names by their value: ``img_2`` before ``img_10``.

    Parameters
    ----------
    paths : iterable of Path
        The files.
    """
    return sorted(paths, key=lambda path: (str(path.parent), _parts(path.name), path.name))


def _parts(name: str) -> list[tuple[int, int, str]]:
    """Split a name into numbers and texts that can be compared."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
