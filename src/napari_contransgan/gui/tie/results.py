"""Results of a TIE run: the phase and quantities computed from it, as images, layers and text."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.config import TieSettings
from napari_contransgan.gui.shared.layers import METADATA_KEY, add_image, layer_tuple
from napari_contransgan.gui.shared.quantity_names import NAMES
from napari_contransgan.io import Image, Quantity
from napari_contransgan.measuring import measure_frame
from napari_contransgan.progress import Progress
from napari_contransgan.quantities import Conversions, measured
from napari_contransgan.tie import retrieve_phase


@dataclass(frozen=True)
class MoreResults:
    """What is computed in addition to the phase.

    Parameters
    ----------
    uncertainty : bool
        Whether the standard deviation of the phase is shown.
    conversions : Conversions
        What is computed from the phase.
    """

    uncertainty: bool = False
    conversions: Conversions = field(default_factory=Conversions)


@dataclass(frozen=True)
class TieOutput:
    """Results of a run.

    Parameters
    ----------
    images : tuple of Image
        The phase and the further results, with the names of their layers.
    message : str
        Summary of the numbers.
    notes : tuple of str
        Warnings and remarks for the user.
    planes_may_be_reversed : bool
        Whether the planes may be in the wrong order.
    """

    images: tuple[Image, ...]
    message: str
    notes: tuple[str, ...]
    planes_may_be_reversed: bool


def tie_results(image: Image, settings: TieSettings, more: MoreResults) -> Generator[Progress, None, TieOutput]:
    """Retrieve the phase and convert it, in a worker.

    Parameters
    ----------
    image : Image
        The focus stack; its pixels may be lazy.
    settings : TieSettings
        How the phase is retrieved.
    more : MoreResults
        What else is computed.

    Yields
    ------
    Progress
        As `napari_contransgan.tie.retrieve_phase` does, and before the conversion.

    Returns
    -------
    TieOutput

    Raises
    ------
    InputError
        As `napari_contransgan.tie.retrieve_phase` does, and for invalid numbers.
    """
    more.conversions.check(image.name)
    result = yield from retrieve_phase(image, settings)
    yield Progress(1, 1, "Measuring")
    images = [result.phase]
    if more.uncertainty:
        images.append(result.uncertainty)
    images.extend(convert(result.phase) for convert in more.conversions.functions.values())
    named = tuple(replace(one, name=f"{image.name} {NAMES[one.quantity]} (TIE)") for one in images)
    figures = [f"Phase {phase_range(result.phase)}", f"median uncertainty {_median(result.uncertainty):.2g} rad"]
    message = ", ".join(figures) + "."
    increment = more.conversions.refractive_increment_um3_per_pg
    if increment is not None:
        message = f"{message}\n{_mass_text(result.phase, increment)}"
    return TieOutput(
        images=named,
        message=message,
        notes=result.notes,
        planes_may_be_reversed="flip_z" in result.hints,
    )


def phase_range(phase: Image) -> str:
    """Return the smallest and the largest phase, as text."""
    values_rad = phase.data[measured(phase)]
    return f"{float(values_rad.min()):.2f} to {float(values_rad.max()):.2f} rad"


def show_output(
    viewer: Viewer, output: TieOutput, stack: Image, former: Mapping[Quantity, ImageLayer]
) -> dict[Quantity, ImageLayer]:
    """Show images as layers, replacing those of the previous run where these fit, and as new layers otherwise.

    Layers of the previous run that are not computed again are removed, since they no longer match. All layers except
    the phase are added hidden, since they overlap.

    Parameters
    ----------
    viewer : Viewer
        Viewer to which they are added.
    output : TieOutput
        Results of the run.
    stack : Image
        The focus stack.
    former : mapping
        Layers of the previous run, which are replaced.

    Returns
    -------
    dict
        The layer of each quantity.
    """
    shown: dict[Quantity, ImageLayer] = {}
    for image in (_over_all_planes(one, stack) for one in output.images):
        layer = former.get(image.quantity)
        if layer is not None and layer in viewer.layers and layer.data.shape == image.data.shape:
            _replace(layer, image)
            _centre(layer, image, stack)
        else:
            layer = add_image(viewer, image)
            layer.visible = image.quantity == "phase"
            _centre(layer, image, stack)
        shown[image.quantity] = layer
    for layer in former.values():
        if layer in viewer.layers and layer not in shown.values():
            viewer.layers.remove(layer)
    viewer.layers.selection.active = shown["phase"]
    return shown


def layers_text(shown: Mapping[Quantity, ImageLayer]) -> str:
    """Return a text that names the layers."""
    text = f"Done: layer '{shown['phase'].name}', in radians."
    hidden = [NAMES[quantity] for quantity, layer in shown.items() if not layer.visible]
    if hidden:
        text = f"{text} Hidden in the layer list: {', '.join(hidden)}."
    return text


def _over_all_planes(image: Image, stack: Image) -> Image:
    """Give frames over time a single plane that is as thick as the stack.

    napari aligns axes from the last one: without the plane, the stack's focus slider would change the time point.
    """
    if image.axes != "TYX" or "Z" not in stack.axes:
        return image
    count = stack.data.shape[stack.axes.index("Z")]
    return replace(image, data=image.data[:, np.newaxis], axes="TZYX", z_step_um=count * (stack.z_step_um or 1.0))


def _centre(layer: ImageLayer, image: Image, stack: Image) -> None:
    """Align the middle of the thick plane with that of the stack."""
    if image.axes == "TZYX":
        count = stack.data.shape[stack.axes.index("Z")]
        time, _, y, x = layer.translate
        layer.translate = (time, layer.scale[1] * (count - 1) / (2 * count), y, x)


def _replace(layer: ImageLayer, image: Image) -> None:
    data, attributes, _ = layer_tuple(image)
    layer.data = data
    for attribute in ("scale", "units", "translate", "contrast_limits"):
        if attribute in attributes:
            setattr(layer, attribute, attributes[attribute])
    layer.metadata[METADATA_KEY] = attributes["metadata"][METADATA_KEY]


def _median(image: Image) -> float:
    sample = image.data[..., ::2, ::2]
    return float(np.median(sample[np.isfinite(sample)]))


def _mass_text(phase: Image, increment_um3_per_pg: float) -> str:
    is_series = phase.axes != "YX"
    number = next((index for index, frame in enumerate(phase.data) if frame.any()), 0) if is_series else 0
    frame = replace(phase, data=phase.data[number], axes="YX") if is_series else phase
    found = measure_frame(frame, increment_um3_per_pg).objects
    where = f" of time point {number + 1}" if number else " of the first time point" if is_series else ""
    if not found:
        return f"Dry mass{where}: no objects were found."
    total_pg = sum(one.dry_mass_pg for one in found)
    cut = sum(one.touches_edge for one in found)
    objects = f"{len(found)} object{'s' if len(found) > 1 else ''}"
    return f"Dry mass{where}: {total_pg:.4g} pg in {objects}{f', {cut} of them cut by the border' if cut else ''}."
