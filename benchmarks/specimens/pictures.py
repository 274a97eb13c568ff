"""Draw pictures of simulated specimens, alone and next to real ones."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from benchmarks.specimens.real import HELA_PIXEL_UM, FocusPair
from benchmarks.specimens.statistics import radial_spectrum, relative
from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray
from PIL import Image

from napari_contransgan.config import SceneName
from napari_contransgan.simulation.beads import BEAD_INDEX_CONTRAST, bead_height_map, scatter_beads
from napari_contransgan.simulation.cells import cell_path_map, scatter_cells

Array = NDArray[np.floating]

GREYS = 112
"""Number of grey levels, limited so that noisy pictures stay small."""

_FIELD_PX = 560
_FIELD_PIXEL_UM = 0.1625
_CELL_SCENES: tuple[tuple[SceneName, int], ...] = (("empty", 1), ("sparse", 3), ("dense", 4), ("confluent", 4))
"""Scenes, and the number of fields shown for each."""

_BEAD_SCENES: tuple[tuple[SceneName, int], ...] = (("sparse", 0), ("dense", 1), ("confluent", 2), ("confluent", 4))
"""Scenes, with instructive seeds."""

_CROP_PX = 290


def draw_gallery(path: Path, wavelength_um: float = 0.55) -> None:
    """Draw the phase of twelve fields of cells and four of beads, from 0 to 3.5 rad (beads: 1.2).

    Parameters
    ----------
    path : Path
        PNG to write.
    wavelength_um : float
        Vacuum wavelength.
    """
    figure, axes = plt.subplots(4, 4, figsize=(8.2, 8.9), layout="constrained")
    wave_number = 2 * np.pi / wavelength_um
    scenes = [scene for scene, count in _CELL_SCENES for _ in range(count)]
    for number, (axis, scene) in enumerate(zip(axes[:3].flat, scenes, strict=True)):
        rng = np.random.default_rng([number, 7])
        cells = scatter_cells(_FIELD_PX * _FIELD_PIXEL_UM, rng, scene=scene)
        path_um = cell_path_map(cells, _FIELD_PX, _FIELD_PIXEL_UM, rng)
        _show(axis, wave_number * path_um, (0, 3.5), f"cells, {scene}")
    for axis, (scene, seed) in zip(axes[3], _BEAD_SCENES, strict=True):
        beads = scatter_beads(_FIELD_PX * _FIELD_PIXEL_UM, np.random.default_rng([seed, 8]), scene=scene)
        path_um = BEAD_INDEX_CONTRAST * bead_height_map(beads, _FIELD_PX, _FIELD_PIXEL_UM)
        _show(axis, wave_number * path_um, (0, 1.2), f"beads, {scene}")
    save_small(figure, path)


def draw_comparison(path: Path, pairs: Sequence[tuple[str, FocusPair]]) -> None:
    """Draw each pair in a row: in focus, out of focus, TIE phase; each column has one grey scale.

    Parameters
    ----------
    path : Path
        PNG to write.
    pairs : sequence of (str, FocusPair)
        Pairs to show, with their names.
    """
    figure, axes = plt.subplots(len(pairs), 3, figsize=(8.2, 2.85 * len(pairs)), layout="constrained", squeeze=False)
    for row, (name, pair) in zip(axes, pairs, strict=True):
        first = (pair.yx_phase_rad.shape[0] - _CROP_PX) // 2
        crop = np.s_[first : first + _CROP_PX, first : first + _CROP_PX]
        focus, beyond = (relative(plane, HELA_PIXEL_UM)[crop] for plane in pair.zyx_counts)
        _show(row[0], focus, (-0.15, 0.15), f"{name}: in focus, ±15 %")
        _show(row[1], beyond, (-0.25, 0.25), "2.5 µm further, ±25 %")
        _show(row[2], pair.yx_phase_rad[crop], (-1.0, 1.6), "TIE phase, -1 to 1.6 rad")
    save_small(figure, path)


def draw_spectra(path: Path, real: FocusPair | None, groups: Sequence[tuple[str, Sequence[FocusPair]]]) -> None:
    """Draw spectra of both planes and of the TIE phase, with simulated ones as bands from the lowest to the highest.

    Parameters
    ----------
    path : Path
        PNG to write.
    real : FocusPair or None
        The real pair.
    groups : sequence of (str, sequence of FocusPair)
        Simulated pairs, by name.
    """
    figure, axes = plt.subplots(1, 3, figsize=(8.2, 3.0), layout="constrained")
    for column, (axis, title) in enumerate(zip(axes, ("in focus", "2.5 µm further", "TIE phase"), strict=True)):
        for name, pairs in groups:
            spectra = [radial_spectrum(_quantity(pair, column), HELA_PIXEL_UM) for pair in pairs]
            powers = [spectrum.power for spectrum in spectra]
            axis.fill_between(
                spectra[0].f_per_um, np.min(powers, axis=0), np.max(powers, axis=0), alpha=0.4, label=name
            )
        if real is not None:
            spectrum = radial_spectrum(_quantity(real, column), HELA_PIXEL_UM)
            axis.plot(spectrum.f_per_um, spectrum.power, color="black", label="real")
        axis.set(xscale="log", yscale="log", title=title, xlabel="frequency (1/µm)")
        axis.xaxis.set_minor_formatter(NullFormatter())
        if column == 2:
            axis.set(xlim=(None, 1.0), ylim=(1e-10, None))
    axes[0].set_ylabel("power density")
    axes[0].legend(fontsize=8)
    save_small(figure, path)


def _quantity(pair: FocusPair, column: int) -> Array:
    return pair.yx_phase_rad if column == 2 else relative(pair.zyx_counts[column], HELA_PIXEL_UM)


def _show(axis: mpl.axes.Axes, yx_values: Array, limits: tuple[float, float], title: str) -> None:
    axis.imshow(yx_values, cmap="gray", vmin=limits[0], vmax=limits[1])
    axis.set_title(title, fontsize=8)
    axis.set_axis_off()


def save_small(figure: mpl.figure.Figure, path: Path) -> None:
    """Save a figure as a PNG with few colours, close it, and print the size of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=94, metadata={"Software": None})
    plt.close(figure)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(GREYS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"wrote {path} ({path.stat().st_size / 1000:.0f} kB)")
