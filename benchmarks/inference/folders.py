"""Measure a folder with one process and with two, and kill one of two."""

import json
import os
import signal
import time
from pathlib import Path

import psutil

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.inference.files import FileTask
from napari_contransgan.inference.folders import MANIFEST, predict_files
from napari_contransgan.io import read_image, write_image
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair


def make_folder(folder: Path, count: int, side_px: int) -> list[Path]:
    """Write frames of cells at 10x."""
    settings = SimulationSettings(specimen="hela", objective="10x", seed=788, field_px=side_px)
    frames = [simulate_pair(settings, index)[0] for index in range(min(count, 4))]
    paths = [folder / f"frame_{number}.tif" for number in range(count)]
    for number, path in enumerate(paths):
        write_image(path, frames[number % len(frames)])
    return paths


def tasks_of(paths: list[Path], out: Path, threads: int | None = None) -> list[FileTask]:
    """Return the tasks of predicting files into a folder."""
    settings = PredictSettings(threads=threads)
    return [
        FileTask(path, out / f"{path.stem}_phase.tif", out / f"{path.stem}_phase_uncertainty.tif", settings)
        for path in paths
    ]


def seconds_with(paths: list[Path], out: Path, workers: int, threads: int | None = None) -> float:
    """Return how long a folder takes."""
    began = time.perf_counter()
    result = result_of(predict_files(tasks_of(paths, out, threads), out, workers))
    if len(result.results) != len(paths):
        raise RuntimeError(f"{len(result.skipped)} files were skipped")
    return time.perf_counter() - began


def complete_after_kill(paths: list[Path], out: Path) -> bool:
    """Kill one of two processes in the middle; return whether every file was made, once, and is whole."""
    events = predict_files(tasks_of(paths, out), out, workers=2)
    killed = False
    while True:
        try:
            event = next(events)
        except StopIteration:
            break
        if not killed and event.step >= len(paths) // 3:
            children = [one for one in psutil.Process().children(recursive=True) if "spawn_main" in str(one.cmdline())]
            os.kill(children[0].pid, signal.SIGKILL)
            killed = True
    entries = [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()]
    done = [entry["input"] for entry in entries if entry["state"] == "done"]
    whole = all(read_image(task.phase).data.size for task in tasks_of(paths, out))
    left = [path.name for path in out.iterdir() if path.name.endswith(".part")]
    return killed and whole and not left and sorted(done) == sorted(map(str, paths))
