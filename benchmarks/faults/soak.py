"""Train, predict, retrieve phase and cancel over and over in one process, and watch its memory, threads and files."""

import ctypes
import gc
import math
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from benchmarks.faults import victims

from napari_contransgan import api

SAMPLED_EVERY_S = 10.0
EARLY_S = (240.0, 360.0)
LATE_S = 120.0
MOST_EVENTS = 12


class _CancelledError(Exception):
    """The user cancelled."""


def soaked(folder: Path, kept: Path, minutes: float, seed: int) -> Iterator[dict[str, Any]]:
    """Work for some minutes, and yield a sample of what the process holds every ten seconds.

    Parameters
    ----------
    folder : Path
        An empty folder.
    kept : Path
        Folder that may hold the small data of an earlier run.
    minutes : float
        Duration.
    seed : int
        Seed of the order of the work and of the cancelling.
    """
    data = victims.small_data(kept / "data")
    rng = random.Random(f"soak {seed}")  # noqa: S311 - not for security
    run = folder / "run"
    done: Counter[str] = Counter()

    def train(progress: Callable[[object], None]) -> None:
        # A run that was cancelled is resumed; a finished one continues with more steps.
        steps = 3 * (1 + done["train"])
        api.train(
            run, pairs=[data.pairs], resume=run.exists(), progress=progress, **{**victims.TRAINED, "steps": steps}
        )

    works: dict[str, Callable[[Callable[[object], None]], Any]] = {
        "train": train,
        "predict": lambda progress: api.predict(data.frame, model=str(data.network), progress=progress),
        "predict with the bundled network": lambda progress: api.predict(data.frame, progress=progress),
        "tie": lambda progress: api.retrieve_phase(data.stack, progress=progress),
    }
    began = sampled = time.monotonic()
    while (now := time.monotonic()) - began < 60 * minutes:
        name = rng.choice(list(works))
        try:
            works[name](_cancelling(rng.randint(1, MOST_EVENTS) if rng.random() < 0.5 else 0))
            done[name] += 1
        except _CancelledError:
            done["cancelled"] += 1
        if now - sampled >= SAMPLED_EVERY_S:
            sampled = now
            yield {"seconds": round(now - began, 1), **_held(), "done": dict(done)}


def growth(samples: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return the least, median and mean memory in MB after five minutes, and at the end; nan without samples there.

    What is held depends on which network was used last, so the median can jump between two values.
    """
    last = samples[-1]["seconds"] if samples else 0.0
    early = [one["memory_mb"] for one in samples if EARLY_S[0] <= one["seconds"] <= EARLY_S[1]] or [math.nan]
    late = [one["memory_mb"] for one in samples if one["seconds"] > last - LATE_S] or [math.nan]
    return {
        name: (which(early), which(late))
        for name, which in (("least", min), ("median", statistics.median), ("mean", statistics.fmean))
    }


def _cancelling(after: int) -> Callable[[object], None]:
    """Return a function that is told of progress and cancels at one of its events; never for 0."""
    left = after

    def progress(_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise _CancelledError

    return progress


def _held() -> dict[str, Any]:
    """Return what this process holds: memory of its own, threads, open files and other processes.

    Memory that was freed, but not yet returned to the system, is returned first, so that only what is held is counted.
    """
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    process = psutil.Process()
    return {
        "memory_mb": round(process.memory_full_info().uss / 1e6, 1),
        "threads": process.num_threads(),
        "files": len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else process.num_fds(),  # noqa: PTH208
        "processes": len(process.children(recursive=True)),
    }
