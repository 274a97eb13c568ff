"""Read damaged files in processes of their own, and count what happened."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

STUCK_S = 300.0
AT_ONCE = 2000


def fuzzed(kind: str, count: int, kept: Path, seed: int = 0) -> Counter[str]:
    """Attack a reader with damaged files; a process that dies or hangs counts as one fault and is replaced.

    Parameters
    ----------
    kind : {"tiff", "settings", "checkpoint"}
        The reader.
    count : int
        Number of files.
    kept : Path
        Folder for files that revealed a fault.
    seed : int
        The files depend only on it and on their number.

    Returns
    -------
    Counter
        Number of files by outcome: ``read``, ``refused``, or a fault.
    """
    counts: Counter[str] = Counter()
    done = 0
    while done < count:
        last = min(done + AT_ONCE, count)
        reached, found = _worked(kind, seed, done, last, kept)
        counts += found
        done = reached
    return counts


def _worked(kind: str, seed: int, first: int, last: int, kept: Path) -> tuple[int, Counter[str]]:
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.json"
        command = [sys.executable, "-m", "benchmarks.faults.worker", kind, *map(str, (seed, first, last, report, kept))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:  # noqa: S603
            while process.poll() is None:
                number = report.with_suffix(".number")
                if number.exists() and time.time() - number.stat().st_mtime > STUCK_S:
                    process.kill()
                time.sleep(0.2)
            noise = len(process.stderr.read()) if process.stderr else 0
        found: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {"done": 0, "counts": {}}
        counts: Counter[str] = Counter(found["counts"])
        if process.returncode == 0:
            return last, counts + Counter({"noise on standard error": int(noise > 0)})
        at = report.with_suffix(".number")
        reached = int(at.read_text()) + 1 if at.exists() else first + 1
        counts["read or refused before a fault"] += reached - 1 - first - found["done"]
        counts["hang" if process.returncode == -9 else f"crash: status {process.returncode}"] += 1
        return reached, +counts
