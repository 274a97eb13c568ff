"""Time several tasks in turn, so that other load on the machine slows all of them alike, and return medians."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from napari_contransgan.config import TrainSettings
from napari_contransgan.training.data import gather
from napari_contransgan.training.engine import make_engine, start_fabric
from napari_contransgan.training.state import new_state
from napari_contransgan.training.steps import train_step

Work = Callable[[], Any]


def medians(works: Mapping[str, Work], repeats: int, warm_up: int = 1) -> dict[str, float]:
    """Return the median seconds of each of several tasks, timed in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(warm_up + repeats):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if number >= warm_up:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def step_of(settings: TrainSettings) -> Work:
    """Return the trainer's own step as a function that can be called repeatedly."""
    fabric = start_fabric(settings)
    data, state = gather(settings), new_state(settings, fabric.device)
    engine = make_engine(fabric, state.networks, settings)
    return lambda: train_step(state, data, settings, engine)


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def print_head(*titles: str) -> None:
    """Print the head of a Markdown table."""
    print_row(*titles)
    print_row(*["---"] * len(titles))
