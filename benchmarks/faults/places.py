"""Folders for files that are read once."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one


@contextmanager
def in_memory() -> Iterator[Path]:
    """Yield an empty folder, in memory where the system has one, and remove it in the end."""
    with tempfile.TemporaryDirectory(
        prefix="faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)
