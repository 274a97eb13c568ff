"""One training at a time in a run's folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_contransgan.errors import InputError

LOCK = ".lock"

_log = logging.getLogger(__name__)


@contextmanager
def run_locked(run_dir: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where there is none, so that no other training writes into it.

    The operating system lets go of it when the process ends, however that happens. A folder that was made here and in
    which nothing was written is taken away again.

    Raises
    ------
    InputError
        If another training holds it, or nothing can be written there.
    """
    missing = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    # A run may be closed by another thread than the one that began it, so the lock belongs to the process.
    lock = FileLock(run_dir / LOCK, timeout=0, thread_local=False)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{run_dir}: another training writes into this folder; stop it or choose another folder"
        ) from None
    except NotImplementedError:
        _log.warning("%s: its file system knows no locks, so a second training there would not be noticed", run_dir)
    except OSError as error:
        raise InputError(f"{run_dir}: cannot be written: {error.strerror or error}; choose another folder") from error
    try:
        yield
    finally:
        lock.release()
        if missing:
            _take_away_if_empty(run_dir, missing)


def _take_away_if_empty(run_dir: Path, made: list[Path]) -> None:
    with suppress(OSError):
        if [path.name for path in run_dir.iterdir()] in ([], [LOCK]):
            (run_dir / LOCK).unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()
