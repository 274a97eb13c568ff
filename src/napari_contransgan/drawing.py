"""Draw maps, surfaces and figures without a window, and save them as PNG, SVG or TIFF."""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import tifffile
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.io.atomic import write_atomically
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.surface import SurfaceMesh, surface_from_map

UM_PER_RAD = 5.0
"""Height of a surface in um for a phase of 1 rad."""

PLOT_SUFFIXES = (".png", ".svg", ".tif", ".tiff")
SAVED_DPI = 200


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return a new in-memory figure whose layout keeps labels from overlapping."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png_of(figure: Figure, dpi: float = 100) -> bytes:
    """Return a figure as PNG; the same figure always gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def svg_of(figure: Figure) -> bytes:
    """Return a figure as SVG whose text remains text; the same figure always gives the same bytes."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "napari-contransgan"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def tiff_of(figure: Figure, dpi: float) -> bytes:
    """Return a figure as TIFF in RGB with its resolution, as journals want it."""
    buffer = io.BytesIO()
    rgba = imread(io.BytesIO(png_of(figure, dpi)))
    rgb = np.round(255 * rgba[..., :3]).astype(np.uint8)
    tifffile.imwrite(
        buffer,
        rgb,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        resolution=(dpi, dpi),
        resolutionunit="INCH",
        metadata=None,
        software=False,
    )
    return buffer.getvalue()


def check_plot_name(path: Path) -> None:
    """Raise an error if a file name does not fit a plot.

    Raises
    ------
    InputError
        If the name does not end in .png, .svg, .tif or .tiff.
    """
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(
            "figures are saved as PNG, SVG or TIFF: choose a name that ends in .png, .svg or .tif", source=str(path)
        )


def save_figure(path: Path, figure: Figure) -> None:
    """Save a figure as PNG, SVG or TIFF, whichever the name ends in; an existing file is replaced atomically.

    Raises
    ------
    InputError
        If the name ends in none of them.
    """
    check_plot_name(path)
    dpi = max(SAVED_DPI, figure.dpi)
    kind = path.suffix.lower()
    write_atomically(
        path, svg_of(figure) if kind == ".svg" else png_of(figure, dpi) if kind == ".png" else tiff_of(figure, dpi)
    )


def draw_map(
    figure: Figure,
    place: Any,
    yx_values: NDArray[np.generic],
    pixel_size_um: float,
    title: str,
    *,
    colormap: str = "viridis",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw a map with a colour bar and axes in micrometres.

    Parameters
    ----------
    figure, place
        The figure, and the cell of its grid to draw in.
    yx_values : ndarray, shape (Y, X)
        What.
    pixel_size_um : float
        Pixel size.
    title : str
        Title; it names the quantity and its unit.
    colormap : str
        Name of a matplotlib colormap.
    limits : tuple of float, optional
        Values of the lowest and the highest colour; by default the map's minimum and maximum.
    """
    axes = figure.add_subplot(place)
    height_um, width_um = (side * pixel_size_um for side in yx_values.shape)
    low, high = limits or (None, None)
    shown = axes.imshow(yx_values, cmap=colormap, extent=(0, width_um, height_um, 0), vmin=low, vmax=high)
    axes.set(title=title, xlabel="x (um)", ylabel="y (um)")
    figure.colorbar(shown, ax=axes, shrink=0.8)
    return axes


def draw_surface(
    figure: Figure,
    place: Any,
    yx_phase_rad: NDArray[np.floating],
    pixel_size_um: float = MODEL_PIXEL_SIZE_UM,
    title: str = "3D surface of the prediction",
    *,
    max_vertices: int = 20_000,
) -> None:
    """Draw a phase map as a surface on which 1 rad is 5 um high."""
    mesh: SurfaceMesh = surface_from_map(
        yx_phase_rad, pixel_size_um, vertical_um_per_value=UM_PER_RAD, max_vertices=max_vertices
    )
    axes = figure.add_subplot(place, projection="3d")
    z_um, y_um, x_um = mesh.vertices_zyx_um.T
    height_rad = np.abs(z_um) / UM_PER_RAD * np.sign(mesh.values)
    axes.plot_trisurf(x_um, y_um, height_rad, triangles=mesh.faces, cmap="viridis", linewidth=0, antialiased=False)
    axes.set(title=title, xlabel="x (um)", ylabel="y (um)", zlabel="phase (rad)")
    axes.set_box_aspect((1, 1, 0.3))
    axes.locator_params(axis="z", nbins=3)
    axes.invert_yaxis()
    axes.view_init(elev=55, azim=-70)
