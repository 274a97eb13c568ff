"""Measure the time for one phase image, and how much slower the published size is."""

import statistics
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from napari_contransgan.models.checkpoint import LoadedModel, ModelCard
from napari_contransgan.models.compute import describe_device
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.running import LEAST_TILES, TileNetwork, for_tiles
from napari_contransgan.progress import Progress
from napari_contransgan.reproduction import paper
from napari_contransgan.reproduction.networks import LoadedNetworks
from napari_contransgan.reproduction.parts import Extent, Goal, Part, Table, write_csv
from napari_contransgan.threads import on_threads, threads_to_predict

SIDE_PX = 224
MOST_THREADS = 2
"""The goal is for two cores; fewer threads are not increased."""


def speed(networks: LoadedNetworks, extent: Extent, out: Path) -> Generator[Progress, None, Part]:
    """Time the network and the published size of Contrans in turn, as in a prediction."""
    name, loaded = next(iter(networks.default.items()))
    yield Progress(0, 1 + extent.repeats, "building the published size")
    compared = {name: loaded, "published size, untrained": _untrained("contrans", "published")}
    device = torch.device("cpu")
    threads = min(threads_to_predict(), MOST_THREADS)
    with on_threads(threads):
        works = {
            title: for_tiles(network, SIDE_PX, device, extent.repeats + LEAST_TILES)
            for title, network in compared.items()
        }
        where = describe_device(device, works[name].precision, works[name].engine)
    yx_contrast = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    seconds: dict[str, list[float]] = {title: [] for title in works}
    for repeat in range(1 + extent.repeats):
        for title, network in works.items():
            taken_s = _time(network, yx_contrast, threads)
            if repeat:  # the first run warms up
                seconds[title].append(taken_s)
        yield Progress(1 + repeat, 1 + extent.repeats, "timing")
    medians = {title: statistics.median(values) for title, values in seconds.items()}
    rows: list[dict[str, Any]] = [
        {
            "network": title,
            "engine": works[title].engine,
            "weights": sum(weight.numel() for weight in network.model.parameters()),
            "multiply_adds": _multiply_adds(network.model),
            "median_s": medians[title],
            "fastest_s": min(seconds[title]),
            "of_the_first": medians[title] / medians[name],
        }
        for title, network in compared.items()
    ]
    write_csv(out / "speed.csv", rows)
    head = ("network", "computed by", "weights", "multiply-adds", "median, s", "fastest, s", "relative to the first")
    table = Table(
        f"One image of {SIDE_PX} x {SIDE_PX} px on {where}",
        head,
        [
            [
                row["network"],
                row["engine"],
                f"{row['weights'] / 1e6:.1f} M",
                f"{row['multiply_adds'] / 1e9:.1f} G",
                f"{row['median_s']:.3f}",
                f"{row['fastest_s']:.3f}",
                f"{row['of_the_first']:.1f}",
            ]
            for row in rows
        ],
    )
    goal = Goal(
        f"one phase image of {SIDE_PX} x {SIDE_PX} px in at most {paper.SECONDS} s (the paper's, on an RTX 2080 Ti)",
        f"{medians[name]:.3f} s on {where}",
        medians[name] <= paper.SECONDS,
    )
    text = [
        "The network alone on the CPU, without reading, resampling and making it ready; both in turn, so that their "
        "ratio holds, if the same program computes both."
    ]
    return Part("speed", "Speed", text, [goal], [table], [], {"networks": rows, "device": where})


def _untrained(generator: str, preset: str) -> LoadedModel:
    card = ModelCard(name="untrained", generator=generator, preset=preset, phase_ref_rad=1.0)
    return LoadedModel(build_generator(generator, preset).eval().to(memory_format=torch.channels_last), card)


def _time(network: TileNetwork, yx_contrast: NDArray[np.float32], threads: int) -> float:
    with on_threads(threads):
        begun = time.perf_counter()
        network.run(yx_contrast)
        return time.perf_counter() - begun


def _multiply_adds(network: nn.Module) -> float:
    tile = torch.zeros(1, 1, SIDE_PX, SIDE_PX, device=next(network.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(tile)
    return float(counter.get_total_flops()) / 2
