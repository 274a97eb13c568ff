"""The part of a stack that the TIE preview computes: a rectangle in the viewer, its pixels and their phase."""

import logging
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer, Shapes
from napari.viewer import Viewer

from napari_contransgan.config import TieSettings
from napari_contransgan.counts import less_dark, stated_dark
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import in_memory
from napari_contransgan.gui.tie.results import phase_range
from napari_contransgan.io import Image, read_image, to_luminance
from napari_contransgan.progress import Progress
from napari_contransgan.tie import retrieve_phase

REGION_NAME = "TIE preview region"

LARGEST_SIDE_PX = 384
SMALLEST_SIDE_PX = 16
MARGIN_PX = 32
"""Margin that is computed around the region and cut off, since its surroundings affect the phase near its edge."""

_log = logging.getLogger(__name__)

Window = tuple[slice, slice]


@dataclass(frozen=True)
class PreviewResult:
    """Result of a preview.

    Parameters
    ----------
    phase : Image or None
        Phase of the region, axes YX; None if it could not be computed.
    text : str
        Its range and notes, or the error.
    """

    phase: Image | None
    text: str


def add_region(viewer: Viewer, stack: ImageLayer) -> Shapes:
    """Add a rectangle in the middle of the visible part of a stack, ready to be moved."""
    low, high = _seen(stack)
    side = np.minimum(high - low, LARGEST_SIDE_PX)
    start = (low + high - side) / 2 - 0.5  # pixel 0 reaches from -0.5 to 0.5
    (top, left), (bottom, right) = start, start + side
    region = viewer.add_shapes(
        [np.array([[top, left], [top, right], [bottom, right], [bottom, left]])],
        shape_type="rectangle",
        edge_color="yellow",
        face_color="transparent",
        edge_width=max(1.0, float(max(high - low)) / 300),
        name=REGION_NAME,
        **place_over(stack),
    )
    region.mode = "select"
    region.selected_data = {0}
    return region


