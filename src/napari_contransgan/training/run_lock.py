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
    """Lock a run's folder, creating it if needed, so that no other training writes to it.

    The operating system releases the lock when the process ends, for whatever reason. A folder that was created here
    and is still empty is removed again.

    Raises
    ------
    InputError
        If another training has locked it, or nothing can be written there.
    """
    missing = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    # A run may be closed by a thread other than the one that started it, so the lock belongs to the process.
    lock = FileLock(run_dir / LOCK, timeout=0, thread_local=False)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InputError(
            f"{run_dir}: another training is writing to this folder; stop it or choose another folder"
        ) from None
    except NotImplementedError:
        _log.warning("%s: its file system has no locks, so a second training there would not be detected", run_dir)
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
