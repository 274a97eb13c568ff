"""Convert layers to `io.Image` and back; only this module uses the keywords of napari's ``add_*`` functions.

Every layer of a calibrated image has micrometres on its spatial axes, since napari ignores units that differ between
layers. An image without a pixel size keeps napari's own unit, pixels, which is how `image_from_layer` tells that no
pixel size was stated; a scale without a unit does not count as a pixel size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.layers import Surface as SurfaceLayer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.napari_versions import hide_colour_bar, show_colour_bar
from napari_contransgan.io import QUANTITY_UNITS, Image, Quantity
from napari_contransgan.surface import SurfaceMesh

LayerTuple = tuple[NDArray[Any], dict[str, Any], str]

METADATA_KEY = "napari-contransgan"
DIFFERENCE_KEY = "difference"
"""In the settings of a phase layer that is the difference of two others, and so no specimen's phase."""

SPATIAL_UNIT = "micrometer"
TIME_UNIT = "second"
PHASE_COLORMAP = "viridis"

_COLORMAPS: Mapping[Quantity, str] = MappingProxyType({"intensity": "gray", "phase-std": "magma"})
_SAMPLED_PIXELS = 1_000_000
_AXIS_LETTERS = {"t": "T", "time": "T", "tile": "T", "z": "Z", "c": "C", "channel": "C"}


def layer_tuple(image: Image) -> LayerTuple:
    """Return an image as a layer data tuple, as readers and samples do."""
    data, axes, rgb = _displayable(image)
    pixel_size_um = image.pixel_size_um
    calibrated = pixel_size_um is not None
    z_step_um = image.z_step_um if calibrated else None  # a step in um makes no sense if the other axes are in pixels
    steps = {"T": image.time_step_s, "Z": z_step_um, "Y": pixel_size_um, "X": pixel_size_um}
    spatial_unit = SPATIAL_UNIT if calibrated else "pixel"
    units = {"T": TIME_UNIT, "Z": spatial_unit, "Y": spatial_unit, "X": spatial_unit}
    origin = dict(zip("YX", image.origin_yx_um if calibrated else (0.0, 0.0), strict=True))
    attributes: dict[str, Any] = {
        "name": image.name,
        "rgb": rgb,
        "scale": tuple(steps.get(axis) or 1.0 for axis in axes),
        "units": tuple(units.get(axis, "pixel") for axis in axes),
        "translate": tuple(origin.get(axis, 0.0) for axis in axes),
        "axis_labels": tuple(axis.lower() for axis in axes),
        "metadata": {METADATA_KEY: _metadata(image)},
    }
    if not rgb:
        attributes["colormap"] = _COLORMAPS.get(image.quantity, PHASE_COLORMAP)
        limits = contrast_limits(data, image.quantity)
        if limits is not None:
            attributes["contrast_limits"] = limits
    return data, attributes, "image"


def add_image(viewer: Viewer, image: Image) -> ImageLayer:
    """Add an image to the viewer with its scale, units, position, colours and metadata."""
    data, attributes, _ = layer_tuple(image)
    layer = viewer.add_image(data, **attributes)
    if image.quantity != "intensity":
        only_colour_bar(viewer, layer)
    return layer


def add_tile_stack(viewer: Viewer, tiles: Sequence[Image], name: str) -> ImageLayer:
    """Add the tiles of one image as one layer with a slider, with the first tile aligned with the image.

    If the grid does not divide the frame evenly, all tiles are cropped to the smallest one.
    """
    first = tiles[0]
    rgb = first.axes.endswith("S")
    y_axis = -3 if rgb else -2
    height = min(tile.data.shape[y_axis] for tile in tiles)
    width = min(tile.data.shape[y_axis + 1] for tile in tiles)
    window = (..., slice(height), slice(width)) + ((slice(None),) if rgb else ())
    _, attributes, _ = layer_tuple(first)
    data = np.stack([tile.data[window] for tile in tiles])
    details = attributes["metadata"][METADATA_KEY]
    details["settings"] = {**details["settings"], "tile_origins_yx_um": [list(tile.origin_yx_um) for tile in tiles]}
    attributes |= {
        "name": name,
        "scale": (1.0, *attributes["scale"]),
        "units": ("pixel", *attributes["units"]),
        "translate": (0.0, *attributes["translate"]),
        "axis_labels": ("tile", *attributes["axis_labels"]),
    }
    if not rgb:
        attributes["contrast_limits"] = contrast_limits(data, first.quantity) or attributes.get("contrast_limits")
    return viewer.add_image(data, **attributes)


