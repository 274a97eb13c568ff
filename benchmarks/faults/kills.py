"""Kill each command at random moments, look at its files, and let it finish."""

import csv
import filecmp
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image

SIMULATED = ("simulate", "--specimen", "hela", "--objective", "10x", "--seed", "3")
TRAINED = ("--generator", "unet", "--preset", "tiny", "--steps", "6", "--batch-size", "1", "--crop", "64", "--resume")


@dataclass(frozen=True)
class Victim:
    """A command to kill.

    Parameters
    ----------
    name : str
        Its name.
    options : callable
        Its options, for a folder of results.
    same : tuple of str
        Results that an uninterrupted run writes byte for byte or pixel for pixel.
    """

    name: str
    options: Callable[[Path], list[str]]
    same: tuple[str, ...]


@dataclass
class Tally:
    """What the kills of a command did.

    Parameters
    ----------
    kills : int
        Number of kills that met a running process.
    broken : int
        Results that were half-written after a kill.
    left : int
        Files and folders of killed processes that were left in the end.
    failed : int
        1 if the command did not finish afterwards.
    differs : int
        Results that differ from those of an uninterrupted run.
    """

    kills: int = 0
    broken: int = 0
    left: int = 0
    failed: int = 0
    differs: int = 0


def prepared(folder: Path) -> dict[str, Victim]:
    """Simulate small data, and return the commands that use it."""
    fields, small = folder / "fields", folder / "small"
    _finished([*SIMULATED, "--count", "1", "--out", str(fields)])
    _finished([*SIMULATED, "--count", "4", "--no-stacks", "--field-px", "96", "--out", str(small)])
    stack, frame, phase = (str(fields / part / "0000.ome.tif") for part in ("stack", "lr", "phase"))
    name = "result.ome.tif"
    victims = (
        Victim("tie", lambda out: ["tie", stack, "--out", str(out / name), "--also", "uncertainty"], (name,)),
        Victim("predict", lambda out: ["predict", frame, "--out", str(out / name)], (name,)),
        Victim("measure", lambda out: ["measure", phase, "--out", str(out / "objects.csv")], ("objects.csv",)),
        Victim(
            "simulate",
            lambda out: [*SIMULATED, "--count", "2", "--no-stacks", "--field-px", "96", "--out", str(out)],
            ("lr/0000.ome.tif", "phase/0001.ome.tif", "dataset.json"),
        ),
        Victim(
            "train", lambda out: ["train", "--pairs", str(small), *TRAINED, "--out", str(out)], ("best.safetensors",)
        ),
        Victim(
            "adapt",
            lambda out: ["adapt", "--stack", stack, "--steps", "3", "--replay", "0", "--out", str(out)],
            ("best.safetensors",),
        ),
    )
    return {victim.name: victim for victim in victims}


def killed(victim: Victim, folder: Path, count: int, seed: int = 0) -> Tally:
    """Kill a command at random moments, then let it finish, and compare with an uninterrupted run.

    Parameters
    ----------
    victim : Victim
        The command.
    folder : Path
        An empty folder.
    count : int
        Number of kills.
    seed : int
        Seed of the moments.
    """
    whole, out = folder / "whole", folder / "killed"
    began = time.monotonic()
    _finished(victim.options(whole))
    takes_s = time.monotonic() - began
    rng = random.Random(f"{victim.name} {seed}")  # noqa: S311 - not for security
    tally = Tally()
    for _ in range(4 * count):
        if tally.kills == count:
            break
        with _started(victim.options(out)) as process:
            try:
                process.wait(rng.uniform(0.1, 1.05) * takes_s)
            except subprocess.TimeoutExpired:
                process.kill()
                tally.kills += 1
        tally.broken += sum(not _is_whole(path) for path in _results(out))
        if process.returncode != -signal.SIGKILL:
            _clear(out)  # it was faster this time, or had finished already
    if not (out / "best.safetensors").is_file() or victim.name != "adapt":
        tally.failed = int(_started(victim.options(out)).wait() != 0)
    tally.left = sum(1 for path in out.rglob(".*") if path.name != ".lock")
    tally.differs = sum(not _is_same(out / name, whole / name) for name in victim.same if victim.name != "adapt")
    return tally


def terminated(victim: Victim, folder: Path) -> tuple[int | None, int]:
    """Ask a command to end in the middle (SIGTERM), and return its status and the number of hidden files it left."""
    out = folder / "terminated"
    process = _started(victim.options(out))
    while process.poll() is None and not list(out.rglob(".contransgan-*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.wait()
    return process.returncode, len(list(out.rglob(".contransgan-*")))


def _started(options: list[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "napari_contransgan.cli", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603


def _finished(options: list[str]) -> None:
    if _started(options).wait() != 0:
        raise RuntimeError(f"failed: {' '.join(options)}")


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def _results(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_whole(path: Path) -> bool:
    from napari_contransgan.models.tensor_file import TensorFileError, read_header

    try:
        if path.suffix == ".tif":
            return bool(np.asarray(read_image(path).data).size)
        if path.suffix == ".safetensors":
            return bool(read_header(path).tensors)
        if path.suffix == ".csv":
            with path.open(encoding="utf-8") as file:
                return len({len(row) for row in csv.reader(file)}) == 1
    except (InputError, TensorFileError):
        return False
    return path.suffix == ".jsonl" or path.stat().st_size > 0  # a line of the metrics is completed at the next start


def _is_same(one: Path, other: Path) -> bool:
    if not (one.is_file() and other.is_file()):
        return False
    if one.suffix == ".tif":
        return np.array_equal(read_image(one).data, read_image(other).data)
    return filecmp.cmp(one, other, shallow=False)
