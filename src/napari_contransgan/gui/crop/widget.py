"""Dock widget: divide a frame into tiles, as a layer to look through and as a folder of files to train on."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, Container, FileEdit, SpinBox, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.config import TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.form import chosen_layer, form, layer_choice, origin_of, pixel_size_field
from napari_contransgan.gui.shared.layers import add_tile_stack, image_from_layer, in_memory, set_pixel_size
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.tiles import crop_tiles, save_tiles, training_notes

TITLE = "Crop into tiles"


class CropWidget(Container[Widget]):
    """Choose a frame and a grid, press Crop: one layer with a slider through the tiles, and one file for each."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.image = layer_choice(viewer, name="image", label="Image", tooltip="The layer to divide.")
        self.rows = SpinBox(
            name="rows", label="Rows", value=4, min=1, max=100, tooltip="Tiles from top to bottom. 4 x 4 brings a "
            "10x frame to the field of view of a 40x frame.",
        )  # fmt: skip
        self.columns = SpinBox(
            name="columns", label="Columns", value=4, min=1, max=100, tooltip="Tiles from left to right."
        )
        self.overlap = SpinBox(
            name="overlap",
            label="Overlap (px)",
            value=0,
            min=0,
            max=10_000,
            tooltip="How many pixels neighbouring tiles share.",
        )
        self.pixel_size = pixel_size_field("each tile gets its place from it, and training needs it.")
        self.show_layer = CheckBox(
            name="show_layer",
            label="",
            text="Show the tiles as a layer",
            value=True,
            tooltip="One layer; the slider goes from tile to tile, row by row. The image itself is hidden.",
        )
        self.folder = FileEdit(
            name="folder",
            label="Save in folder",
            mode=FileDialogMode.EXISTING_DIRECTORY,
            nullable=True,
            tooltip="One OME-TIFF for each tile goes here, with pixel size and position; a tile of a focus stack or a "
            "series has all its planes and time points, and training uses each as an image. Tiles of other images "
            "or grids are not replaced. Empty: nothing is saved.",
        )
        self.panel = RunPanel("Crop", "Divide the image.")
        fields = form(self.image, self.rows, self.columns, self.overlap, self.pixel_size, self.folder, self.show_layer)
        super().__init__(labels=False, widgets=[fields, self.panel])
        self.image.changed.connect(self._on_image)
        self.panel.run_button.changed.connect(self.run)
        self._on_image(self.image.value)

    def settings(self) -> TileSettings:
        """Read the form."""
        values = {"rows": self.rows.value, "columns": self.columns.value, "overlap_px": self.overlap.value}
        return TileSettings.checked(values, source=TITLE)

    def run(self) -> None:
        """Start cropping."""
        with errors_shown():
            layer = chosen_layer(self.image)
            image = image_from_layer(layer)
            if self.pixel_size.number is not None:
                image = replace(image, pixel_size_um=check_pixel_size(self.pixel_size.number, TITLE))
            settings = self.settings()
            folder = self.folder.value if isinstance(self.folder.value, Path) else None
            # As they stand now, whatever is typed meanwhile.
            typed, shown = self.pixel_size.typed, self.show_layer.value
            if folder is None and not shown:
                raise InputError("Crop into tiles: choose a folder, or tick 'Show the tiles as a layer'")
            self.panel.start(
                lambda: crop_and_save(image, settings, folder),
                title=TITLE,
                on_result=lambda tiles: self._add(tiles, layer, folder, typed=typed, shown=shown),
            )

    def _add(self, tiles: list[Image], layer: ImageLayer, folder: Path | None, *, typed: bool, shown: bool) -> str:
        done = f"Done: {len(tiles)} tiles"
        if shown:
            stated = tiles[0].pixel_size_um
            if typed and stated is not None and layer in self._viewer.layers:
                set_pixel_size(layer, stated)  # else the tiles would not lie over their image
            add_tile_stack(self._viewer, tiles, name=f"{layer.name} tiles")
            layer.visible = False  # all tiles are shown in the place of the first
            self._viewer.reset_view()
        if folder is not None:
            done = f"{done}, saved in {folder}"
        notes = [*tiles[0].notes, *training_notes(tiles)]
        return "\n".join([done, *(f"Note: {note.rstrip('.')}." for note in notes)])

    def _on_image(self, layer: ImageLayer | None) -> None:
        if layer is not None:
            with errors_shown():
                self.pixel_size.state(image_from_layer(layer).pixel_size_um, origin_of(layer))


def crop_and_save(image: Image, settings: TileSettings, folder: Path | None) -> Generator[Progress, None, list[Image]]:
    """Divide an image and write each tile to a file, if there is a folder.

    Parameters
    ----------
    image : Image
        The frame.
    settings : TileSettings
        The grid.
    folder : Path or None
        Where the OME-TIFFs go, see `napari_contransgan.tiles.save_tiles`.

    Yields
    ------
    Progress
        After each file.

    Returns
    -------
    list of Image
        The tiles, row by row.
    """
    yield Progress(0, 1, "Cropping")
    tiles = crop_tiles(in_memory(image), settings)
    if folder is not None:
        yield from save_tiles(tiles, folder)
    return tiles
