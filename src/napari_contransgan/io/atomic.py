"""Write files so that a killed process never leaves a half-written file; the one way to write in this package.

A file is written into a folder of its own next to its place and then moved there. The name of that folder is short, so
that every legal file name can be written, and names the process. What killed processes left is removed at the next
write; nothing else is ever removed.
"""

import errno
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from napari_contransgan.errors import InputError

MOST_NAME_BYTES = 255
"""Longest file name of all common file systems."""

_TEMPORARY = ".contransgan"
_BEFORE = ".before"


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, which replaces the one of that name at the end of the block.

    A process that is killed leaves the old one or the new one, unless it is killed between the two moves that replace
    an old folder. Missing parent folders are created, and removed again if the block fails.

    Yields
    ------
    Path
        A path where nothing is; it has the name of `path`, in a temporary folder.
    """
    with empty_folders_removed(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        folder = own_folder(path.parent)
        temporary = folder / path.name
        try:
            yield temporary
            files = (one for one in temporary.rglob("*") if one.is_file()) if temporary.is_dir() else [temporary]
            for one in files:
                _sync_file(one)
            _move_over(temporary, path, folder / _BEFORE)
            _sync_folder(path.parent)
        except OSError as error:
            if error.errno is not None and (error.filename is None or str(error.filename).startswith(str(temporary))):
                error.filename = str(path)  # an error of a full disk does not name the file
            raise
        finally:
            _remove(folder)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill at any moment leaves the old or the new one, never a part of one."""
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(content)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file; if there is no space for all of it, none of it is kept, and no new file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    is_new = not path.exists()
    try:
        with path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                file.truncate(size)
                error.filename = str(path)
                raise
    except OSError:
        if is_new:
            with suppress(OSError):
                path.unlink()
        raise


@contextmanager
def replaced_together(folder: Path) -> Iterator[Path]:
    """Yield an empty folder for files that belong together; at the end of the block they move to another folder.

    If the block fails, the files that they would have replaced stay as they are. Errors name the final paths.

    Parameters
    ----------
    folder : Path
        Where the files move to; it is created if needed, and removed again if the block fails.

    Yields
    ------
    Path
        A folder within `folder`.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    with empty_folders_removed(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            own = own_folder(folder)
        except OSError as error:
            raise InputError(
                f"nothing can be written there: {error.strerror or error}: choose another folder", source=folder
            ) from error
        try:
            yield own
            for path in sorted(own.iterdir()):
                _move_over(path, folder / path.name, own / f"{path.name}{_BEFORE}")
            _sync_folder(folder)
        except InputError as error:
            if str(own) not in str(error):
                raise
            moved = str(error.source).replace(str(own), str(folder))
            raise type(error)(error.reason.replace(str(own), str(folder)), source=moved, hint=error.hint) from error
        finally:
            _remove(own)


@contextmanager
def empty_folders_removed(folder: Path) -> Iterator[None]:
    """At the end of the block, remove the folders that it created and left empty.

    Parameters
    ----------
    folder : Path
        The block creates this folder and its parents, as far as they are missing.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        yield
    finally:
        for one in missing:
            with suppress(OSError):
                one.rmdir()


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield an empty folder for temporary files, and remove it at the end of the block, also after an interrupt.

    Folders that killed processes of this computer left are removed first.

    Parameters
    ----------
    parent : Path or None
        Folder that holds it; without it, the system's folder for temporary files.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    remove_leftovers(parent)
    folder = own_folder(parent)
    try:
        yield folder
    finally:
        _remove(folder)


def own_folder(parent: Path, name: str = _TEMPORARY) -> Path:
    """Create a folder of this process, which `remove_leftovers` recognises by its name."""
    folder = parent / f"{name}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(mode=0o700)
    except BaseException:  # an interrupt that arrives meanwhile
        with suppress(OSError):
            folder.rmdir()
        raise
    return folder


def _remove(folder: Path) -> None:
    """Remove a folder, to the end even if an interrupt arrives meanwhile."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def remove_leftovers(parent: Path, name: str = _TEMPORARY, *, kept_s: float = 0.0) -> None:
    """Remove the folders that ended processes of this computer left in a folder, and nothing else.

    Parameters
    ----------
    parent : Path
        The folder that holds them.
    name : str
        What `own_folder` was told; without it, half-written files are removed.
    kept_s : float
        Folders that were changed less than this time ago are kept.
    """
    leftover = re.compile(rf"{re.escape(name)}-(?P<host>[0-9a-f]{{8}})-(?P<pid>\d{{1,9}})-\w{{8}}")
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            found = leftover.fullmatch(entry.name)
            if not found or found["host"] != _host() or not _is_gone(int(found["pid"]), entry):
                continue
            if time.time() - entry.stat(follow_symlinks=False).st_mtime >= kept_s:
                shutil.rmtree(entry.path, ignore_errors=True)


def check_names(paths: list[Path]) -> None:
    """Raise an error for names that no file system takes, before the work for these files begins.

    Raises
    ------
    InputError
        Naming the file.
    """
    for path in paths:
        length = len(os.fsencode(path.name))
        if length > MOST_NAME_BYTES:
            raise InputError(
                f"its name is {length} bytes long, and at most {MOST_NAME_BYTES} can be written: shorten it",
                source=path,
            )


def _host() -> str:
    """Return a short name of this computer or container, whose process numbers are its own."""
    space = Path("/proc/self/ns/pid")
    text = socket.gethostname() + (str(space.stat().st_ino) if space.exists() else "")
    return f"{zlib.crc32(text.encode()):08x}"


def _is_gone(pid: int, entry: "os.DirEntry[str]") -> bool:
    """Return whether the process that made a folder has ended."""
    if not entry.is_dir(follow_symlinks=False):
        return False
    try:
        process = psutil.Process(pid)
        is_another = process.create_time() > entry.stat(follow_symlinks=False).st_mtime + 1
        return bool(is_another or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError):
        return False


def _move_over(new: Path, path: Path, before: Path) -> None:
    """Replace a file or folder; an old folder is moved to `before` first, since only files can be replaced at once."""
    if new.is_dir() and path.exists():
        path.rename(before)
    try:
        new.replace(path)
    except OSError:
        if before.exists():
            before.rename(path)
        raise


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
