"""What has been done in a viewer, and what comes next, read from its layers."""

from collections.abc import Iterable
from dataclasses import dataclass

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from napari.layers import Surface as SurfaceLayer

from napari_contransgan.gui.shared.layers import DIFFERENCE_KEY, METADATA_KEY


@dataclass(frozen=True)
class Found:
    """The layers of a viewer, by what they are.

    Parameters
    ----------
    images, stacks, phases, surfaces, tables : tuple of Layer
        Images that are not computed, those of them with several planes, phase maps, surfaces of phase maps, and labels
        with a table of dry masses.
    results : tuple of Image layer
        Everything that was computed and can be saved as an image.
    """

    images: tuple[ImageLayer, ...]
    stacks: tuple[ImageLayer, ...]
    phases: tuple[ImageLayer, ...]
    surfaces: tuple[Layer, ...]
    tables: tuple[Layer, ...]
    results: tuple[ImageLayer, ...]


def found_in(layers: Iterable[Layer]) -> Found:
    """Sort the layers of a viewer."""
    every = list(layers)
    pictures = [layer for layer in every if isinstance(layer, ImageLayer)]
    results = [layer for layer in pictures if quantity_of(layer) not in ("", "intensity")]
    images = [layer for layer in pictures if layer not in results]
    return Found(
        images=tuple(images),
        stacks=tuple(layer for layer in images if layer.ndim > 2 and not layer.rgb),
        phases=tuple(layer for layer in results if quantity_of(layer) == "phase" and not is_difference(layer)),
        surfaces=tuple(layer for layer in every if isinstance(layer, SurfaceLayer) and METADATA_KEY in layer.metadata),
        tables=tuple(
            layer for layer in every if isinstance(layer, LabelsLayer) and "dry_mass_pg" in layer.features.columns
        ),
        results=tuple(results),
    )


def quantity_of(layer: Layer) -> str:
    """Return what the values of a layer are, as its file or its computation states; empty if nothing does."""
    return str(layer.metadata.get(METADATA_KEY, {}).get("quantity", ""))


def is_difference(layer: Layer) -> bool:
    """Return whether a layer is the difference of two phase maps."""
    return DIFFERENCE_KEY in layer.metadata.get(METADATA_KEY, {}).get("settings", {})


def preferred(layers: tuple[ImageLayer, ...], active: Layer | None) -> ImageLayer | None:
    """Return the active layer if it is one of these, and otherwise the newest of them."""
    return next((layer for layer in layers if layer == active), layers[-1] if layers else None)
