"""Draw a picture of each effect that limits TIE, from simulated fields, for the documentation.

Usage: python -m benchmarks.tie.pictures docs/images [--only NAME ...]
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.tie.kinds import APERTURE, COHERENCE, PIXEL_UM, WAVELENGTH_UM, Kind, Recording, drawn_stack
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_contransgan.config import TieSettings
from napari_contransgan.drawing import draw_map, new_figure, png_of
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import TieResult, retrieve_phase
from napari_contransgan.tie.focus_search import find_focus

SEED = 8300
SIDE_PX = 256
PLANES_UM = (-3.0, 0.0, 3.0)
DARK_COUNTS = 300.0
STOP_SHARE = 0.46  # radius of a round field stop, of the frame's side
PANEL_IN = (3.4, 3.0)

Map = NDArray[np.floating]


def main() -> None:
    """Draw the requested pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the PNG files")
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES), metavar="NAME")
    arguments = parser.parse_args()
    for name in arguments.only:
        path = arguments.out / f"tie_{name}.png"
        path.write_bytes(png_of(PICTURES[name](), dpi=80))
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def _retrieved(zyx_counts: NDArray[Any], **settings: Any) -> TieResult:
    stack = Image(
        data=zyx_counts,
        axes="ZYX",
        pixel_size_um=PIXEL_UM,
        z_step_um=PLANES_UM[1] - PLANES_UM[0],
        wavelength_um=WAVELENGTH_UM,
        numerical_aperture=APERTURE,
        coherence=COHERENCE,
        name="simulated",
    )
    return result_of(retrieve_phase(stack, TieSettings(**{"focus_index": 1, **settings})))


def _row(*panels: tuple[Map, str, str], limits: tuple[float, float] | None = None) -> Figure:
    """Draw maps next to each other: values, title and colormap; maps of phase share their limits."""
    figure = new_figure(PANEL_IN[0] * len(panels), PANEL_IN[1])
    grid = figure.add_gridspec(1, len(panels))
    for column, (values, title, colormap) in enumerate(panels):
        shared = limits if colormap == "viridis" else None
        draw_map(figure, grid[column], values, PIXEL_UM, title, colormap=colormap, limits=shared)
    return figure


def _field(kind: Kind, index: int, **recording: float) -> tuple[NDArray[np.uint16], Map]:
    return drawn_stack(kind, Recording(SIDE_PX, PLANES_UM, **recording), SEED, index)


def draw_light() -> Figure:
    """Show what a change of the light by 2 % does, with and without its correction."""
    zyx_counts, truth = _field("sparse cells", 0, light_change=0.02)
    left = _retrieved(zyx_counts, light_correction=False).phase.data
    corrected = _retrieved(zyx_counts).phase.data
    return _row(
        (truth, "true phase (rad)", "viridis"),
        (left, "not corrected (rad)", "viridis"),
        (corrected, "corrected (rad)", "viridis"),
        limits=(-1.0, float(truth.max())),
    )


def draw_sheet() -> Figure:
    """Show a closed sheet of cells, which has no empty background."""
    return _with_uncertainty("sheets", 1)


def draw_faint() -> Figure:
    """Show faint cells, whose phase is little more than the noise."""
    return _with_uncertainty("faint cells", 2)


def _with_uncertainty(kind: Kind, index: int) -> Figure:
    zyx_counts, truth = _field(kind, index)
    result = _retrieved(zyx_counts)
    highest = float(np.quantile(truth, 0.999))
    return _row(
        (truth, "true phase (rad)", "viridis"),
        (result.phase.data, "retrieved phase (rad)", "viridis"),
        (result.uncertainty.data, "uncertainty (rad)", "magma"),
        limits=(-0.25 * highest, 1.1 * highest),
    )


def draw_direction() -> Figure:
    """Show the phase of planes in the right and in the wrong order."""
    zyx_counts, truth = _field("sparse cells", 3)
    highest = float(truth.max())
    return _row(
        (_retrieved(zyx_counts).phase.data, "right order (rad)", "viridis"),
        (_retrieved(zyx_counts[::-1]).phase.data, "wrong order (rad)", "viridis"),
        limits=(-highest, highest),
    )


def draw_focus() -> Figure:
    """Show five planes and the probability of each to be in focus."""
    z_um = (-6.0, -4.0, -2.0, 0.0, 2.0)
    zyx_counts, _ = drawn_stack("sparse cells", Recording(SIDE_PX, z_um), SEED, 4)
    found = find_focus(zyx_counts, z_um, pixel_size_um=PIXEL_UM, wavelength_um=WAVELENGTH_UM)
    figure = new_figure(1.7 * len(z_um), 2.1)
    grid = figure.add_gridspec(1, len(z_um))
    low, high = np.quantile(zyx_counts, (0.002, 0.998))
    for plane, yx_counts in enumerate(zyx_counts):
        axes = figure.add_subplot(grid[plane])
        axes.imshow(yx_counts[::2, ::2], cmap="gray", vmin=low, vmax=high)
        chance = "" if found is None else f"\nin focus: {found.chances[plane]:.0%}"
        axes.set(title=f"plane {plane}{chance}", xticks=[], yticks=[])
    return figure


def draw_dark() -> Figure:
    """Show how a dark level that is not subtracted lowers the phase."""
    zyx_counts, truth = _field("sparse cells", 5)
    offset = zyx_counts + np.uint16(DARK_COUNTS)
    left, subtracted = (_retrieved(offset, dark=dark).phase.data for dark in (0.0, DARK_COUNTS))
    row = int(np.argmax(truth.max(axis=1)))
    figure = new_figure(6.8, 3.0)
    axes = figure.add_subplot()
    x_um = np.arange(truth.shape[1]) * PIXEL_UM
    axes.plot(x_um, truth[row], color="0.6", linewidth=3, label="true phase")
    axes.plot(x_um, subtracted[row], color="tab:blue", label=f"dark level of {DARK_COUNTS:.0f} counts subtracted")
    axes.plot(x_um, left[row], color="tab:red", label="not subtracted")
    axes.set(xlabel="x (um)", ylabel="phase (rad)")
    axes.legend(frameon=False)
    return figure


def draw_stop() -> Figure:
    """Show a field stop: outside there is no light, and no phase."""
    zyx_counts, _ = _field("cut cells", 6)
    y, x = np.indices(zyx_counts.shape[1:]) - (SIDE_PX - 1) / 2
    zyx_stopped = np.where(np.hypot(y, x) < STOP_SHARE * SIDE_PX, zyx_counts, zyx_counts // 500)
    result = _retrieved(zyx_stopped)
    yx_std_rad = np.where(np.isfinite(result.uncertainty.data), result.uncertainty.data, np.nan)
    return _row(
        (zyx_stopped[1].astype(float), "plane in focus (counts)", "gray"),
        (result.phase.data, "phase, 0 outside (rad)", "viridis"),
        (yx_std_rad, "uncertainty, none outside (rad)", "magma"),
    )


PICTURES: dict[str, Callable[[], Figure]] = {
    "light": draw_light,
    "sheet": draw_sheet,
    "faint": draw_faint,
    "direction": draw_direction,
    "focus": draw_focus,
    "dark": draw_dark,
    "stop": draw_stop,
}

if __name__ == "__main__":
    main()
