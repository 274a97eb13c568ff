"""Measure the time that the trainer adds to a network's forward and backward pass, in total and part by part."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from benchmarks.training.data import supervised
from benchmarks.training.timing import Work, medians, print_head, print_row
from torch import nn
from torch.autograd import backward

from napari_contransgan.config import TrainSettings
from napari_contransgan.models.compute import autocast
from napari_contransgan.threads import on_threads
from napari_contransgan.training import steps
from napari_contransgan.training.data import gather
from napari_contransgan.training.losses import supervised_loss
from napari_contransgan.training.run_folder import append_record
from napari_contransgan.training.sampling import draw_pairs
from napari_contransgan.training.state import WARM, RunState, new_state
from napari_contransgan.training.trainer import train

REPEATS = 9
GOAL = 1.3
CPU = torch.device("cpu")


def main(pairs: Path) -> None:
    """Print the ratio of the trainer's time to that of the bare passes, and the parts of the difference."""
    settings = supervised(pairs)
    print(
        f"Compact contrans, supervised, batch {settings.batch_size}, crop {settings.crop_px}, one thread; the "
        f"trainer's iterator in turn with the network's forward and backward pass alone; medians of {REPEATS}\n"
    )
    with on_threads(1), tempfile.TemporaryDirectory() as folder:
        run = train(settings, Path(folder) / "run")
        next(run)
        seconds = medians({"trainer": lambda: next(run), "bare": _bare_step(settings)}, REPEATS, warm_up=2)
        run.close()
        parts = medians(_parts(settings, Path(folder)), REPEATS)
    ratio = seconds["trainer"] / seconds["bare"]
    print_head("what", "ms", "of the bare passes")
    print_row("forward and backward pass alone", f"{1e3 * seconds['bare']:.1f}", "1.00")
    print_row("a step of the trainer", f"{1e3 * seconds['trainer']:.1f}", f"{ratio:.2f} (goal: at most {GOAL})")
    for name, value in parts.items():
        print_row(f"of which: {name}", f"{1e3 * value:.2f}", f"{value / seconds['bare']:.3f}")
    rest = seconds["trainer"] - seconds["bare"] - sum(parts.values())
    print_row("unexplained", f"{1e3 * rest:.1f}", f"{rest / seconds['bare']:.3f}")


def _bare_step(settings: TrainSettings) -> Work:
    network = new_state(settings, CPU).networks["to_phase"].train()
    batch = torch.randn(settings.batch_size, 1, settings.crop_px, settings.crop_px)
    image = batch.to(memory_format=torch.channels_last)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        with autocast(CPU, settings.precision):
            output = network(image)
        output.float().square().mean().backward()

    return step


def _parts(settings: TrainSettings, folder: Path) -> dict[str, Work]:
    """Return everything except the passes, each part as `train_step` and the trainer call it."""
    data, state = gather(settings), new_state(settings, CPU)
    contrast, phase_rad = draw_pairs(data.paired_lr, data.paired_phase, settings, 0)
    network, optimiser = state.networks["to_phase"], state.optimisers[WARM]
    with autocast(CPU, settings.precision):
        network(contrast).float().square().mean().backward()
    label = phase_rad / settings.phase_ref_rad
    output = torch.randn_like(label).requires_grad_()
    process = psutil.Process()
    record = {"step": 1, "supervised": 0.1234, "images_per_s": 6.1, "learning_rate": 1e-4}

    def log_and_memory() -> None:
        append_record(folder, record)
        process.memory_info()

    return {
        "data: drawing and augmenting": lambda: draw_pairs(data.paired_lr, data.paired_phase, settings, state.step),
        "loss and its gradient": lambda: backward(supervised_loss(output, label, settings.phase_ref_rad)),
        "clipping the gradient": lambda: nn.utils.clip_grad_norm_(network.parameters(), steps.MAX_GRADIENT_NORM),
        "optimiser": optimiser.step,
        "averaged network": lambda: steps.update_average(state, settings.ema_decay),
        "copy of the norms' statistics": _statistics(state),
        "log and memory": log_and_memory,
    }


def _statistics(state: RunState) -> Callable[[], object]:
    names = [name for name, _ in state.networks.named_buffers() if not name.startswith("ema.")]
    return lambda: [value.clone() for name, value in state.networks.named_buffers() if name in names]
