"""One writer at a time in a folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import empty_folders_removed

LOCK = ".lock"

_log = logging.getLogger(__name__)


@contextmanager
def folder_locked(folder: Path, other: str) -> Iterator[None]:
    """Lock a folder, creating it if needed, so that no other process writes results to it.

    The operating system releases the lock when the process ends, for whatever reason. A folder that was created here
    and is still empty is removed again.

    Parameters
    ----------
    folder : Path
        The folder.
    other : str
        What another process would be, for the message, such as "training".

    Raises
    ------
    InputError
        If another process has locked it, or nothing can be written there.
    """
    is_new = not folder.exists()
    # A task may be closed by a thread other than the one that started it, so the lock belongs to the process.
    lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
    with empty_folders_removed(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise InputError(
                f"{folder}: another {other} is writing to this folder; stop it or choose another folder"
            ) from None
        except NotImplementedError:
            _log.warning("%s: its file system has no locks, so a second %s there would not be detected", folder, other)
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be written: {error.strerror or error}; choose another folder"
            ) from error
        try:
            yield
        finally:
            lock.release()
            with suppress(OSError):
                if is_new and [path.name for path in folder.iterdir()] == [LOCK]:
                    (folder / LOCK).unlink()
