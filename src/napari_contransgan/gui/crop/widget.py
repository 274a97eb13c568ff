"""Dock widget: divide a frame into tiles, shown as a layer and saved as a folder of training files."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.config import PredictSettings, TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.fields import Tick
from napari_contransgan.gui.shared.form import FormWidget, chosen_layer, layer_choice
from napari_contransgan.gui.shared.layers import add_tile_stack, image_from_layer, in_memory, set_pixel_size
from napari_contransgan.gui.shared.next_steps import with_images
from napari_contransgan.gui.shared.optics_fields import remember_typed, state_optics
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import errors_shown
from napari_contransgan.io import Image
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.tiles import crop_tiles, save_tiles, training_notes

TITLE = "Crop into tiles"


class CropWidget(FormWidget):
    """Divides a frame into a grid of tiles: one layer with a slider, and one file for each tile."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.image = layer_choice(viewer, name="image", label="Image", tooltip="The layer that is divided into tiles.")
        self.folder = FileEdit(
            name="folder",
            label="Save in folder",
            mode=FileDialogMode.EXISTING_DIRECTORY,
            nullable=True,
            tooltip="Each tile is saved here as an OME-TIFF with its pixel size and position. A tile of a focus stack "
            "or a time series holds all planes and time points, and training uses each of them as an image. Tiles of "
            "other images or grids are not replaced. Empty: nothing is saved.",
        )
        self.panel = RunPanel("Crop", "Divides the image into tiles.")
        fields = Rows()
        fields.add_magicgui(self.image)
        fields.add_settings(TileSettings, "rows", "columns", "overlap_px")
        fields.add_setting(
            PredictSettings, "pixel_size_um", hint="It gives each tile its position, and training needs it."
        )
        fields.add_magicgui(self.folder)
        fields.add(
            "show_layer",
            "",
            Tick("Show the tiles as a layer"),
            "Adds one layer whose slider goes from tile to tile, row by row. The image itself is hidden.",
        ).setValue(True)
        super().__init__(fields, [self.panel], tab="Crop")
        self.rows, self.columns, self.overlap = fields["rows"], fields["columns"], fields["overlap_px"]
        self.pixel_size, self.show_layer = fields["pixel_size_um"], fields["show_layer"]
        self.image.changed.connect(self._on_image)
        self.panel.run_button.changed.connect(self.run)
        self._on_image(self.image.value)

    def settings(self) -> TileSettings:
        """Read the form."""
        return checked(TileSettings, self.fields.values_of(TileSettings), TITLE)

    def run(self) -> None:
        """Start cropping."""
        with errors_shown():
            layer = chosen_layer(self.image)
            image = image_from_layer(layer)
            remember_typed(self.fields.by_name(), image)
            if self.pixel_size.number is not None:
                image = replace(image, pixel_size_um=check_pixel_size(self.pixel_size.number, TITLE))
            settings = self.settings()
            folder = self.folder.value if isinstance(self.folder.value, Path) else None
            # Read now: the user may edit the form while the tiles are cut.
            typed, shown = self.pixel_size.typed, self.show_layer.value()
            if folder is None and not shown:
                raise InputError("Crop into tiles: nothing to do: choose a folder, or tick 'Show the tiles as a layer'")
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
                set_pixel_size(layer, stated)  # so that the tiles are aligned with the image
            added = add_tile_stack(self._viewer, tiles, name=f"{layer.name} tiles")
            self.panel.offer_to_save(self._viewer, [added], layer)
            layer.visible = False  # all tiles are shown where the first one is
            self._viewer.reset_view()
        if folder is not None:
            done = f"{done}, saved in {folder}"
            self.panel.offer_next(with_images(self._viewer, folder, is_phase=tiles[0].quantity == "phase"))
        notes = [*tiles[0].notes, *training_notes(tiles)]
        return "\n".join([done, *(f"Note: {note.rstrip('.')}." for note in notes)])

    def _on_image(self, layer: ImageLayer | None) -> None:
        if layer is not None:
            with errors_shown():
                state_optics(self.fields.by_name(), image_from_layer(layer), layer)


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
