"""Titles above the columns of previews, since a viewer does not show the names of layers in the image."""

from collections.abc import Mapping, Sequence

import numpy as np
from napari.layers import Points as PointsLayer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_contransgan.gui.runs.montage import TITLES, Kind
from napari_contransgan.gui.runs.plot import AXIS_COLOUR
from napari_contransgan.gui.shared.layers import SPATIAL_UNIT
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

SIZE_OF_COLUMN = 0.06
"""Height of the letters, as a fraction of a column's width; the longest title just fits."""

GAP_OF_COLUMN = 0.07

Title = tuple[tuple[float, ...], str]
"""Position in pixels, and text."""


def column_titles(places: Mapping[Kind, float], width_px: int, top_px: float = 0.0) -> list[Title]:
    """Return the titles above columns that begin at `places` and are `width_px` wide."""
    y_px = top_px - GAP_OF_COLUMN * width_px
    return [((y_px, left + width_px / 2), TITLES[kind]) for kind, left in places.items()]


def add_titles(
    viewer: Viewer, name: str, titles: Sequence[Title], width_px: int, axis: tuple[float, float] | None = None
) -> PointsLayer:
    """Add titles that scale with the image; `axis` is the first position of a slider, and its spacing."""
    first, stride = ((), ()) if axis is None else ((axis[0],), (axis[1],))
    places: NDArray[np.float64] = np.array([place for place, _ in titles], float)
    layer = viewer.add_points(
        places,
        name=name,
        features={"title": [text for _, text in titles]},
        text={
            "string": "{title}",
            "size": SIZE_OF_COLUMN * width_px * MODEL_PIXEL_SIZE_UM,
            "scaling": True,
            "color": AXIS_COLOUR,
            "anchor": "center",
        },
        size=0.1,
        face_color="transparent",
        border_color="transparent",
        scale=(*stride, MODEL_PIXEL_SIZE_UM, MODEL_PIXEL_SIZE_UM),
        translate=(*first, 0.0, 0.0),
        units=(*("pixel",) * len(stride), SPATIAL_UNIT, SPATIAL_UNIT),
        axis_labels=(*("step",) * len(stride), "y", "x"),
    )
    layer.editable = False
    return layer