def place_over(stack: ImageLayer, start_yx_px: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Return the attributes that align a YX layer with a stack, starting at the pixel `start_yx_px`."""
    scale = np.asarray(stack.scale[-2:])
    translate = np.asarray(stack.translate[-2:]) + scale * start_yx_px
    return {"scale": scale, "units": stack.units[-2:], "translate": translate}


def lay_over(layer: Layer, stack: ImageLayer, start_yx_px: tuple[int, int] = (0, 0)) -> None:
    """Align a layer with a stack; see `place_over`."""
    for attribute, value in place_over(stack, start_yx_px).items():
        setattr(layer, attribute, value)


def window_of(region: Shapes, shape_yx: tuple[int, int]) -> Window:
    """Return the pixels of the stack inside the rectangle, or inside the one drawn last.

    Raises
    ------
    InputError
        If there is no rectangle, or it covers too little of the stack.
    """
    if not region.data:
        raise InputError(f"draw a rectangle in the layer '{region.name}'")
    corners = np.asarray(region.data[-1])[:, -2:]
    low = np.maximum(np.round(corners.min(axis=0) + 0.5).astype(int), 0)
    high = np.minimum(np.round(corners.max(axis=0) + 0.5).astype(int), shape_yx)
    if np.any(high - low < SMALLEST_SIDE_PX):
        raise InputError(f"the rectangle must cover at least {SMALLEST_SIDE_PX} x {SMALLEST_SIDE_PX} px of the stack")
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def time_point(viewer: Viewer, stack: ImageLayer, image: Image) -> int | None:
    """Return the index of the time point that the slider shows; None for a stack without a time axis."""
    if not {"T", "Z"} <= set(image.axes):
        return None
    axis = image.axes.index("T")
    shown = stack.world_to_data(viewer.dims.point[-stack.ndim :])[axis]
    return int(np.clip(round(float(shown)), 0, image.data.shape[axis] - 1))


def preview_events(
    image: Image, settings: TieSettings, window: Window, time: int | None
) -> Generator[Progress, None, PreviewResult]:
    """Compute the phase of a part of a stack in a worker; only this part of lazy data is read.

    Parameters
    ----------
    image : Image
        The whole stack.
    settings : TieSettings
        As for the whole stack. A flat-field image is used; an estimated flat field needs the whole frame and is left
        out.
    window : tuple of slice
        Rows and columns.
    time : int or None
        Time point of a series.

    Yields
    ------
    Progress
        Before each step.

    Returns
    -------
    PreviewResult
        Errors are reported in its text, since a preview follows every edit and must not show a message for each.
    """
    try:
        yield Progress(0, 0, "Preview")
        shape_yx = (image.data.shape[image.axes.index("Y")], image.data.shape[image.axes.index("X")])
        outer, inner = _with_margin(window, shape_yx)
        part = _cut(image, outer, time)
        part, settings = _without_pictures(part, image, settings, outer)
        result = yield from retrieve_phase(part, settings)
    except InputError as error:
        return PreviewResult(None, f"No preview: {error}")
    except Exception as error:  # the next edit may fix it
        _log.exception("preview failed")
        return PreviewResult(None, f"No preview: {type(error).__name__}: {error}")
    phase = replace(result.phase, data=result.phase.data[inner].copy())
    height, width = phase.data.shape
    when = "" if time is None else f", time point {time}"
    text = f"Preview of {height} x {width} px{when}: {phase_range(phase)}."
    return PreviewResult(phase, "\n".join([text, *result.notes]))


def _seen(stack: ImageLayer) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the end pixel of the visible part of the frame, or of all of it if unknown."""
    whole = np.array(stack.level_shapes[0][-2:] if stack.multiscale else stack.data.shape[stack.ndim - 2 : stack.ndim])
    first, last = np.asarray(stack.corner_pixels)[:, -2:]
    low, high = np.clip(first, 0, whole).astype(float), np.clip(last + 1, 0, whole).astype(float)
    if stack.multiscale or np.any(high - low < LARGEST_SIDE_PX // 4):
        return np.zeros(2), whole.astype(float)
    return low, high


def _with_margin(window: Window, shape_yx: tuple[int, ...]) -> tuple[Window, Window]:
    """Return the window with its margin, and the position of the window inside it."""
    outer = [
        slice(max(side.start - MARGIN_PX, 0), min(side.stop + MARGIN_PX, size))
        for side, size in zip(window, shape_yx, strict=True)
    ]
    inner = [slice(one.start - big.start, one.stop - big.start) for one, big in zip(window, outer, strict=True)]
    return (outer[0], outer[1]), (inner[0], inner[1])


def _cut(image: Image, window: Window, time: int | None) -> Image:
    index: list[slice | int] = [slice(None)] * image.data.ndim
    index[image.axes.index("Y")], index[image.axes.index("X")] = window
    axes = image.axes
    if time is not None:
        index[axes.index("T")] = time
        axes = axes.replace("T", "")
    return in_memory(replace(image, data=image.data[tuple(index)], axes=axes))


def _without_pictures(part: Image, image: Image, settings: TieSettings, window: Window) -> tuple[Image, TieSettings]:
    """Apply dark and flat-field images of the whole frame, which do not fit a part of it."""
    part, _ = to_luminance(part)
    dark = stated_dark(settings.dark, image)
    dark = dark if isinstance(dark, float) else dark[window]
    if isinstance(settings.flat_field, Path):
        flat, shape_yx = read_image(settings.flat_field).data, image.data.shape[image.axes.index("Y") :][:2]
        if flat.shape != shape_yx:
            raise InputError(f"{settings.flat_field}: the flat field's shape {flat.shape} is not {shape_yx}")
        light, flat = less_dark(part.data, dark)[0], flat[window] - dark
        part, dark = replace(part, data=light / np.maximum(flat / flat.mean(), 1e-3)), 0.0
    elif not isinstance(dark, float):
        part, dark = replace(part, data=less_dark(part.data, dark)[0]), 0.0
    return part, settings.model_copy(update={"flat_field": None, "dark": dark})
