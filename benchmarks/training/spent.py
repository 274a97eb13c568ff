"""Measure where the time of a supervised step goes, by kind of work, with torch's profiler."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.training.data import supervised
from benchmarks.training.timing import print_head, print_row, step_of
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from napari_contransgan.threads import on_threads
from napari_contransgan.training import steps

STEPS = 5
STAGES = {
    "data": (steps, "draw_pairs"),
    "loss": (steps, "supervised_loss"),
    "clipping": (nn.utils, "clip_grad_norm_"),
    "averaged network": (steps, "update_average"),
}
"""Functions whose whole time counts as one kind of work."""

KINDS = {
    "convolutions": ("convolution", "conv2d", "conv_transpose", "slow_conv", "thnn_conv"),
    "batch and layer normalisation": ("batch_norm", "layer_norm", "NativeBatchNorm", "NativeLayerNorm"),
    "attention and other matrix products": ("addmm", "::mm", "bmm", "linear", "attention", "softmax", "matmul"),
    "upsampling and pooling": ("upsample", "max_pool", "avg_pool"),
    "moving data: joining, padding, rolling, casting": (
        "cat",
        "copy_",
        "::to",
        "pad",
        "roll",
        "contiguous",
        "clone",
        "fill",
    ),
}
ELEMENTWISE = "elementwise operations and the rest"


def main(pairs: Path) -> None:
    """Print the fraction of a step of the compact Contrans for each kind of work."""
    settings = supervised(pairs)
    print(
        f"Compact contrans, supervised, batch {settings.batch_size}, crop {settings.crop_px}, one thread, "
        f"{STEPS} steps\n"
    )
    with on_threads(1), _named_stages():
        step = step_of(settings)
        for _ in range(2):
            step()
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            for _ in range(STEPS):
                step()
    spent: Counter[str] = Counter()
    for event in seen.events():
        spent[_kind(event)] += event.self_cpu_time_total
    print_head("kind of work", "ms per step", "share, %")
    for kind, microseconds in spent.most_common():
        print_row(kind, f"{microseconds / 1e3 / STEPS:.1f}", f"{100 * microseconds / spent.total():.1f}")


@contextmanager
def _named_stages() -> Iterator[None]:
    with ExitStack() as stack:
        for stage, (place, name) in STAGES.items():
            stack.enter_context(patch.object(place, name, _recorded(stage, getattr(place, name))))
        yield


def _recorded(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*arguments: Any, **named: Any) -> Any:
        with record_function(stage):
            return function(*arguments, **named)

    return recorded


def _kind(event: Any) -> str:
    ancestors: list[str] = []
    while event is not None:
        ancestors.append(event.name)
        event = event.cpu_parent
    for name in ancestors:
        if name in STAGES:
            return name
        if name.startswith("Optimizer."):
            return "optimiser"
    return _first_of(ancestors, KINDS)


def _first_of(names: list[str], kinds: Mapping[str, tuple[str, ...]]) -> str:
    """Return the kind of the outermost operation that has one, since a convolution may call a copy."""
    for name in reversed(names):
        for kind, words in kinds.items():
            if any(word.lower() in name.lower() for word in words):
                return kind
    return ELEMENTWISE
