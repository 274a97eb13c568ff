"""Measure time and memory for several frame sizes, and the time of the bare transforms that each method needs."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import fft, ndimage

from napari_contransgan.config import TieMethod
from napari_contransgan.tie import SOLVERS, phase_from_stack
from napari_contransgan.tie.derivative import axial_derivative
from napari_contransgan.tie.focus_data import FocusData, Solution
from napari_contransgan.tie.preparation import Preparation, prepare
from napari_contransgan.tie.transfer import Aperture

SIZES = (512, 1024, 2048, 4096, 8192)
TRANSFORMS: dict[TieMethod, int] = {"anchored": 4, "teague": 4, "dct": 2, "fft": 2}
"""Number of two-dimensional transforms of a frame in one solution."""

BARE = Preparation(dead_pixels=False, drift=False)


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Print a table; every entry is measured in a process of its own."""
    print("3 planes of uint16; s; 'transforms' are the bare ones that the solver needs, float32, all processors;")
    print(
        "'per N log N' is the solver's time relative to 512 px; memory is the peak in float32 frames beside the input"
    )
    print("   size  method     all steps  no corrections  solver alone  transforms  ratio to them  per N log N  memory")
    first: dict[TieMethod, float] = {}
    for size in sizes:
        for method in TRANSFORMS:
            command = [sys.executable, "-m", "benchmarks.tie.speed", "--one", str(size), method]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            row = json.loads(done.stdout.splitlines()[-1])
            effort = row["solver"] / (size**2 * np.log2(size))
            first.setdefault(method, effort)
            print(
                f"  {size:5d}  {method:9s}  {row['whole']:9.2f}  {row['bare']:14.2f}  {row['solver']:12.3f}"
                f"  {row['transforms']:10.3f}  {row['solver'] / row['transforms']:13.1f}"
                f"  {effort / first[method]:11.2f}  {row['frames']:6.1f}",
                flush=True,
            )


def measure(size: int, method: TieMethod) -> dict[str, float]:
    """Time one size and method: medians of three for small frames."""
    planes = _planes(size)
    repeats = 3 if size <= 2048 else 1
    aperture = Aperture(0.65, 0.3)

    def solve(preparation: Preparation, side: int = size) -> Solution:
        return phase_from_stack(
            planes[:, :side, :side],
            (-3.0, 0.0, 3.0),
            method=method,
            preparation=preparation,
            wavelength_um=0.55,
            pixel_size_um=0.1625,
            focus_index=1,
            aperture=aperture,
        )

    solve(Preparation(), side=256)  # imports and plans
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak, which a process inherits from its parent
    before = _peak_bytes()
    bare = _median_time(lambda: solve(BARE), repeats)
    frames = (_peak_bytes() - before) / (4 * size**2)
    whole = _median_time(lambda: solve(Preparation()), repeats)
    prepared = prepare(planes, 1, BARE)
    derivative = axial_derivative(
        prepared.zyx_planes,
        (-3.0, 0.0, 3.0),
        1,
        pixel_size_um=0.1625,
        wavelength_um=0.55,
        aperture=aperture,
        z_noise=prepared.z_noise,
    )
    data = FocusData(prepared.zyx_planes, (-3.0, 0.0, 3.0), 1, derivative, 0.1625, 0.55, aperture)
    solver = _median_time(lambda: SOLVERS[method].solve(data, "auto"), repeats)
    frame = np.ascontiguousarray(planes[0], np.float32)
    forward, inverse = (fft.rfftn, fft.irfftn) if method == "fft" else (fft.dctn, fft.idctn)

    def transform() -> None:
        for _ in range(TRANSFORMS[method] // 2):
            inverse(forward(frame, norm="ortho", workers=-1), norm="ortho", workers=-1)

    return {
        "whole": whole,
        "bare": bare,
        "solver": solver,
        "transforms": _median_time(transform, repeats),
        "frames": frames,
    }


def _peak_bytes() -> int:
    """Return the peak memory so far (Linux)."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _median_time(run: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _planes(size: int) -> np.ndarray:
    """Return blobs that brighten along z, with noise; large frames repeat the same tile."""
    rng = np.random.default_rng(0)
    tile = min(size, 1024)
    blobs = ndimage.gaussian_filter((rng.random((tile, tile)) > 0.9995).astype(np.float32), 12, mode="wrap")
    change = 0.05 * ndimage.gaussian_laplace(blobs / blobs.max(), 3, mode="wrap") * -10
    planes = [np.round(2000 * (1 + z * change) + rng.normal(0, 14, change.shape)) for z in (-1, 0, 1)]
    return np.tile(np.stack(planes).astype(np.uint16), (1, size // tile, size // tile))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=2)
    one = parser.parse_args().one
    if one:
        print(json.dumps(measure(int(one[0]), one[1])))
    else:
        main()
