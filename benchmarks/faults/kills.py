"""Kill each command at chosen moments, look at its files, and let it finish.

A moment is the n-th time that the command is about to change a file (create, rename or delete one), some milliseconds
after it, or an amount of processor time: none of them depends on how busy the computer is.
"""

import contextlib
import ctypes
import importlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from benchmarks.faults.victims import Victim, ended, forked
from benchmarks.faults.whole import is_same, is_whole, results

KILLED = (-signal.SIGKILL, -signal.SIGALRM, -signal.SIGPROF)
STOPPED = (130, 143)
MOST_DELAY_S = 0.01
ORPHANS_END_WITHIN_S = 60
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_OPENED_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_ADOPT_ORPHANS = 36


@dataclass
class Chain:
    """What some kills, one after another, and the run that finished afterwards did.

    Parameters
    ----------
    kills : int
        Kills that met a running process.
    requests : int
        Requests to end (SIGTERM) that met one.
    faults : list of str
        What was lost.
    """

    kills: int = 0
    requests: int = 0
    faults: list[str] = field(default_factory=list)


class Killer:
    """Kills one command.

    Parameters
    ----------
    victim : Victim
        The command.
    folder : Path
        A folder that does not exist yet.
    """

    def __init__(self, victim: Victim, folder: Path) -> None:
        if sys.platform == "linux":  # so that processes that outlive a killed parent are seen
            ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
        self._others = {child.pid for child in psutil.Process().children(recursive=True)}
        self._victim, self._folder, self._out = victim, folder, folder / "out"
        self._scratch, self._whole = folder / "scratch", folder / "whole"
        self._scratch.mkdir(parents=True)
        self._told, self._pid = folder / "told", 0
        self._changes, self._cpu_s = self._uninterrupted()

    def chain(self, rng: random.Random) -> Chain:
        """Kill the command one to three times in one folder, then let it finish and compare its results."""
        found = Chain()
        _clear(self._out)
        has_old = self._victim.old is not None and rng.random() < 0.5
        if self._victim.old is not None and has_old:
            self._out.mkdir(exist_ok=True)
            shutil.copyfile(self._victim.old, self._out / self._victim.same[0])
        for _ in range(rng.choice((1, 1, 2, 3))):
            is_request = rng.random() < 0.15
            status = self._ended(self._at_a_moment(rng, is_request))
            found.kills += status in KILLED
            found.requests += status in STOPPED
            found.faults += self._faults(status, has_old)
            if status not in KILLED + STOPPED:
                break
            if not self._victim.goes_on(self._out):  # the result was complete before the kill, and has been checked
                return found
        if not self._victim.goes_on(self._out):
            _clear(self._out)
        status = self._ended(lambda: None)
        found.faults += (
            [f"did not finish: status {status}: {self._last_words()}"] if status else self._faults(status, has_old)
        )
        return found

    def _faults(self, status: int, has_old: bool) -> list[str]:
        """Return what is wrong after a process has ended."""
        found = [f"status {status}: {self._last_words()}"] if status not in (0, *KILLED, *STOPPED) else []
        found += ["an orphan"] if self._orphans_stay() else []
        old = self._victim.old
        for path in results(self._out):
            name = path.relative_to(self._out).as_posix()
            is_right = is_whole(path) if old is None else is_same(path, self._whole / name)
            if not is_right and not (old is not None and is_same(path, old)):
                found.append(f"half-written: {name}")
        if has_old and not (self._out / self._victim.same[0]).is_file():
            found.append("the old file is lost")
        if status not in KILLED:
            hidden = [path.name for path in self._out.rglob(".contransgan-*")]
            if status:  # earlier ones were left by kills
                hidden = [name for name in hidden if name.split("-")[2] == str(self._pid)]
            scratch = (path.name for path in self._scratch.iterdir())
            hidden += [name for name in scratch if not name.startswith("torch")] if status else []
            found += [f"left over: {name.split('-')[0]}" for name in hidden]
        if status == 0:
            same = (name for name in self._victim.same if not is_same(self._out / name, self._whole / name))
            found += [f"differs: {name}" for name in same]
        return found

    def _orphans_stay(self) -> bool:
        """Return whether processes of an ended process still run a while later."""
        left = [child for child in psutil.Process().children(recursive=True) if child.pid not in self._others]
        return bool(psutil.wait_procs(left, timeout=ORPHANS_END_WITHIN_S)[1])

    def _last_words(self) -> str:
        return (self._told.read_text(errors="replace").splitlines() or [""])[-1].replace(str(self._folder), "")

    def _at_a_moment(self, rng: random.Random, is_request: bool) -> Callable[[], None]:
        """Return a function that makes its process end at a random moment, or be asked to end."""
        kind = "before" if is_request else rng.choice(("before", "after", "time"))
        number, delay_s = rng.randint(1, self._changes), rng.uniform(1e-5, MOST_DELAY_S)
        cpu_s = rng.uniform(0.01, 1.0) * self._cpu_s

        def end() -> None:
            if kind == "after":
                signal.setitimer(signal.ITIMER_REAL, delay_s)  # which ends the process like a kill
            else:
                os.kill(os.getpid(), signal.SIGTERM if is_request else signal.SIGKILL)

        def beforehand() -> None:
            for end_by in (signal.SIGALRM, signal.SIGPROF):
                signal.signal(end_by, signal.SIG_DFL)
            if kind == "time":
                signal.setitimer(signal.ITIMER_PROF, cpu_s)
            else:
                _at_change(self._out, number, end)

        return beforehand

    def _uninterrupted(self) -> tuple[int, float]:
        """Run the command once to import what it needs, and once more to count its changes and measure its time."""
        noted = self._folder / "noted"
        self._ended(lambda: None, lambda: noted.write_text("\n".join(sys.modules)))
        for name in noted.read_text().splitlines():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        _clear(self._out)
        count = [0]

        def one_more() -> None:
            count[0] += 1

        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = self._ended(lambda: _at_change(self._out, 0, one_more), lambda: noted.write_text(str(count[0])))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if status:
            raise RuntimeError(f"{self._victim.name} failed with status {status}:\n{self._told.read_text()}")
        self._out.rename(self._whole)
        return int(noted.read_text()), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _ended(self, beforehand: Callable[[], object], afterwards: Callable[[], object] = lambda: None) -> int:
        def prepare() -> None:
            tempfile.tempdir = str(self._scratch)
            beforehand()

        _clear(self._scratch)
        self._pid = forked(self._victim.options(self._out), self._told, prepare, afterwards)
        return ended(self._pid)


def _at_change(folder: Path, number: int, act: Callable[[], None]) -> None:
    """Call a function when this process is about to change a file in a folder for the n-th time; each time for 0."""
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "open":
            is_change = isinstance(arguments[2], int) and bool(arguments[2] & _OPENED_TO_WRITE)
        else:
            is_change = event in _CHANGES
        if is_change and _is_below(arguments[0], folder):
            seen += 1
            if number in (0, seen):
                act()

    sys.addaudithook(watch)


def _is_below(path: object, folder: Path) -> bool:
    """Return whether a path is in a folder; names without a folder are those of files that are being removed in one."""
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    text = os.fsdecode(path)
    return text.startswith(str(folder)) or os.sep not in text


def _clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
