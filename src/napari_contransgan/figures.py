"""A map as a figure for a paper: the picture as it is shown, a scale bar and a colour bar."""

import math

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Stroke, withStroke
from numpy.typing import NDArray

from napari_contransgan.drawing import SAVED_DPI, new_figure

LONGEST_SIDE_IN = 5.0
LARGEST_DPI = 1200.0
BAR_SHARE = 0.25
"""Longest scale bar, as a share of the picture's width."""

_MARGIN_IN, _GAP_IN, _BAR_IN, _LABEL_IN = 0.08, 0.1, 0.16, 0.75
_INSET = 0.04
_THICKNESS = 0.012
_LEAST_HEIGHT_IN = 1.2
"""Room for the label of the colour bar."""


def draw_figure(
    yx_values: NDArray[np.number],
    pixel_size_um: float,
    label: str,
    limits: tuple[float, float],
    rgba_colours: NDArray[np.floating],
) -> Figure:
    """Draw a map with a scale bar in micrometres and a colour bar, without axes.

    Parameters
    ----------
    yx_values : ndarray, shape (Y, X)
        The map. A small figure has as many pixels as the map, or a multiple of them.
    pixel_size_um : float
        Pixel size.
    label : str
        Label of the colour bar: the quantity and its unit.
    limits : tuple of float
        Values of the first and the last colour.
    rgba_colours : ndarray, shape (N, 4)
        The colours, from 0 to 1.
    """
    height_px, width_px = yx_values.shape
    scale_in = LONGEST_SIDE_IN / max(height_px, width_px)
    height_in, width_in = height_px * scale_in, width_px * scale_in
    whole_in = (
        _MARGIN_IN + width_in + _GAP_IN + _BAR_IN + _LABEL_IN,
        max(height_in, _LEAST_HEIGHT_IN) + 2 * _MARGIN_IN,
    )
    figure = new_figure(*whole_in)
    figure.set_layout_engine("none")
    figure.set_dpi(_whole_multiple_dpi(scale_in))
    bottom_in = (whole_in[1] - height_in) / 2
    place = (_MARGIN_IN, bottom_in, width_in, height_in)
    axes = figure.add_axes(_relative(place, whole_in))
    colours = ListedColormap(rgba_colours)
    norm = Normalize(*limits)
    height_um, width_um = height_px * pixel_size_um, width_px * pixel_size_um
    axes.imshow(yx_values, cmap=colours, norm=norm, extent=(0, width_um, height_um, 0), interpolation="none")
    axes.set_axis_off()
    _draw_scale_bar(figure, width_um, height_um)
    bar_place = (_MARGIN_IN + width_in + _GAP_IN, bottom_in, _BAR_IN, height_in)
    bar = figure.add_axes(_relative(bar_place, whole_in))
    figure.colorbar(ScalarMappable(norm, colours), cax=bar, label=label)
    return figure


def scale_bar_um(width_um: float) -> float:
    """Return the length of a scale bar: 1, 2 or 5 times a power of ten, and at most a quarter of the width."""
    power = 10.0 ** math.floor(math.log10(width_um * BAR_SHARE))
    return max(step * power for step in (1, 2, 5) if step * power <= width_um * BAR_SHARE)


def _draw_scale_bar(figure: Figure, width_um: float, height_um: float) -> None:
    """Draw a white bar with a dark rim in the lower right corner, and its length above it."""
    (axes,) = figure.axes
    length_um = scale_bar_um(width_um)
    longest_um = max(width_um, height_um)
    right_um, bottom_um = width_um - _INSET * longest_um, height_um - _INSET * longest_um
    thickness_um = _THICKNESS * longest_um
    rim = [withStroke(linewidth=2, foreground="black")]
    corner = right_um - length_um, bottom_um - thickness_um
    axes.add_patch(Rectangle(corner, length_um, thickness_um, facecolor="white", linewidth=0, path_effects=rim))
    place = right_um - length_um / 2, bottom_um - 1.6 * thickness_um
    for effects in ([Stroke(linewidth=2, foreground="black")], []):  # an SVG has text with an effect as outlines
        axes.text(*place, f"{length_um:g} µm", color="white", ha="center", va="bottom", path_effects=effects or None)


def _whole_multiple_dpi(inch_per_px: float) -> float:
    """Return a resolution at which each pixel of the map has a whole number of pixels, if that is not too fine."""
    per_in = 1 / inch_per_px
    return min(per_in * max(1, math.ceil(SAVED_DPI / per_in)), LARGEST_DPI)


def _relative(place_in: tuple[float, ...], whole_in: tuple[float, float]) -> tuple[float, float, float, float]:
    left, bottom, width, height = place_in
    return left / whole_in[0], bottom / whole_in[1], width / whole_in[0], height / whole_in[1]
