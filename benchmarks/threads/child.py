"""Child process of the benchmark: read ``predict`` or ``train`` line by line, and print a result for each.

The argument is JSON: ``spins``, whether waiting threads spin, as OpenMP's do by default; ``settings`` for prediction;
``threads`` for training; and ``pairs``, a data set to train on.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

if json.loads(sys.argv[1])["spins"]:
    import torch  # noqa: F401 - OpenMP is initialised here, before the package can change how threads wait
import numpy as np
from benchmarks.training.data import supervised
from benchmarks.training.timing import step_of

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.threads import on_threads, threads_to_train

SIDE_PX, PIXEL_SIZE_UM = 1024, 0.65
CROP_PX, BATCH = 128, 4
LIMIT_S = 10.0
"""A prediction that takes longer is stopped, and its time is extrapolated from the finished tiles."""

TRAIN_S = 4.0
"""Training is measured over the steps that fit into this time, at least one."""


def predicting(settings: PredictSettings) -> Callable[[], float]:
    """Measure a prediction in seconds, with a network that is loaded but not prepared."""
    frame = np.random.default_rng(1).normal(1000, 100, (SIDE_PX, SIDE_PX)).astype(np.float32)
    image = Image(frame, "YX", pixel_size_um=PIXEL_SIZE_UM)

    def seconds() -> float:
        loaded = load_checkpoint(find_model(settings.model))
        began = time.perf_counter()
        with closing(predict(image, settings, loaded)) as events:
            for event in events:
                elapsed_s = time.perf_counter() - began
                if elapsed_s > LIMIT_S:
                    return elapsed_s * event.total / event.step
        return time.perf_counter() - began

    return seconds


def training(pairs: Path, threads: int) -> Callable[[], float]:
    """Measure supervised steps of the compact network in images per second."""
    step = step_of(supervised(pairs, crop_px=CROP_PX, batch_size=BATCH))

    def images_per_s() -> float:
        with on_threads(threads):
            began, steps = time.perf_counter(), 0
            while not steps or time.perf_counter() - began < TRAIN_S:
                step()
                steps += 1
            return steps * BATCH / (time.perf_counter() - began)

    return images_per_s


def main(way: dict[str, Any]) -> None:
    """Report when the process is ready, then answer until the input ends."""
    works = {
        "predict": predicting(PredictSettings(**way["settings"])),
        "train": training(Path(way["pairs"]), threads_to_train(way["threads"])),
    }
    works["train"]()  # the first step allocates memory and prepares kernels
    print("ready", flush=True)
    for line in sys.stdin:
        print(works[line.strip()](), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
