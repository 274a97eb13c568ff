"""Time one complete sample: low-power images of four objectives, the stack, its TIE label and the true phase."""

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import torch

from napari_contransgan.config import SimulationSettings
from napari_contransgan.processes import Workers
from napari_contransgan.simulation.fields import image_lr, image_stack, tie_label, true_phase
from napari_contransgan.simulation.specimen import draw_specimen

FIELD_PX = 224
SAMPLES = 16
SEED = 3500
CORES = 2


def main(samples: int = SAMPLES) -> None:
    """Print the seconds for each part on one thread, and for a sample when two processes share the work."""
    print(f"{FIELD_PX} x {FIELD_PX} on the model's grid, {samples} samples each, medians in s\n")
    parts: dict[str, dict[str, float]] = {}
    torch.set_num_threads(1)
    for specimen in ("hela", "psm"):
        _sample(specimen, 0)
        runs = [_sample(specimen, index) for index in range(samples)]
        parts[specimen] = {part: statistics.median(run[part] for run in runs) for part in runs[0]}
    print("| part, one thread | cells | beads |\n| --- | --- | --- |")
    for part in parts["hela"]:
        print(f"| {part} | {parts['hela'][part]:.3f} | {parts['psm'][part]:.3f} |")
    torch.set_num_threads(CORES)
    for title, thread_or_process in (("two threads, one sample", _latency), ("two processes, per sample", _throughput)):
        hela, psm = (thread_or_process(specimen, samples) for specimen in ("hela", "psm"))
        print(f"| {title} | {hela:.3f} | {psm:.3f} |", flush=True)


def _latency(specimen: str, samples: int) -> float:
    return statistics.median(_sample(specimen, index)["a complete sample"] for index in range(samples))


def _throughput(specimen: str, samples: int) -> float:
    with closing(Workers(CORES)) as crew:
        for count in (CORES, 2 * samples):  # the first tasks only wait until all processes have started
            began = time.perf_counter()
            for future in [crew.submit(_numbered_sample, (specimen, index)) for index in range(count)]:
                future.result()
        return (time.perf_counter() - began) / (2 * samples)


def _numbered_sample(task: tuple[str, int]) -> dict[str, float]:
    return _sample(*task)


def _sample(specimen: str, index: int) -> dict[str, float]:
    """Return the seconds for each part of one sample."""
    settings = SimulationSettings(specimen=specimen, seed=SEED, field_px=FIELD_PX)
    seconds: dict[str, float] = {}

    def timed(part: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        made = work()
        seconds[part] = time.perf_counter() - began
        return made

    drawn = timed("specimen", lambda: draw_specimen(settings, index))
    for objective in settings.microscope.objectives:
        own = settings.model_copy(update={"objective": objective})
        timed(f"low power {objective}", partial(image_lr, drawn, own, index))
    stack = timed("stack", lambda: image_stack(drawn, settings, index))
    timed("TIE label", lambda: tie_label(stack, settings))
    timed("truth", lambda: true_phase(drawn, settings, index))
    seconds["a complete sample"] = sum(seconds.values())
    return seconds


if __name__ == "__main__":
    main()
