"""Test runs on disks that are full or read-only."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.training.runs import (
    SAVE_EVERY,
    Run,
    count_steps,
    differences,
    finished,
    same_tensors,
    saved_step,
    settings_file,
    start,
    temporaries,
)

from napari_contransgan.training.run_folder import LAST

DISK_BYTES = 64 * 2**20
ROOM_BYTES = 16 * 2**10
"""Free space on the full disk: enough for lines of metrics, but not for a save."""


class CannotMountError(RuntimeError):
    """A small disk cannot be mounted by this user or on this machine."""


@contextmanager
def small_disk(folder: Path, size_bytes: int = DISK_BYTES, options: str = "") -> Iterator[Path]:
    """Mount a disk in memory.

    Raises
    ------
    CannotMountError
        If that is not allowed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    what = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}{options}", "tmpfs", str(folder)]
    try:
        subprocess.run(what, check=True, capture_output=True)  # noqa: S603 - our own
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotMountError("no disk can be mounted here") from error
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)  # noqa: S603, S607


def make_read_only(disk: Path) -> None:
    """Make a small disk read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)  # noqa: S603, S607


def fill(disk: Path, room_bytes: int = ROOM_BYTES) -> Path:
    """Fill a small disk, except for some free space, with a file that can be removed again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - room_bytes))
    return ballast


def full_while_saving(pairs: Path, folder: Path, room_bytes: int = ROOM_BYTES) -> list[str]:
    """Return what goes wrong in a run whose disk is full for a while; empty if nothing does."""
    # Only supervised steps, because a save without discriminators is small.
    config = settings_file(folder / "full.yaml", pairs, "semi-supervised", lr=None, phase=None, steps=8 * SAVE_EVERY)
    whole = folder / "full-whole"
    finished(config, whole)
    wrong = []
    with small_disk(folder / "disk") as disk:
        run = start(config, disk / "run")
        if not run.hold_at(SAVE_EVERY + 1):
            raise RuntimeError(run.text())
        good = (disk / "run" / LAST).read_bytes()
        ballast = fill(disk, room_bytes)
        run.go_on()
        run.wait_until(lambda: run.text().count("NOT SAVED") >= 2)
        run.send(signal.SIGSTOP)
        wrong += [] if (disk / "run" / LAST).read_bytes() == good else ["the old save is not as it was"]
        wrong += [f"half-written: {path.name}" for path in temporaries(disk / "run")]
        ballast.unlink()
        failed_at = count_steps(disk / "run")
        run.go_on()
        wrong += _later_saves(run, failed_at)
        if run.wait():
            wrong.append(f"exit status {run.status()}")
        # A best network that could not be written is lost, and with it the score that later ones must beat.
        wrong += [one for one in differences(disk / "run", whole, 8 * SAVE_EVERY) if "safetensors" not in one]
        wrong += [] if same_tensors(disk / "run", whole) else ["the weights differ"]
    return wrong


def _later_saves(run: Run, failed_at: int) -> list[str]:
    saved = run.wait_until(lambda: saved_step(run.out) > failed_at) or saved_step(run.out) > failed_at
    return [] if saved else ["no save worked after room was made"]


def full_at_the_start(pairs: Path, folder: Path) -> Run:
    """Return a finished run that started on a full disk."""
    config = settings_file(folder / "full-start.yaml", pairs)
    with small_disk(folder / "full-disk") as disk:
        fill(disk, 0)
        run = start(config, disk / "run")
        run.wait()
    return run


def full_at_the_end(pairs: Path, folder: Path) -> Run:
    """Return a finished run whose disk was full from its first save on."""
    config = settings_file(
        folder / "full-end.yaml", pairs, "semi-supervised", lr=None, phase=None, steps=3 * SAVE_EVERY
    )
    with small_disk(folder / "end-disk") as disk:
        run = start(config, disk / "run")
        if run.hold_at(SAVE_EVERY + 1):
            fill(disk)
            run.go_on()
        run.wait()
    return run


def read_only(pairs: Path, folder: Path) -> Run:
    """Return a finished run that started on a read-only disk."""
    config = settings_file(folder / "read-only.yaml", pairs)
    with small_disk(folder / "ro-disk", options=",ro") as disk:
        run = start(config, disk / "run")
        run.wait()
    return run


def read_only_later(pairs: Path, folder: Path) -> list[str]:
    """Return what goes wrong when a run is resumed on a disk that has become read-only."""
    config = settings_file(folder / "ro-later.yaml", pairs, steps=2)
    with small_disk(folder / "ro-later-disk") as disk:
        finished(config, disk / "run")
        before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        make_read_only(disk)
        run = start(settings_file(config, pairs, steps=4), disk / "run", "--resume")
        wrong = [] if run.wait() == 2 and "cannot be written" in run.text() else [f"{run.status()}: {run.text()}"]
        after = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        return wrong if after == before else [*wrong, "files changed"]
