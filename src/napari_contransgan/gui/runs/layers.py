"""Layers of previews: their appearance, in the live preview and in opened runs, and the stacks of opened runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Points as PointsLayer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_contransgan.gui.runs.montage import PHASES, TITLES, Kind, columns, montages
from napari_contransgan.gui.runs.titles import GAP_OF_COLUMN, Title, add_titles, column_titles
from napari_contransgan.gui.shared.layers import METADATA_KEY, contrast_limits, layer_tuple
from napari_contransgan.io import Image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.training.events import Preview

Limits = tuple[float, float]

PHASE_LIMITS_RAD: Limits = (-0.5, 3.0)
"""Used if there is no true phase; the first outputs of a network say nothing about the range."""

LEAST_PHASE_SPAN_RAD = 0.5
ROOM_OF_COLUMN = 0.35
"""Height for the titles above and below a run's previews, as a fraction of a column's width."""

CONTRAST_LIMITS: Limits = (-1.0, 1.0)


def preview_limits(pictures: Mapping[Kind, NDArray[np.float32]]) -> dict[Kind, Limits]:
    """Choose a run's contrast limits: one range for both phases, from the true one, and one for both contrasts."""
    phase = contrast_limits(pictures["label"], "phase") if "label" in pictures else PHASE_LIMITS_RAD
    low, high = phase or PHASE_LIMITS_RAD
    phase_limits = low, max(high, low + LEAST_PHASE_SPAN_RAD)
    contrast = contrast_limits(pictures["input"], "intensity") or CONTRAST_LIMITS
    return {kind: phase_limits if kind in PHASES else contrast for kind in TITLES}


def usual_limits() -> dict[Kind, Limits]:
    """Return the contrast limits of a run that has not shown anything yet."""
    return {kind: PHASE_LIMITS_RAD if kind in PHASES else CONTRAST_LIMITS for kind in TITLES}


def preview_attributes(
    kind: Kind, data: NDArray[np.float32], left_px: int, corner_um: tuple[float, float] = (0.0, 0.0)
) -> dict[str, Any]:
    """Return the attributes of a preview layer, including the position of its column from the upper left corner."""
    is_phase = kind in PHASES
    image = Image(
        data,
        "YX" if data.ndim == 2 else "TYX",
        pixel_size_um=MODEL_PIXEL_SIZE_UM,
        quantity="phase" if is_phase else "intensity",
        origin_yx_um=(corner_um[0], corner_um[1] + left_px * MODEL_PIXEL_SIZE_UM),
    )
    _, attributes, _ = layer_tuple(image)
    if not is_phase:
        attributes["metadata"][METADATA_KEY]["unit"] = "reference contrast"
    return attributes


def link_limits(viewer: Viewer, layers: Mapping[Kind, ImageLayer]) -> None:
    """Link the contrast limits of both phases, and of both contrasts, so that they stay comparable."""
    for kinds in (PHASES, ("input", "cycled")):
        pair = [layers[kind] for kind in kinds if kind in layers]
        if len(pair) == 2:
            viewer.layers.link_layers(pair, ("contrast_limits",))


class RunStacks:
    """Previews of opened runs as stacks with a slider over the steps, each run above the previous one.

    Parameters
    ----------
    viewer : Viewer
        Viewer in which they are shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: dict[str, list[ImageLayer | PointsLayer]] = {}
        self._tops_um: dict[str, float] = {}

    def add(self, name: str, previews: Sequence[tuple[int, tuple[Preview, ...]]]) -> None:
        """Show a run's previews, leaving out steps whose samples differ from those of the last step."""
        by_step = [(step, montages(images)) for step, images in previews if images]
        if not by_step:
            return
        last = by_step[-1][1]
        same = [
            (step, pictures)
            for step, pictures in by_step
            if pictures.keys() == last.keys() and pictures["input"].shape == last["input"].shape
        ]
        steps = [step for step, _ in same]
        height_px, width_px = last["input"].shape
        height_um = (height_px + ROOM_OF_COLUMN * width_px) * MODEL_PIXEL_SIZE_UM
        top_um = min(self._tops_um.values(), default=0.0) - height_um
        self._tops_um[name] = top_um
        limits, places = preview_limits(last), columns(last)
        added: dict[Kind, ImageLayer] = {}
        for kind in last:
            stack = np.stack([pictures[kind] for _, pictures in same])
            added[kind] = self._add(f"{name}: {TITLES[kind]}", kind, stack, steps, places[kind], top_um, limits[kind])
        link_limits(self._viewer, added)
        axis = step_axis(steps)
        titles = _stack_titles(name, steps, column_titles(places, width_px, top_um / MODEL_PIXEL_SIZE_UM), width_px)
        self._layers[name] = [*added.values(), add_titles(self._viewer, f"{name}: titles", titles, width_px, axis)]
        self._viewer.layers.selection = {added["output"]}
        self._viewer.dims.set_point(self._viewer.dims.ndim - 3, axis[0] + axis[1] * (len(steps) - 1))
        self._viewer.reset_view()

    def remove(self, name: str) -> None:
        """Remove a run's layers from the viewer."""
        for layer in self._layers.pop(name, []):
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._tops_um.pop(name, None)

    def _add(
        self,
        name: str,
        kind: Kind,
        stack: NDArray[np.float32],
        steps: Sequence[int],
        left_px: int,
        top_um: float,
        limits: Limits,
    ) -> ImageLayer:
        attributes = preview_attributes(kind, stack, left_px, (top_um, 0.0))
        first, stride = step_axis(steps)
        attributes |= {
            "name": name,
            "contrast_limits": limits,
            "scale": (stride, *attributes["scale"][1:]),
            "translate": (first, *attributes["translate"][1:]),
            "units": ("pixel", *attributes["units"][1:]),
            "axis_labels": ("step", *attributes["axis_labels"][1:]),
        }
        attributes["metadata"][METADATA_KEY]["settings"] = {"steps": list(steps)}
        return self._viewer.add_image(stack, **attributes)


def _stack_titles(name: str, steps: Sequence[int], titles: Sequence[Title], width_px: int) -> list[Title]:
    """Return titles for each slider position: the run, the step and the columns."""
    (y_px, x_px), _ = titles[0]
    above_px = y_px - 1.7 * GAP_OF_COLUMN * width_px
    return [
        ((float(index), *place), text)
        for index, step in enumerate(steps)
        for place, text in (*titles, ((above_px, x_px), f"{name}, step {step}"))
    ]


def step_axis(steps: Sequence[int]) -> tuple[float, float]:
    """Return the first position of the slider and its spacing: the steps, if they are regular."""
    strides = set(np.diff(steps).tolist())
    if len(strides) == 1:
        return float(steps[0]), float(strides.pop())
    return (float(steps[0]), 1.0) if len(steps) == 1 else (0.0, 1.0)
