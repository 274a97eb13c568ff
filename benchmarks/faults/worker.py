"""The process that reads damaged files, with limits of time and memory: ``python -m benchmarks.faults.worker``."""

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from benchmarks.faults.loaders import Attack, attack_on

MEMORY_BYTES = 12_000_000_000
SECONDS_EACH = 20
GOOD = ("read", "refused")
NOTED_EVERY_S = 2.0


class _SlowError(BaseException):
    """One file took too long."""


def main(kind: str, seed: int, first: int, last: int, report: Path, kept: Path) -> None:
    """Attack a reader with the files of the numbers `first` to `last`, and write the counts so far to `report`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _too_slow)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "seeds").mkdir()
        attack = attack_on(kind, Path(name) / "seeds")
        path = Path(name) / "fuzzed"
        noted = 0.0
        parent = os.getppid()
        for number in range(first, last):
            if os.getppid() != parent:
                return  # nobody reads the report any more
            _note(report.with_suffix(".number"), str(number))
            outcome = _outcome(attack, random.Random(f"{kind} {seed} {number}"), path)  # noqa: S311
            counts[outcome] += 1
            if outcome not in GOOD:
                damaged = max(Path(name).glob("fuzzed*"), key=lambda one: one.stat().st_mtime_ns)
                shutil.copy(damaged, kept / f"{kind}-{seed}-{number}{damaged.suffix}")
            if time.monotonic() - noted > NOTED_EVERY_S or number == last - 1:
                noted = time.monotonic()
                _note(report, json.dumps({"done": number + 1 - first, "counts": counts}))


def _outcome(attack: Attack, rng: random.Random, path: Path) -> str:
    signal.setitimer(signal.ITIMER_PROF, SECONDS_EACH)  # processor time, whatever else runs
    try:
        return attack(rng, path)
    except _SlowError:
        return f"slow: over {SECONDS_EACH} s of processor time"
    except Exception as error:
        return f"traceback: {type(error).__name__}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise _SlowError


def _note(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:5]]
    main(sys.argv[1], numbers[0], numbers[1], numbers[2], Path(sys.argv[5]), Path(sys.argv[6]))