def add_surface(
    viewer: Viewer, mesh: SurfaceMesh, *, name: str, colormap: str, metadata: Mapping[str, Any]
) -> SurfaceLayer:
    """Add a mesh in micrometres as a surface layer."""
    limits = contrast_limits(mesh.values, "phase")
    layer = viewer.add_surface(
        (mesh.vertices_zyx_um, mesh.faces, mesh.values),
        name=name,
        colormap=colormap,
        shading="smooth",
        units=(SPATIAL_UNIT,) * 3,
        axis_labels=("z", "y", "x"),
        metadata={METADATA_KEY: dict(metadata)},
        **({"contrast_limits": limits} if limits is not None else {}),
    )
    only_colour_bar(viewer, layer)
    return layer


def image_from_layer(layer: ImageLayer) -> Image:
    """Read an image layer back as the image it shows.

    A lazily loaded (dask) layer stays lazy, so that the window does not wait; `in_memory` loads it.

    Raises
    ------
    InputError
        If its pixels are not square, it has axes other than T, Z, C, Y and X, or it is rotated, sheared or moved by
        an affine transform.
    """
    data, attributes, _ = layer.as_layer_data_tuple()
    return image_from_layer_data(data, attributes)


def image_from_layer_data(data: Any, attributes: Mapping[str, Any]) -> Image:
    """Read an image from the data and attributes that napari passes to a writer."""
    pixels = data[0] if attributes.get("multiscale") else data
    known: dict[str, Any] = attributes.get("metadata", {}).get(METADATA_KEY, {})
    name = str(attributes.get("name", "image"))
    _check_upright(attributes, name)
    rgb = bool(attributes.get("rgb"))
    ndim = pixels.ndim - rgb
    scale = [float(step) for step in attributes.get("scale", (1.0,) * ndim)]
    units = list(attributes.get("units") or ("pixel",) * ndim)
    translate = [float(shift) for shift in attributes.get("translate", (0.0,) * ndim)]
    axes = _axes(attributes.get("axis_labels") or (), units, ndim, name)
    to_um = [_factor(unit, SPATIAL_UNIT) for unit in units]
    steps = dict(zip(axes, zip(scale, to_um, strict=True), strict=True))
    pixel_size_um = _pixel_size(steps["Y"], steps["X"], name)
    return Image(
        data=pixels,
        axes=axes + ("S" if rgb else ""),
        pixel_size_um=pixel_size_um,
        z_step_um=_step(steps.get("Z"), known, "z_step_um") if pixel_size_um is not None else known.get("z_step_um"),
        time_step_s=_time_step(axes, scale, units, known),
        origin_yx_um=_origin(translate, to_um) if pixel_size_um is not None else (0.0, 0.0),
        quantity=cast(Quantity, known.get("quantity", "intensity")),
        wavelength_um=known.get("wavelength_um"),
        name=name,
        settings=known.get("settings", {}),
        numerical_aperture=known.get("numerical_aperture"),
        coherence=known.get("coherence"),
        z_falls=known.get("z_falls", False),
        z_um=known.get("z_um"),
        dark_counts=known.get("dark_counts"),
        notes=known.get("notes", ()),
    )


def only_colour_bar(viewer: Viewer, layer: Layer) -> None:
    """Show the colour bar of a new layer, and hide those of the plugin's other layers, which would stand next to it."""
    for other in viewer.layers:
        if other != layer and METADATA_KEY in other.metadata:
            hide_colour_bar(other)
    show_colour_bar(layer)


def in_memory(image: Image) -> Image:
    """Load the pixels of a lazy layer; call it in a worker."""
    return replace(image, data=np.asarray(image.data))


def set_pixel_size(layer: ImageLayer, pixel_size_um: float) -> None:
    """Set the pixel size of a layer, so that results computed from it are aligned with it.

    The z step stated in its file, if any, is applied to its z axis at the same time.
    """
    image = image_from_layer(layer)
    _, attributes, _ = layer_tuple(replace(image, pixel_size_um=pixel_size_um))
    layer.scale = attributes["scale"]
    layer.units = attributes["units"]
    layer.translate = attributes["translate"]
    layer.metadata[METADATA_KEY] = attributes["metadata"][METADATA_KEY]


