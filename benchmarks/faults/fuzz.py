"""Read damaged files in processes with limits of time and memory, and record what happened.

The processes are forked from one that has imported and used everything, so that each starts at once; one that dies or
hangs is replaced, and goes on with the next file.
"""

import contextlib
import mmap
import os
import random
import resource
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil
from benchmarks.faults.loaders import attack_on

IN_ROUND = {"tiff": 400, "settings": 500, "checkpoint": 100}
"""Files of each reader in a round."""

MORE_BYTES = 1_500_000_000
"""Memory that a process may take on top of the program itself; the damaged files are at most 1 MB."""
SECONDS_EACH = 20.0
STUCK_S = 60.0
ASLEEP_S = 900.0
_READ, _REJECTED, _FAULT = 1, 2, 3


@dataclass
class Round:
    """What happened to the files of one reader in a round.

    Parameters
    ----------
    read, rejected : int
        Number of files that were read, or rejected with a message.
    faults : dict
        Any other outcome, by number of the file.
    """

    read: int = 0
    rejected: int = 0
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of files by outcome."""
        return {"read": self.read, "rejected": self.rejected, **Counter(self.faults.values())}


class Fuzzer:
    """Attacks one reader.

    Parameters
    ----------
    kind : {"tiff", "settings", "checkpoint"}
        The reader.
    seed : int
        The files depend only on it and on their number.
    kept : Path
        Folder for files that revealed a fault.
    folder : Path
        A folder for the damaged files, which does not exist yet.
    """

    def __init__(self, kind: str, seed: int, kept: Path, folder: Path) -> None:
        self._kind, self._seed, self._kept, self._folder = kind, seed, kept, folder
        (folder / "seeds").mkdir(parents=True)
        self._attack = attack_on(kind, folder / "seeds")
        self._path = folder / "fuzzed"

    def round(self, number: int) -> Round:
        """Read the files of a round."""
        count = IN_ROUND[self._kind]
        first = number * count
        outcomes = mmap.mmap(-1, count)  # shared with the processes, so that it survives them
        found = Round()
        while (done := outcomes.find(b"\0")) >= 0:
            noted = self._folder / "faults"
            noted.write_text("")
            pid = os.fork()
            if pid == 0:
                self._work(outcomes, first, done)
            status = _ended(pid, outcomes)
            found.faults |= {int(at): text for at, _, text in map(_parted, noted.read_text().splitlines())}
            if (died := outcomes.find(b"\0")) >= 0:
                outcomes[died] = _FAULT
                found.faults[first + died] = "hang" if status == -signal.SIGKILL else f"crash: status {status}"
                self._keep(first + died)
        found.read, found.rejected = (outcomes[:].count(value) for value in (_READ, _REJECTED))
        return found

    def _work(self, outcomes: mmap.mmap, first: int, done: int) -> NoReturn:
        """Read files in a process of its own, until all are done or one ends it."""
        status = 1
        try:
            most = psutil.Process().memory_info().vms + MORE_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGPROF, _too_slow)
            with (self._folder / "noise").open("wb") as noise, (self._folder / "faults").open("a") as faults:
                os.dup2(noise.fileno(), 2)
                heard = 0
                for at in range(done, len(outcomes)):
                    text = self._outcome(first + at)
                    heard, before = os.fstat(2).st_size, heard
                    if text in ("read", "refused") and heard > before:
                        text = "noise on standard error"
                    if text not in ("read", "refused"):
                        self._keep(first + at)
                        faults.write(f"{first + at} {text}\n")
                        faults.flush()
                    outcomes[at] = {"read": _READ, "refused": _REJECTED}.get(text, _FAULT)
            status = 0
        finally:
            os._exit(status)

    def _outcome(self, number: int) -> str:
        rng = random.Random(f"{self._kind} {self._seed} {number}")  # noqa: S311 - not for security
        signal.setitimer(signal.ITIMER_PROF, SECONDS_EACH)  # processor time, whatever else runs
        try:
            return self._attack(rng, self._path)
        except _SlowError:
            return f"slow: over {SECONDS_EACH:g} s of processor time"
        except Exception as error:
            return f"traceback: {type(error).__name__}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _keep(self, number: int) -> None:
        damaged = max(self._folder.glob("fuzzed*"), key=lambda one: one.stat().st_mtime_ns, default=None)
        if damaged is not None:
            self._kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(damaged, self._kept / f"{self._kind}-{self._seed}-{number}{damaged.suffix}")


class _SlowError(BaseException):
    """One file took too long."""


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise _SlowError


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(" ")


def _ended(pid: int, outcomes: mmap.mmap) -> int:
    """Wait for a process, end it if it is stuck at one file, and return its status; negative for a signal."""
    process = psutil.Process(pid)
    at, cpu_s, began = -1, 0.0, time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        with contextlib.suppress(psutil.Error):
            now_s = sum(process.cpu_times()[:2])
            if (now := outcomes.find(b"\0")) != at:
                at, cpu_s, began = now, now_s, time.monotonic()
            elif now_s - cpu_s > STUCK_S or time.monotonic() - began > ASLEEP_S:
                process.kill()
        time.sleep(0.05)
