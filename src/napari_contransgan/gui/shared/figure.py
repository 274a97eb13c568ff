"""Save a layer as a figure: the picture as it is shown, with a scale bar and a colour bar."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.layers import image_from_layer
from napari_contransgan.gui.shared.preferences import in_folder_for_results
from napari_contransgan.gui.shared.quantity_names import label_of
from napari_contransgan.gui.shared.saving import file_name
from napari_contransgan.gui.shared.surface_layer import displayed_frame
from napari_contransgan.gui.shared.tasks import Task, run_task
from napari_contransgan.io import Image
from napari_contransgan.progress import Progress

TITLE = "Save figure"
FILTER = "PNG (*.png);;SVG (*.svg);;TIFF (*.tif *.tiff)"
ENDINGS = {"PNG": ".png", "SVG": ".svg", "TIFF": ".tif"}

if TYPE_CHECKING:
    Saving = Task[Progress, Path]


def save_figure_of(viewer: Viewer, layer: ImageLayer, parent: QWidget | None = None) -> "Saving | None":
    """Let the user choose a file, and save the frame of a layer that the sliders show.

    Parameters
    ----------
    viewer : Viewer
        Its sliders choose the frame.
    layer : Image layer
        The layer; its colours and contrast limits are used.
    parent : QWidget, optional
        Parent of the dialog; without it the figure is saved even if a widget is closed meanwhile.

    Returns
    -------
    Task or None
        The task that saves; None if the dialog is cancelled.

    Raises
    ------
    InputError
        If the layer is a colour image, has no pixel size, or cannot be read.
    """
    image = displayed_frame(image_from_layer(layer), layer, viewer)
    if image.pixel_size_um is None:
        raise InputError(f"layer '{layer.name}': no pixel size, so that a scale bar has no length: give it in µm")
    limits = float(layer.contrast_limits[0]), float(layer.contrast_limits[1])
    colours = layer.colormap.map(np.linspace(0, 1, 256) ** layer.gamma)
    start = in_folder_for_results(file_name(layer.name) + ENDINGS["PNG"])
    chosen, kind = QFileDialog.getSaveFileName(parent, TITLE, start, FILTER)
    if not chosen:
        return None
    path = with_ending(Path(chosen), kind)
    return run_task(
        lambda: saving_events(image, limits, colours, path),
        title=TITLE,
        on_result=lambda saved: show_info(f"Saved: {saved}"),
        owner=parent,
    )


def with_ending(path: Path, kind: str) -> Path:
    """Return a file name with the ending of the type that was chosen in the dialog, if it has none of the types."""
    if path.suffix.lower() in (*ENDINGS.values(), ".tiff"):
        return path
    return path.with_name(path.name + ENDINGS.get(kind.partition(" ")[0], ENDINGS["PNG"]))


def saving_events(
    image: Image, limits: tuple[float, float], rgba_colours: NDArray[np.floating], path: Path
) -> Generator[Progress, None, Path]:
    """Draw a frame and save it, in a worker thread."""
    yield Progress(0, 1, f"Saving {path.name}")
    from napari_contransgan.drawing import save_figure
    from napari_contransgan.figures import draw_figure

    figure = draw_figure(
        np.asarray(image.data), image.pixel_size_um or 1.0, label_of(image.quantity), limits, rgba_colours
    )
    save_figure(path, figure)
    return path
