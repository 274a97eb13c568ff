"""Show a phase map as a surface layer with a suitable camera; used by the surface widget and the prediction."""

import math
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.layers import Surface as SurfaceLayer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import PHASE_COLORMAP, add_surface
from napari_contransgan.gui.shared.napari_versions import camera_of, unwrapped
from napari_contransgan.io import Image
from napari_contransgan.optics import check_wavelength, height_from_phase, path_from_phase
from napari_contransgan.quantities import measured
from napari_contransgan.surface import surface_from_map

SurfaceQuantity = Literal["phase", "height"]

RELIEF = 0.2
"""Height of the relief with automatic exaggeration, as a fraction of the frame's shorter side."""

LARGEST_PHASE_RAD = 100.0
"""A float image without a stated quantity counts as phase up to this value; camera counts are far higher."""

VIEW_ZYX = (-1.0, -1.0, 0.0)
UP_ZYX = (1.0, -1.0, 0.0)
"""View from above and in front: the image is tilted back, its upper edge is far away, thick parts rise."""


def displayed_frame(image: Image, layer: ImageLayer, viewer: Viewer) -> Image:
    """Return the frame of a stack that the sliders show."""
    if image.axes == "YX":
        return image
    if image.axes.endswith("S"):
        raise InputError(
            f"layer '{image.name}': is a colour image: a surface needs a single value per pixel, such as phase"
        )
    position = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    leading = zip(position[:-2], image.data.shape[:-2], strict=True)
    index = tuple(int(np.clip(round(value), 0, length - 1)) for value, length in leading)
    return replace(image, data=np.asarray(image.data[index]), axes="YX")


def show_surface(
    viewer: Viewer,
    image: Image,
    *,
    quantity: SurfaceQuantity = "phase",
    index_contrast: float | None = None,
    exaggeration: float | None = None,
    colormap: str = PHASE_COLORMAP,
) -> SurfaceLayer:
    """Add a phase map as a surface layer in micrometres and look at it in 3D.

    Other visible layers are hidden, since flat images would cut through the relief.

    Parameters
    ----------
    viewer : Viewer
        Viewer to which it is added.
    image : Image
        Phase map, axes YX, in radians.
    quantity : {"phase", "height"}
        What the colours show. The relief of "phase" is the optical path in micrometres, that of "height" the height.
    index_contrast : float, optional
        Index of the specimen minus that of the medium; needed for "height".
    exaggeration : float, optional
        Vertical stretch; None makes the relief a fifth of the frame's side.
    colormap : str
        Name of a napari colormap.

    Returns
    -------
    Surface layer

    Raises
    ------
    InputError
        If the map has no pixel size or wavelength, or is not a phase map; if the index contrast is missing or not
        finite; or if the exaggeration is not a finite number above 0.
    """
    if exaggeration is not None and not (math.isfinite(exaggeration) and exaggeration > 0):
        raise InputError(
            f"Vertical stretch (×): {exaggeration:g} cannot be used: give a number above 0, or leave it empty"
        )
    if quantity == "height" and index_contrast is not None and not math.isfinite(index_contrast):
        raise InputError(
            f"Index contrast: {index_contrast:g} cannot be used: give it, for example 0.03 for cells in water"
        )
    if image.pixel_size_um is None:
        raise InputError(f"layer '{image.name}': no pixel size: give it in µm")
    if image.wavelength_um is None:
        raise InputError(f"layer '{image.name}': no wavelength: give it in µm")
    if image.axes != "YX":
        raise InputError(f"layer '{image.name}': a surface needs a single frame, not axes {image.axes}")
    _check_phase(image)
    if not np.isfinite(image.data).all():
        raise InputError(f"layer '{image.name}': contains NaN or infinite pixels: replace them first")
    values, um_per_value = _values(image, check_wavelength(image.wavelength_um), quantity, index_contrast)
    relief_um = float(np.ptp(values)) * um_per_value
    if exaggeration is None:
        side_um = min(image.data.shape) * image.pixel_size_um
        exaggeration = RELIEF * side_um / relief_um if relief_um > 0 else 1.0
    mesh = surface_from_map(
        values,
        image.pixel_size_um,
        vertical_um_per_value=um_per_value * exaggeration,
        origin_yx_um=image.origin_yx_um,
        yx_shown=measured(image),
    )
    point = viewer.dims.point
    hidden = [other for other in viewer.layers if other.visible]
    for other in hidden:
        other.visible = False
    unit = "rad" if quantity == "phase" else "µm"
    layer = add_surface(
        viewer,
        mesh,
        name=f"{image.name} 3D ({unit}, z × {exaggeration:.3g})",
        colormap=colormap,
        metadata={
            "quantity": quantity,
            "unit": unit,
            "vertical_exaggeration": exaggeration,
            "index_contrast": index_contrast if quantity == "height" else None,
            "settings": dict(image.settings),
        },
    )
    _look_at_relief(viewer)
    _hide_when_flat(viewer, layer, [other for other in hidden if not isinstance(other, SurfaceLayer)], point)
    return layer


