"""Sub-tiles of a frame: a grid for training, an overlapping cover for inference, and the weights to blend it."""

from napari_contransgan.tiles.files import TRAINING_CROP_PX, crop_tiles, save_tiles, training_notes, write_tiles
from napari_contransgan.tiles.geometry import Tile, blend_window, cover, partition

__all__ = [
    "TRAINING_CROP_PX",
    "Tile",
    "blend_window",
    "cover",
    "crop_tiles",
    "partition",
    "save_tiles",
    "training_notes",
    "write_tiles",
]
