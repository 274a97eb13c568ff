"""Writing files so that no kill leaves a part of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEFTOVER = ".part-"
"""Names of files that are being written begin so, and no others."""
LEFTOVER_OF_SAFETENSORS = ".tmp??????"
"""Its `save_file` writes beside the file that it is given, under a name of its own, and then renames."""


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Give a file to write that takes the place of another at the end, so that a kill leaves the old or the new one.

    Yields
    ------
    Path
        Empty, beside `path`; it goes away if the block fails.
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
            error.filename = str(path)  # a write on a full disk does not name its file
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one, never a part."""
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(content)


def remove_leftovers(folder: Path) -> None:
    """Remove what kills have left half-written in a folder and those below; nobody else may be writing there."""
    for pattern in (f"{LEFTOVER}*", LEFTOVER_OF_SAFETENSORS):
        for path in folder.rglob(pattern):
            path.unlink(missing_ok=True)
