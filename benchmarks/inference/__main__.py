"""Measure the error map, large images and folders, as one table: python -m benchmarks.inference [--only PART ...]."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.inference.clicks import clicks
from benchmarks.inference.errors import all_flagged, calibrations, together
from benchmarks.inference.fields import SEEDS
from benchmarks.inference.folders import complete_after_kill, make_folder, seconds_with
from benchmarks.inference.sizes import TINY, measured, notice_share, write_large
from benchmarks.training.timing import print_head, print_row
from scipy.stats import spearmanr

from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.threads import stay_on_one_thread

PARTS = ("calibration", "unusual", "cost", "sizes", "click", "folder", "killed")
Row = tuple[str, str, str]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--development", action="store_true", help="use the fields with which choices were made")
    parser.add_argument("--fields", type=int, default=20, help="fields of each kind")
    parser.add_argument("--planted", type=int, default=24, help="images with each planted failure")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1024, 4096, 8192], help="sides of large images")
    parser.add_argument("--tiny", type=int, nargs="*", default=[], help="further sides, with a network of no cost")
    parser.add_argument("--zarr", action="store_true", help="write large images as OME-Zarr")
    parser.add_argument("--frames", type=int, default=200, help="frames in the folder")
    parser.add_argument("--frame-px", type=int, default=448, help="side of these frames on the model's grid")
    chosen = parser.parse_args()
    print_head("what", "measured", "goal")
    for part in chosen.only:
        for row in globals()[f"_{part}"](chosen):
            print_row(*row)


def _calibration(chosen: argparse.Namespace) -> Iterator[Row]:
    stay_on_one_thread()
    seed = SEEDS["development" if chosen.development else "scored"]
    found = calibrations(load_checkpoint(find_model("all")), seed, chosen.fields)
    for name, one in [*found.items(), together("sheets", found), together("empty", found)]:
        yield (
            f"{name} ({one.fields} fields): pixels within 1 / 2 sigma",
            f"{one.within_one:.0%} / {one.within_two:.0%}; rank correlation {one.rank:.2f}; "
            f"RMSE {one.rmse_rad:.3f}, map {one.sigma_rad:.3f} rad",
            "63-73 % / 90-100 %; 0.6",
        )
    pooled = np.concatenate([one.sample for one in found.values()], axis=1)
    yield "all kinds: rank correlation of map and error", f"{spearmanr(*pooled)[0]:.2f}", "0.6"
    alarms = np.average([one.false_alarms for one in found.values()], weights=[one.fields for one in found.values()])
    yield "usual images called unusual", f"{alarms:.1%}", "5 %"


def _unusual(chosen: argparse.Namespace) -> Iterator[Row]:
    stay_on_one_thread()
    seed = SEEDS["development" if chosen.development else "scored"]
    for name, share in all_flagged(load_checkpoint(find_model("all")), seed, chosen.planted).items():
        yield f"noticed: {name} ({chosen.planted} images)", f"{share:.0%}", "95 %"


def _cost(_: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.tif"
        write_large(path, 1664)
        seconds = [
            [measured(path, "all", trust=trust, threads=1)["seconds"] for trust in (False, True)] for _ in range(2)
        ]
    without, with_map = np.min(seconds, axis=0)
    yield "time of the map, as a fraction of a prediction's", f"{with_map / without - 1:.0%}", "15 %"
    yield "time to notice unusual images, likewise", f"{notice_share():.1%}", "5 %"


def _sizes(chosen: argparse.Namespace) -> Iterator[Row]:
    wanted = [(side, "all") for side in chosen.sizes] + [(side, TINY) for side in chosen.tiny]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.tif"
        for side, model in wanted:
            write_large(path, side)
            one = measured(path, model, trust=False, threads=None, as_zarr=chosen.zarr)
            share = one["bare_s"] * one["tiles"] / one["seconds"]
            name = "" if model == "all" else " (a network that costs nothing)"
            name += ", into OME-Zarr" if chosen.zarr else ""
            yield (
                f"{side} px square{name}: memory; time; throughput of the bare network's",
                f"{one['megabytes']:.0f} MB; {one['seconds']:.0f} s, {one['seconds'] / one['tiles']:.2f} s a tile; "
                f"{share:.0%}",
                "1000 MB, flat; linear; 80 %" if model == "all" else "1000 MB, flat",
            )


def _click(_: argparse.Namespace) -> Iterator[Row]:
    times = clicks()
    yield "one click on 1024 x 1024 px", f"{times['later_s']:.1f} s; first {times['first_s']:.1f} s", "3 s; first 8 s"


def _folder(chosen: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_folder(folder / "in", chosen.frames, chosen.frame_px)
        one_thread = seconds_with(paths, folder / "one", 1, 1)
        every_core = seconds_with(paths, folder / "cores", 1)
        two = seconds_with(paths, folder / "two", 2)
    yield (
        f"{chosen.frames} frames, two processes against one of one thread, and of {os.cpu_count()} threads",
        f"{one_thread / two:.2f} times; {every_core / two:.2f} times ({two:.0f} s)",
        "1.7 times",
    )


def _killed(chosen: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        paths = make_folder(Path(name) / "in", min(chosen.frames, 24), chosen.frame_px)
        complete = complete_after_kill(paths, Path(name) / "out")
    yield "one of two processes killed in the middle", "complete, each once" if complete else "NOT complete", "complete"


if __name__ == "__main__":
    main()
