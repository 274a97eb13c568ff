"""Measure images per second for every network and size and both kinds of steps, and the gain from bfloat16."""

from pathlib import Path

import psutil
from benchmarks.training.data import supervised, unpaired
from benchmarks.training.timing import medians, print_head, print_row, step_of

from napari_contransgan.models.registry import GENERATORS, PRESETS, build_generator
from napari_contransgan.threads import on_threads

BATCH, LARGE_BATCH = 4, 1
REPEATS = {"tiny": (5, 1), "compact": (2, 1), "published": (1, 0)}
"""Number of timed steps, and of steps before them; a published step takes a minute, and the first is hardly slower."""
PRECISION_BATCH, PRECISION_REPEATS = 1, 2
LEAST_FREE_GIB = 8.0
"""A published unpaired step needs three networks, their gradients and moments, and the maps of four passes."""


def main(pairs: Path) -> None:
    """Print images per second on one thread."""
    print(
        "Images per second on one thread, crop 224, median time of a step; published: one image, one step, the first\n"
    )
    print_head("size", "network", "parameters", "supervised", "unpaired", "unpaired / supervised, time per image")
    for preset in PRESETS:
        for generator in GENERATORS:
            count = sum(parameter.numel() for parameter in build_generator(generator, preset).parameters())
            print_row(preset, generator, f"{count / 1e6:.2f} M", *_figures(pairs, generator, preset))


def _figures(pairs: Path, generator: str, preset: str) -> tuple[str, str, str]:
    free_gib = psutil.virtual_memory().available / 2**30
    if preset == "published" and free_gib < LEAST_FREE_GIB:
        return "-", "-", f"left out: {free_gib:.0f} GiB are free, {LEAST_FREE_GIB:.0f} are needed"
    batch = LARGE_BATCH if preset == "published" else BATCH
    kinds = {"supervised": supervised, "unpaired": unpaired}
    with on_threads(1):
        # One after the other, because two published runs at once need more memory than a small machine has.
        seconds = {
            kind: medians({kind: step_of(make(pairs, **_sized(generator, preset, batch)))}, *REPEATS[preset])[kind]
            for kind, make in kinds.items()
        }
    each = {kind: value / batch for kind, value in seconds.items()}
    return (
        f"{1 / each['supervised']:.2f}",
        f"{1 / each['unpaired']:.2f}",
        f"{each['unpaired'] / each['supervised']:.1f}",
    )


def precision(pairs: Path) -> None:
    """Print how much faster bfloat16 is than float32."""
    print(
        f"Seconds per supervised step of the compact networks, batch {PRECISION_BATCH}, crop 224, one thread, in turn, "
        f"medians\n"
    )
    print_head("network", "fp32, s", "bf16, s", "fp32 / bf16")
    for generator in GENERATORS:
        with on_threads(1):
            seconds = medians(
                {
                    kind: step_of(supervised(pairs, precision=kind, **_sized(generator, "compact", PRECISION_BATCH)))
                    for kind in ("fp32", "bf16")
                },
                PRECISION_REPEATS,
            )
        ratio = seconds["fp32"] / seconds["bf16"]
        print_row(generator, f"{seconds['fp32']:.3f}", f"{seconds['bf16']:.3f}", f"{ratio:.2f}")


def _sized(generator: str, preset: str, batch: int) -> dict[str, object]:
    return {"generator": generator, "preset": preset, "batch_size": batch}
