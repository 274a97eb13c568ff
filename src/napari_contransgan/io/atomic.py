"""Write files so that a killed process never leaves a half-written file."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEFTOVER = ".part-"
"""Prefix of the names of files that are being written, and of no others."""
LEFTOVER_OF_SAFETENSORS = ".tmp??????"
"""The `save_file` of safetensors writes to a name of its own next to the given file, and then renames it."""


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces another at the end, so that a killed process leaves the old or the new one.

    Yields
    ------
    Path
        An empty file next to `path`; it is removed if the block fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{LEFTOVER}{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(path)  # an error of a full disk does not name the file
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old or the new one, never a part of one."""
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(content)


def remove_leftovers(folder: Path) -> None:
    """Remove half-written files of killed processes from a folder and its subfolders; nothing else may write there."""
    for pattern in (f"{LEFTOVER}*", LEFTOVER_OF_SAFETENSORS):
        for path in folder.rglob(pattern):
            path.unlink(missing_ok=True)