def _check_phase(image: Image) -> None:
    """Refuse counts, which have no optical path; float values of another program count as phase if they can be one."""
    if image.quantity == "phase":
        return
    if image.quantity != "intensity":
        raise InputError(f"layer '{image.name}': holds {image.quantity}, not phase: choose the phase itself")
    values = np.asarray(image.data)
    if values.dtype.kind != "f" or np.nanmax(np.abs(values), initial=0.0) > LARGEST_PHASE_RAD:
        raise InputError(f"layer '{image.name}': holds the counts of a camera, not phase: compute its phase first")


def _hide_when_flat(viewer: Viewer, surface: SurfaceLayer, hidden: Sequence[Layer], point: tuple[float, ...]) -> None:
    """Hide the surface while the viewer shows 2D, where only scraps of it would be seen, and show the other layers.

    The sliders go back to the point they were at, and count the planes of the stack again: the relief is taller than
    the stack and made of finer steps, and sliders run over all layers, also hidden ones. So it is flat meanwhile.
    """
    away = [weakref.ref(unwrapped(layer)) for layer in hidden]
    relief = weakref.ref(unwrapped(surface))
    returns = True
    tall: NDArray[Any] | None = None

    def follow() -> None:
        nonlocal away, returns, tall
        layer = relief()
        if layer is None or layer not in viewer.layers:
            viewer.dims.events.ndisplay.disconnect(follow)
            return
        if viewer.dims.ndisplay == 2:
            returns, layer.visible = layer.visible, False
            if tall is None:
                tall = layer.vertices
                _flatten(layer, viewer)
            if len(point) == viewer.dims.ndim:
                viewer.dims.point = point
            _show([one() for one in away], viewer)
            return
        if tall is not None:
            layer.scale, layer.vertices, tall = (1.0, 1.0, 1.0), tall, None
        if returns:
            flat = [other for other in viewer.layers if other.visible and not isinstance(other, SurfaceLayer)]
            for other in flat:
                other.visible = False
            away = [weakref.ref(unwrapped(other)) for other in flat] or away
            layer.visible = True

    viewer.dims.events.ndisplay.connect(follow)


def _show(layers: Sequence[Layer | None], viewer: Viewer) -> None:
    """Show the layers that are still there."""
    for layer in layers:
        if layer is not None and layer in viewer.layers:
            layer.visible = True


def _flatten(layer: SurfaceLayer, viewer: Viewer) -> None:
    """Give a surface no height, and the steps of the other layers, so that it adds no position to the sliders."""
    others = [other for other in viewer.layers if other.ndim > 2 and not isinstance(other, SurfaceLayer)]
    layer.vertices = layer.vertices * np.array([0, 1, 1], layer.vertices.dtype)
    layer.scale = (min((float(other.extent.step[-3]) for other in others), default=1.0), 1.0, 1.0)


def _values(
    image: Image, wavelength_um: float, quantity: SurfaceQuantity, index_contrast: float | None
) -> tuple[NDArray[np.floating[Any]], float]:
    if quantity == "phase":
        return np.asarray(image.data, dtype=np.float32), float(path_from_phase(np.ones(1), wavelength_um)[0])
    if image.quantity != "phase":
        raise InputError(f"layer '{image.name}': is not a phase map and has no height: compute its phase first")
    if index_contrast is None:
        raise InputError("Index contrast: give it to see heights, for example 0.03 for cells in water")
    return height_from_phase(np.asarray(image.data, dtype=np.float32), wavelength_um, index_contrast), 1.0


def _look_at_relief(viewer: Viewer) -> None:
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    camera = camera_of(viewer)
    camera.perspective = 15
    camera.set_view_direction(VIEW_ZYX, UP_ZYX)
    camera.zoom *= 0.85  # perspective widens the near edge
