"""Measure prediction in seconds and training in images per second, alone and next to busy programs."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import torch
from benchmarks.training.data import make_pairs
from benchmarks.training.timing import print_head, print_row

from napari_contransgan.models.compute import fast_in_bf16
from napari_contransgan.threads import THREADS, threads_to_predict, threads_to_train, usable_cores

REPEATS = 3
BUSY = (0, 1, 2)
"""Numbers of busy programs, each on one core."""

BUSY_PROGRAM = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()  # never outlive the benchmark
while True: pass
"""
WORKS = {"predict": "prediction, s", "train": "training, images/s"}
CHOSEN_OUTSIDE = (THREADS, "NAPARI_CONTRANSGAN_PRECISION", "OMP_NUM_THREADS", "OMP_WAIT_POLICY")
"""Environment variables that would override the compared settings."""

Child = subprocess.Popen[str]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", help="numbers of threads to compare, instead of the default")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    chosen = parser.parse_args()
    for name in CHOSEN_OUTSIDE:
        os.environ.pop(name, None)
    print(
        f"Prediction of 1024 x 1024 px at 0.65 um, and supervised steps of the compact network on crops of 128 px in "
        f"batches of 4, on {usable_cores()} cores: medians of {chosen.repeats}, in turn, alone and next to programs "
        f"that each keep one core busy\n"
    )
    print_head("threads", "", "alone", *(f"next to {busy}" for busy in BUSY[1:]))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pairs = make_pairs(Path(folder) / "pairs")
        children = {
            title: stack.enter_context(started(way | {"pairs": str(pairs)}))
            for title, way in ways(chosen.threads or ()).items()
        }
        figures, others = measure(children, chosen.repeats)
    for title in children:
        for work, name in WORKS.items():
            print_row(title, name, *(_median(figures[title, work, busy]) for busy in BUSY))
            shares = (_median(figures[title, f"others of {work}", busy]) for busy in BUSY)
            print_row(title, "fraction of a core that each busy program got", *shares)
    print(f"\nPrograms outside this benchmark used {others:.0%} of a core in the meantime.")


def ways(numbers: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Return the compared settings by name: PyTorch's defaults, and the package's."""
    cores, fast = usable_cores(), fast_in_bf16(torch.device("cpu"))
    engine, precision = ("pytorch", "bf16") if fast else ("auto", "fp32")
    left_alone = {"threads": cores, "engine": engine, "precision": precision}
    found = {f"{cores}, which spin": {"spins": True, "settings": left_alone, "threads": cores}}
    if numbers:
        return found | {
            f"{number}, which wait": {"spins": False, "settings": {"threads": number}, "threads": number}
            for number in numbers
        }
    default = f"{threads_to_predict()} to predict, {threads_to_train()} to train, which wait"
    return found | {default: {"spins": False, "settings": {}, "threads": None}}


def measure(
    children: Mapping[str, Child], repeats: int
) -> tuple[Mapping[tuple[str, str, int], Sequence[float]], float]:
    """Measure each value several times, in turn, and the fraction of a core used by programs outside the benchmark."""
    figures: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    processes = [psutil.Process(child.pid) for child in children.values()]
    began, all_before, own_before = time.perf_counter(), _machine_s(), _own_s(processes)
    spent_by_busy_s = 0.0
    for busy in BUSY:
        with busy_programs(busy) as programs:
            for _ in range(repeats):
                for work, (title, child) in product(WORKS, children.items()):
                    started_s, others_s = time.perf_counter(), _own_s(programs)
                    figures[title, work, busy].append(ask(child, work))
                    if busy:
                        share = (_own_s(programs) - others_s) / (time.perf_counter() - started_s) / busy
                        figures[title, f"others of {work}", busy].append(share)
            spent_by_busy_s += _own_s(programs)
    own_s = _own_s(processes) - own_before + spent_by_busy_s
    return figures, (_machine_s() - all_before - own_s) / (time.perf_counter() - began)


def ask(child: Child, work: str) -> float:
    """Let a child process do a task, and return its result."""
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    print(work, file=child.stdin, flush=True)
    return float(child.stdout.readline())


@contextmanager
def started(way: Mapping[str, Any]) -> Iterator[Child]:
    """Start a child process with one of the compared settings."""
    command = [sys.executable, "-m", "benchmarks.threads.child", json.dumps(way)]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        child.stdout.readline()  # its first output means that it is ready
        yield child


@contextmanager
def busy_programs(count: int) -> Iterator[list[psutil.Process]]:
    """Keep cores busy within the block, one per program."""
    command = [sys.executable, "-c", BUSY_PROGRAM]
    programs = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(count)]  # noqa: S603
    try:
        yield [psutil.Process(program.pid) for program in programs]
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g}" if values else ""


def _machine_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


def _own_s(processes: Sequence[psutil.Process]) -> float:
    return float(sum(times.user + times.system for times in (process.cpu_times() for process in processes)))


if __name__ == "__main__":
    main()