def contrast_limits(data: NDArray[Any], quantity: str) -> tuple[float, float] | None:
    """Return contrast limits that ignore a few bright or dark pixels; None leaves the choice to napari.

    Percentiles of at most a million pixels: 0.1 and 99.9 for intensity, 0.5 and 99.8 for the other quantities.
    Of lazy data only the first, the middle and the last index of the first axis are loaded.
    """
    if data.dtype.kind not in "uif":
        return None
    if not isinstance(data, np.ndarray) and data.ndim > 2 and len(data) > 3:
        data = data[[0, len(data) // 2, len(data) - 1]]
    stride = max(1, int(np.ceil(np.sqrt(data.size / _SAMPLED_PIXELS))))
    sample = np.asarray(data[..., ::stride, ::stride] if data.ndim > 1 else data, dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return None
    low, high = np.percentile(sample, (0.1, 99.9) if quantity == "intensity" else (0.5, 99.8))
    if low == high:
        low, high = sample.min(), sample.max()
    return (float(low), float(high)) if low < high else None


def _displayable(image: Image) -> tuple[NDArray[Any], str, bool]:
    if not image.axes.endswith("S"):
        return image.data, image.axes, False
    if image.data.shape[-1] in (3, 4):
        return image.data, image.axes[:-1], True
    return np.moveaxis(image.data, -1, 0), "C" + image.axes[:-1], False  # two samples are channels, not colours


def _metadata(image: Image) -> dict[str, Any]:
    return {
        "quantity": image.quantity,
        "unit": QUANTITY_UNITS[image.quantity],
        "pixel_size_um": image.pixel_size_um,
        "z_step_um": image.z_step_um,
        "time_step_s": image.time_step_s,
        "wavelength_um": image.wavelength_um,
        "settings": dict(image.settings),
        "numerical_aperture": image.numerical_aperture,
        "coherence": image.coherence,
        "z_falls": image.z_falls,
        "z_um": image.z_um,
        "dark_counts": image.dark_counts,
        "notes": image.notes,
    }


def _axes(labels: Sequence[str], units: Sequence[Any], ndim: int, name: str) -> str:
    """Return axis letters; axes without a known label are taken as Z, T, C, from the frame outwards."""
    if ndim < 2:
        raise InputError(f"layer '{name}': has {ndim} axis: an image needs at least two")
    stated = [_AXIS_LETTERS.get(str(label).lower(), "") for label in labels[: ndim - 2]] or [""] * (ndim - 2)
    stated = [letter or _letter_of_unit(unit) for letter, unit in zip(stated, units, strict=False)]
    free = [letter for letter in "ZTC" if letter not in stated]
    axes = "YX"
    for letter in reversed(stated):
        if letter and letter not in axes:
            axes = letter + axes
        elif free:
            axes = free.pop(0) + axes
        else:
            raise InputError(
                f"layer '{name}': has {ndim} axes, but only T, Z, C, Y and X can be used: select a part of it first"
            )
    return axes


def _check_upright(attributes: Mapping[str, Any], name: str) -> None:
    """Refuse a transform that an `Image` cannot represent, rather than drop it from the result."""
    for key, what in (("rotate", "rotated"), ("shear", "sheared"), ("affine", "moved by an affine transform")):
        given = attributes.get(key)
        matrix = np.asarray(0.0 if given is None else given, dtype=float)
        if not np.allclose(matrix, np.eye(len(matrix)) if matrix.ndim == 2 else 0.0):
            raise InputError(
                f"layer '{name}': is {what}, which results cannot reproduce: reset its transform, or resample it first"
            )


def _letter_of_unit(unit: Any) -> str:
    return "T" if _factor(unit, TIME_UNIT) is not None else ""


def _factor(unit: Any, target: str) -> float | None:
    """Return the number of target units in one unit; None for a unit of another kind."""
    if isinstance(unit, str):
        return 1.0 if unit == target else None
    if not unit.is_compatible_with(target):
        return None
    return 1.0 if str(unit) == target else float((1.0 * unit).to(target).magnitude)


def _pixel_size(y: tuple[float, float | None], x: tuple[float, float | None], name: str) -> float | None:
    (y_step, y_um), (x_step, x_um) = y, x
    if y_um is None or x_um is None:
        return None
    if not np.isclose(y_step * y_um, x_step * x_um, rtol=1e-3):
        raise InputError(
            f"layer '{name}': its pixels are not square ({y_step * y_um:g} x {x_step * x_um:g} um): resample it first"
        )
    return x_step * x_um


def _step(step: tuple[float, float | None] | None, known: Mapping[str, Any], key: str) -> float | None:
    if step is None or step[1] is None:
        return None
    if known.get(key, step[0]) is None and step[0] == 1.0:
        return None  # the file states none, and none was set later
    return step[0] * step[1]


def _time_step(axes: str, scale: Sequence[float], units: Sequence[Any], known: Mapping[str, Any]) -> float | None:
    if "T" not in axes:
        return None
    position = axes.index("T")
    return _step((scale[position], _factor(units[position], TIME_UNIT)), known, "time_step_s")


def _origin(translate: Sequence[float], to_um: Sequence[float | None]) -> tuple[float, float]:
    y_um, x_um = (shift * (factor or 0.0) for shift, factor in zip(translate[-2:], to_um[-2:], strict=True))
    return y_um, x_um
