"""Measure memory and time of a prediction into a file, in a process of its own."""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tifffile
from numpy.typing import NDArray

from napari_contransgan.config import PredictSettings, SimulationSettings
from napari_contransgan.inference.error_map import load_error_model
from napari_contransgan.inference.streaming import predict_to_files
from napari_contransgan.inference.tiling import cover_map, tiles_at_once
from napari_contransgan.io import read_image
from napari_contransgan.io.zarr_store import zarr_package
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.running import for_tiles
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair
from napari_contransgan.threads import each_ahead, each_on_threads, threads_to_predict

TILE_PX = 512
PIXEL_SIZE_UM = 0.325
TINY = "tiny"
"""Name of a network that computes next to nothing, to measure what else a large image costs."""


def write_large(path: Path, side_px: int) -> None:
    """Write a square frame on the model's grid, as a tiled and compressed TIFF, from repeated simulated cells."""
    settings = SimulationSettings(specimen="hela", objective="20x", scene="dense", seed=789, field_px=TILE_PX)
    yx_tile = simulate_pair(settings, 0)[0].data
    yx_tile = np.concatenate([yx_tile, yx_tile[::-1]])[:TILE_PX, :TILE_PX].astype(np.uint16)

    def tiles() -> Iterator[NDArray[np.uint16]]:
        for _ in range((-(-side_px // TILE_PX)) ** 2):
            yield yx_tile

    tifffile.imwrite(
        path,
        tiles(),
        shape=(side_px, side_px),
        dtype=np.uint16,
        tile=(TILE_PX, TILE_PX),
        compression="zlib",
        predictor=True,
        photometric="minisblack",
        bigtiff=side_px > 30_000,
        resolution=(1e4 / PIXEL_SIZE_UM,) * 2,
        resolutionunit="CENTIMETER",
    )


def measured(path: Path, model: str, *, trust: bool, threads: int | None, as_zarr: bool = False) -> dict[str, Any]:
    """Predict a file in a new process; return seconds, MB beyond those of the idle program, and tiles per second."""
    command = [sys.executable, "-m", "benchmarks.inference.sizes", str(path), "--model", model]
    command += ["--trust"] if trust else []
    command += ["--zarr"] if as_zarr else []
    command += ["--threads", str(threads)] if threads else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _network(name: str) -> LoadedModel:
    if name != TINY:
        return load_checkpoint(find_model(name))
    card = ModelCard(name=TINY, generator="unet", preset="tiny", phase_ref_rad=2.0)
    return LoadedModel(build_generator("unet", "tiny").eval(), card)


class _Peak:
    """Largest memory of this process within the block, beyond that at its start."""

    def __enter__(self) -> "_Peak":
        self._process, self._end = psutil.Process(), threading.Event()
        self.before = self.peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def megabytes(self) -> float:
        """Return the peak in MB."""
        return float(self.peak - self.before) / 1e6


def _bare_seconds(loaded: LoadedModel, settings: PredictSettings, side_px: int, repeats: int) -> float:
    """Return the time that the bare network takes for a tile, as many at once as in a prediction."""
    covering = cover_map((side_px, side_px), settings)
    contrast = np.random.default_rng(0).standard_normal((covering.tile_px,) * 2).astype(np.float32)
    device = next(loaded.model.parameters()).device
    threads = threads_to_predict(settings.threads)
    at_once = tiles_at_once(covering, len(covering.tiles), threads, device)

    def work() -> Any:
        network = for_tiles(loaded, covering.tile_px, device, 100)
        network.run(contrast)
        began = time.perf_counter()
        list(each_ahead(network.run, [contrast] * repeats, at_once))
        yield
        return (time.perf_counter() - began) / repeats

    return float(result_of(each_on_threads(threads // at_once, work())))


def notice_share(repeats: int = 8) -> float:
    """Return the time to compare a tile with training images, as a fraction of the time of the bare network."""
    loaded, known = load_checkpoint(find_model("all")), load_error_model().known
    contrast, phase = np.random.default_rng(0).standard_normal((2, 448, 448)).astype(np.float32)
    known.squares_of_tile(contrast, phase, PIXEL_SIZE_UM)
    seconds = []
    for _ in range(repeats):
        bare = _bare_seconds(loaded, PredictSettings(threads=1), 448, 1)
        began = time.perf_counter()
        known.squares_of_tile(contrast, phase, PIXEL_SIZE_UM)
        seconds.append((bare, time.perf_counter() - began))
    bare, notice = np.min(seconds, axis=0)
    return float(notice / bare)


def main() -> None:
    """Predict one file, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference.sizes", description=main.__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--model", default="all")
    parser.add_argument("--trust", action="store_true")
    parser.add_argument("--zarr", action="store_true")
    parser.add_argument("--threads", type=int)
    chosen = parser.parse_args()
    loaded = _network(chosen.model)
    settings = PredictSettings(trust=chosen.trust, threads=chosen.threads)
    image = read_image(chosen.path, lazy=True)
    side_px = image.data.shape[-1]
    ending = ".ome.zarr" if chosen.zarr else ".ome.tif"
    out, error = (chosen.path.with_name(f"{name}{ending}") for name in ("phase", "error"))
    if chosen.zarr:
        zarr_package(out)  # imported by the idle program too
    with _Peak() as peak:
        began = time.perf_counter()
        result_of(predict_to_files(image, settings, out, error, loaded))
        seconds = time.perf_counter() - began
    tiles = len(cover_map((side_px, side_px), settings).tiles)
    bare = _bare_seconds(loaded, settings, side_px, 8)
    for path in (out, error):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    figures = {"side_px": side_px, "seconds": seconds, "megabytes": peak.megabytes, "tiles": tiles, "bare_s": bare}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
