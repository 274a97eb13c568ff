"""The four layers of a simulated field, which are added once and then updated."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_contransgan.gui.microscope.work import Role
from napari_contransgan.gui.shared.layers import METADATA_KEY, contrast_limits, layer_tuple
from napari_contransgan.gui.shared.napari_versions import grid_of, show_colour_bar
from napari_contransgan.io import Image

NAMES: dict[Role, str] = {
    "phase": "Digital microscope: true phase",
    "tie": "Digital microscope: TIE phase",
    "stack": "Digital microscope: focus stack",
    "lr": "Digital microscope: low power",
}
"""Names of the layers, from the bottom to the top."""

LEAST_PHASE_SPAN_RAD = 0.5
"""Least range of the colours, so that the noise of an empty field does not fill it."""

_PHASES: tuple[Role, Role] = ("phase", "tie")
_MIDDLE_PLANE = 1


class FieldLayers:
    """Shows the images of a field; a layer that the user deletes is added again with the next image.

    Parameters
    ----------
    viewer : Viewer
        Where they are shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: dict[Role, ImageLayer] = {}
        self._limits: dict[Role, tuple[float, float]] = {}
        self._field_um: float | None = None

    def show(self, images: Mapping[Role, Image]) -> None:
        """Show images of one field, in the order of `NAMES`."""
        if "phase" in images:
            self._choose_phase_limits(images["phase"].data)
        for role, image in images.items():
            if role not in _PHASES:
                self._limits[role], former = _limits(image), self._limits.get(role)
            else:
                former = None
            if self._shown(role) is None:
                self._add(role, image)
            else:
                self._change(role, image, former)
        if "lr" in images:
            self._look_at_all_of(images["lr"])

    def present(self) -> list[ImageLayer]:
        """Return the layers that the viewer shows, the low-power image first."""
        return [layer for role in reversed(NAMES) if (layer := self._shown(role)) is not None]

    def has(self, role: Role) -> bool:
        """Return whether the viewer shows such an image."""
        return self._shown(role) is not None

    def remove(self, roles: Iterable[Role]) -> None:
        """Remove layers that no longer belong to the field."""
        for role in roles:
            layer = self._shown(role)
            if layer is not None:
                self._viewer.layers.remove(layer)
            self._layers.pop(role, None)

    def forget(self) -> None:
        """Forget the layers, which stay in the viewer."""
        self._layers.clear()

    def _shown(self, role: Role) -> ImageLayer | None:
        layer = self._layers.get(role)
        return layer if layer is not None and layer in self._viewer.layers else None

    def _others(self) -> list[Any]:
        return [layer for layer in self._viewer.layers if layer not in self._layers.values()]

    def _add(self, role: Role, image: Image) -> None:
        layers = self._viewer.layers
        chosen = set(layers.selection)
        data, attributes, _ = layer_tuple(replace(image, name=NAMES[role]))
        layer = self._viewer.add_image(data, **attributes | {"contrast_limits": self._limits[role]})
        self._layers[role] = layer
        if role == "phase":  # one colour bar for both phases
            show_colour_bar(layer)
        order = list(NAMES)
        above = [shown for later in order[order.index(role) + 1 :] if (shown := self._shown(later)) is not None]
        if above:
            layers.move(layers.index(layer), min(layers.index(other) for other in above))
        if chosen:
            layers.selection = chosen  # the user may be at work with another layer
        if role == "stack":
            self._go_to_plane(_MIDDLE_PLANE, image)
        pair = [shown for phase in _PHASES if (shown := self._shown(phase)) is not None]
        if role in _PHASES and len(pair) == len(_PHASES):
            layers.link_layers(pair, ("contrast_limits",))  # who changes one wants to compare
        if grid_of(self._viewer).enabled and not self._others():
            self._viewer.reset_view()  # as the grid has grown

    def _change(self, role: Role, image: Image, former: tuple[float, float] | None) -> None:
        layer = self._layers[role]
        plane = self._plane(layer) if role == "stack" else None
        data, attributes, _ = layer_tuple(image)
        layer.data = data
        layer.scale, layer.translate = attributes["scale"], attributes["translate"]
        layer.metadata[METADATA_KEY] = attributes["metadata"][METADATA_KEY]
        if former is not None and tuple(layer.contrast_limits) == former:  # else the user chose others
            layer.contrast_limits = self._limits[role]
        if plane is not None:
            self._go_to_plane(plane, image)

    def _choose_phase_limits(self, yx_true_rad: NDArray[Any]) -> None:
        """Set the contrast limits of both phases to those of the true one, unless the user chose others."""
        low, high = contrast_limits(yx_true_rad, "phase") or (float(np.min(yx_true_rad)),) * 2
        limits = low, max(high, low + LEAST_PHASE_SPAN_RAD)
        for role in _PHASES:
            layer, former = self._shown(role), self._limits.get(role)
            if layer is not None and tuple(layer.contrast_limits) == former:
                layer.contrast_limits = limits
            self._limits[role] = limits

    def _plane(self, stack: ImageLayer) -> int:
        axis = self._viewer.dims.ndim - stack.ndim
        plane: float = (self._viewer.dims.point[axis] - stack.translate[0]) / stack.scale[0]
        return round(plane)

    def _go_to_plane(self, plane: int, image: Image) -> None:
        axis = self._viewer.dims.ndim - image.data.ndim
        self._viewer.dims.set_point(axis, plane * (image.z_step_um or 1.0))

    def _look_at_all_of(self, image: Image) -> None:
        """Fit the field into the window when its size changes and no other layer is shown."""
        field_um = image.data.shape[0] * (image.pixel_size_um or 1.0)
        before, self._field_um = self._field_um, field_um
        changed = before is not None and abs(before - field_um) > 0.05 * field_um
        if changed and not self._others():
            self._viewer.reset_view()


def _limits(image: Image) -> tuple[float, float]:
    limits = contrast_limits(image.data, image.quantity)
    if limits is None:
        low = float(np.min(image.data))
        return low, low + 1.0
    return limits
